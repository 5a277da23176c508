"""Numbers of bags: a value in its unit, and a time to an event."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from inklings.bags.outcomes.survival import Survival
from inklings.cohorts.cohort import Cohort
from inklings.errors import SpecError
from inklings.evaluation.evaluate import evaluate
from inklings.exports.bags import columns_of, row_of
from inklings.inference.predict import predict
from inklings.labels.kinds import SurvivalLabel, ValueLabel
from inklings.predictions.bags import BagPrediction
from inklings.predictions.head import Head
from inklings.reports.bag_pictures import shown_bags
from inklings.runs.run import Run, RunRecord
from inklings.simulation.phantoms.bags import survival_bags, value_bags, vector_bags
from inklings.spec import BagExperiment
from inklings.tasks.train import train
from inklings.testing.bags import bag_experiment


def experiment(cohort: Path, task: str, steps: int = 60, **changes: Any) -> BagExperiment:
    loss = "huber" if task == "regression" else "cox"
    usual = {"loss": loss, "model__pooling": "mean", "training__batch_size": 16}
    return bag_experiment(cohort, steps, **{**usual, **changes})


def predicted(run: Path, cohort: Path, out: Path) -> tuple[list[BagPrediction], list[Any]]:
    predict(run, [cohort], out, split="test")
    cases = Cohort.read(cohort).part("test")
    return [BagPrediction.read(out, case.id) for case in cases], [c.labels[0] for c in cases]


def test_a_value_is_learnt_and_said_in_its_unit(tmp_path: Path) -> None:
    value_bags(tmp_path / "c")
    train(experiment(tmp_path / "c", "regression", 200), tmp_path / "run")
    said, labels = predicted(tmp_path / "run", tmp_path / "c", tmp_path / "p")
    truth = np.array([label.value for label in labels if isinstance(label, ValueLabel)])
    value = np.array([one.values[0] for one in said if one.values is not None])
    facts = RunRecord.read(tmp_path / "run").facts["outcome"]
    assert np.abs(value - truth).mean() < 0.4 * np.abs(facts["mean"] - truth).mean()
    scores = evaluate(tmp_path / "p", tmp_path / "c")
    assert scores["mae"].value == pytest.approx(np.abs(value - truth).mean())
    assert scores["mae"].low < scores["mae"].value < scores["mae"].high
    assert scores["mae"].high < scores["mae_of_mean"].value
    assert scores["r2"].value > 0.7
    assert scores["instance_auc"].value > 0.9
    assert "instance_ece" not in scores  # a number is no probability
    exported = row_of(said[0], Head.read(tmp_path / "p"))
    assert exported == {
        "case": said[0].case, "instances": len(said[0].instances), "score": pytest.approx(value[0])
    }  # fmt: skip
    assert columns_of(said[0], Head.read(tmp_path / "p"))["score score"].mean() > 30
    assert "score" in shown_bags(tmp_path / "p", tmp_path / "c", 2)[0].title
    head = Head.read(tmp_path / "p")
    assert (head.thresholds, head.settings["values"]) == ((), ["score"])
    assert "in the unit of the label" in head.settings["evidence"]
    # The mean of instances is the bag, and what an instance adds is in the same unit.
    one = said[0]
    assert one.values is not None
    assert one.contribution is not None
    assert one.probability.shape == (0,)
    assert one.instances.mean() == pytest.approx(one.values[0], rel=1e-4)
    assert np.ptp(one.contribution) * len(one.instances) == pytest.approx(
        np.ptp(one.instances), rel=1e-3
    )


def test_a_hazard_is_learnt_and_survival_follows(tmp_path: Path) -> None:
    survival_bags(tmp_path / "c")
    spec = experiment(tmp_path / "c", "survival", inference={"times": [5, 20]})
    train(spec, tmp_path / "run")
    said, labels = predicted(tmp_path / "run", tmp_path / "c", tmp_path / "p")
    values = np.array([one.values for one in said])
    value = np.array([(k.time, k.event) for k in labels if isinstance(k, SurvivalLabel)])
    facts = RunRecord.read(tmp_path / "run").facts["outcome"]
    assert Survival(facts).score(values[:, 0], value) > 0.7
    scores = evaluate(tmp_path / "p", tmp_path / "c", compare=tmp_path / "p")
    assert scores["concordance"].value > 0.7
    assert scores["concordance"].low > 0.5
    assert scores["concordance_ipcw"].value > 0.7
    assert scores.changes[0].value == 0
    names = Head.read(tmp_path / "p").settings["values"]
    assert names == ["log hazard", "months > 5", "months > 20"]
    assert ((values[:, 1:] >= 0) & (values[:, 1:] <= 1)).all()
    assert (values[:, 1] >= values[:, 2]).all()
    assert np.corrcoef(values[:, 0], values[:, 2])[0, 1] < -0.8


def test_the_same_seed_gives_the_same_weights(tmp_path: Path) -> None:
    survival_bags(tmp_path / "c", 24)
    spec = experiment(tmp_path / "c", "survival", 6, training__batch_size=8)
    train(spec, tmp_path / "a")
    train(spec, tmp_path / "b")
    one, other = (Run.load(tmp_path / name).model.state_dict() for name in "ab")
    assert all(torch.equal(one[k], other[k]) for k in one)


@pytest.mark.parametrize(
    ("task", "pooling"),
    [
        ("survival", "gated_attention"), ("regression", "additive"), ("survival", "transmil"),
        ("survival", "dsmil"), ("regression", "clam_sb"), ("regression", "lse"),
    ],
)  # fmt: skip
def test_every_pooling_takes_a_number(tmp_path: Path, task: str, pooling: str) -> None:
    (value_bags if task == "regression" else survival_bags)(tmp_path / "c", 24)
    spec = experiment(tmp_path / "c", task, 2, model__pooling=pooling, training__validate_every=1)
    train(spec, tmp_path / "run")
    said, _ = predicted(tmp_path / "run", tmp_path / "c", tmp_path / "p")
    assert all(one.values is not None and math.isfinite(one.values[0]) for one in said)
    head = (tmp_path / "run" / "metrics.csv").read_text().splitlines()[0]
    assert ("val_correlation" if task == "regression" else "val_concordance") in head


@pytest.mark.parametrize(
    ("task", "changes", "message"),
    [
        ("survival", {"training__batch_size": 1}, "batch_size: expected 2 or more"),
        ("survival", {"loss": "bag"}, "the task is survival, expected loss cox"),
        ("regression", {"loss": "cox"}, "expected loss huber or mse"),
        ("regression", {"model__pooling": "noisy_or"}, "its answer is a probability"),
        ("regression", {"inference": {"threshold": 0.4}}, "inference.threshold: does not apply"),
        ("regression", {"inference": {"times": [3]}}, "inference.times: does not apply"),
        ("survival", {"inference": {"times": [1e9]}}, "expected times up to"),
    ],
)
def test_what_means_nothing_is_refused(
    tmp_path: Path, task: str, changes: dict[str, Any], message: str
) -> None:
    (value_bags if task == "regression" else survival_bags)(tmp_path / "c", 24)
    with pytest.raises(SpecError, match=message):
        train(experiment(tmp_path / "c", task, 2, **changes), tmp_path / "run")


def test_classes_and_numbers_are_told_apart(tmp_path: Path) -> None:
    vector_bags(tmp_path / "c", 12)
    with pytest.raises(SpecError, match="loss huber: expected one for classes"):
        train(experiment(tmp_path / "c", "regression", 2), tmp_path / "run")
    spec = experiment(tmp_path / "c", "survival", 2, bags={"task": "survival"})
    with pytest.raises(SpecError, match="expected one label that is a number"):
        train(spec, tmp_path / "run")
    value_bags(tmp_path / "v", 24)
    train(experiment(tmp_path / "v", "regression", 1), tmp_path / "r")
    with pytest.raises(SpecError, match="--threshold: does not apply"):
        predict(tmp_path / "r", [tmp_path / "v"], tmp_path / "p", threshold=0.4)
