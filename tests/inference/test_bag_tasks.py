"""Grades, exclusive classes and several questions, from training to scores."""

from pathlib import Path

import numpy as np
import pytest

from inklings.bags.writer import MadeBag, write_bags
from inklings.cohorts.case import SPLITS
from inklings.evaluation.evaluate import evaluate
from inklings.inference.predict import predict
from inklings.predictions.bags import BagPrediction
from inklings.predictions.folder import PredictionFolder
from inklings.tasks.train import train
from inklings.testing.bags import bag_experiment


def graded(folder: Path, task: str) -> None:
    """Bags of grade 0, 1 or 2; the highest first feature in the bag is 0, 4 or 8."""
    rng = np.random.default_rng(0)
    made = []
    for i in range(90):
        values = rng.normal(scale=0.5, size=(int(rng.integers(1, 6)), 3)).astype(np.float32)
        values[0, 0] += 4 * (i % 3)
        exclusive = tuple(i % 3 == k for k in range(3))
        present = (i % 3 >= 1, i % 3 >= 2, None if i % 2 else False)
        split = SPLITS[(0, 0, 0, 0, 1, 2)[i // 3 % 6]]
        said = present if task == "multilabel" else exclusive
        made.append(MadeBag(f"b{i:02d}", values, said, split=split))
    write_bags(folder, "graded", ("g0", "g1", "g2"), made, {"task": task})


@pytest.mark.parametrize(
    ("task", "metric"), [("ordinal", "qwk"), ("multiclass", "accuracy"), ("multilabel", "auc")]
)
def test_tasks_are_learnt_and_scored(tmp_path: Path, task: str, metric: str) -> None:
    graded(tmp_path / "c", task)
    pooling = "gated_attention" if task == "multilabel" else "max"
    spec = bag_experiment(tmp_path / "c", 150, model__pooling=pooling)
    train(spec, tmp_path / "run")
    predict(tmp_path / "run", [tmp_path / "c"], tmp_path / "p", split="test")
    for case in PredictionFolder.open(tmp_path / "p").cases:
        said = BagPrediction.read(tmp_path / "p", case)
        assert said.probability.shape == (3,)
        if task != "multilabel":
            assert said.probability.sum() == pytest.approx(1)
    table = evaluate(tmp_path / "p", tmp_path / "c")
    assert table[metric].value > 0.8
    assert table[metric].low <= table[metric].value
