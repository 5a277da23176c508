"""What is trained on labels of instances says so, for good."""

from pathlib import Path

import pytest

from inklings.datasets.importing import run
from inklings.errors import DataError
from inklings.evaluation.leaked_instances import WARNING, LeakedInstances
from inklings.runs.run import RunRecord
from inklings.simulation.phantoms.bags import vector_bags
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


def test_a_cohort_without_such_labels_has_none_to_leak(tmp_path: Path) -> None:
    vector_bags(tmp_path / "c", 12)
    (tmp_path / "c" / "instance_truth.parquet").unlink()
    with pytest.raises(DataError, match="labels of instances, got none"):
        run(LeakedInstances(tmp_path / "c"), tmp_path / "leaked", 1)
