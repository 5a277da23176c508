"""Cross-validation of a bag experiment."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from inklings.cli import app
from inklings.errors import DataError
from inklings.pipelines.cross_validation import cross_validate
from inklings.pipelines.sitting import Plan
from inklings.simulation.phantoms.bags import vector_bags
from inklings.testing.bags import bag_experiment


def test_folds_are_scored_and_not_done_twice(tmp_path: Path) -> None:
    vector_bags(tmp_path / "c", 36)
    spec = bag_experiment(tmp_path / "c", 40)
    plan = Plan(3, 2, members=2)
    scores = {s.name: s for s in cross_validate(spec, tmp_path / "cv", plan)}
    assert scores["auc"].mean > 0.8
    assert scores["auc"].low <= scores["auc"].mean <= scores["auc"].high
    files = sorted((tmp_path / "cv" / "folds").iterdir())
    stamps = [f.stat().st_mtime_ns for f in files]
    files[0].unlink()
    again = {s.name: s for s in cross_validate(spec, tmp_path / "cv", plan)}
    assert again == scores
    assert [f.stat().st_mtime_ns for f in files][1:] == stamps[1:]
    with pytest.raises(DataError, match="another cross-validation"):
        cross_validate(spec, tmp_path / "cv", Plan(3, 3))


def test_the_command_prints_a_table(tmp_path: Path) -> None:
    vector_bags(tmp_path / "c", 12)
    bag_experiment(tmp_path / "c", 2).write(tmp_path / "e.yaml")
    words = ["crossval", tmp_path / "e.yaml", "--out", tmp_path / "cv", "--folds", 2]
    done = CliRunner().invoke(app, [str(w) for w in [*words, "--repeats", 1, "--val", 0.25]])
    assert done.exit_code == 0, done.output
    assert "accuracy" in done.output
