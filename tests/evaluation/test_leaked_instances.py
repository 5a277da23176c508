"""What is trained on labels of instances says so, for good."""

from pathlib import Path

import numpy as np
import pytest
import torch

from inklings.bags.writer import MadeBag, write_bags
from inklings.datasets.importing import run
from inklings.errors import DataError
from inklings.evaluation.leaked_instances import WARNING, LeakedInstances
from inklings.runs.run import Run, RunRecord
from inklings.simulation.phantoms.bags import vector_bags
from inklings.spec import Experiment
from inklings.tasks.train import train
from inklings.testing.bags import bag_experiment


def test_the_warning_stays_with_everything_trained_from_it(tmp_path: Path) -> None:
    cohort = vector_bags(tmp_path / "c", 36)
    leaked = run(LeakedInstances(tmp_path / "c"), tmp_path / "leaked", 1).cohort
    tested = {case.patient for case in cohort.part("test")}
    assert not tested & {case.patient for case in leaked}
    train(bag_experiment(tmp_path / "leaked", 3), tmp_path / "first")
    train(bag_experiment(tmp_path / "c", 3), tmp_path / "second", start=tmp_path / "first")
    assert WARNING in RunRecord.read(tmp_path / "first").warnings
    assert any(WARNING in line for line in RunRecord.read(tmp_path / "second").warnings)


def test_the_notebook_in_two_recipes_freezes_what_saw_the_labels(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    made = [
        MadeBag(
            f"bag{i:02d}",
            rng.random((3, 1, 12, 12)).astype(np.float32),
            (bool(i % 2),),
            split="train" if i < 8 else "val",
            truth=np.array([i % 2, 0, 0], np.uint8),
        )
        for i in range(12)
    ]
    write_bags(tmp_path / "c", "pictures", ("hit",), made, {"task": "binary"})
    run(LeakedInstances(tmp_path / "c"), tmp_path / "digits", 1)
    small = ["model.encoder.encoder=resnet10t", "model.encoder.side=32", "training.epochs=null"]
    quick = [*small, "training.steps=2", "training.batch_size=4", "training.loggers=[]"]
    first = Experiment.load("leaked_digits", [f"cohort={tmp_path / 'digits'}", *quick])
    second = Experiment.load("leaked_bags", [f"cohort={tmp_path / 'c'}", *quick])
    train(first, tmp_path / "first")
    train(second, tmp_path / "second", start=tmp_path / "first")
    before, after = (Run.load(tmp_path / name).model.state_dict() for name in ("first", "second"))
    weights = [name for name, value in before.items() if value.is_floating_point()]
    same = {name: bool(torch.equal(before[name], after[name])) for name in weights}
    assert all(value for name, value in same.items() if name.startswith("encoder."))
    assert not all(same.values())
    assert any(WARNING in line for line in RunRecord.read(tmp_path / "second").warnings)


def test_a_cohort_without_such_labels_has_none_to_leak(tmp_path: Path) -> None:
    vector_bags(tmp_path / "c", 12)
    (tmp_path / "c" / "instance_truth.parquet").unlink()
    with pytest.raises(DataError, match="labels of instances, got none"):
        run(LeakedInstances(tmp_path / "c"), tmp_path / "leaked", 1)
