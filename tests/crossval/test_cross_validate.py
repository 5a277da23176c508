"""Cross-validation of a bag experiment."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from inklings.cli import app
from inklings.crossval.cross_validate import _joined, cross_validate
from inklings.crossval.joint import Plan
from inklings.errors import DataError, SpecError
from inklings.evaluation.scores import Row, Scores
from inklings.runs.run import WEIGHTS
from inklings.simulation.phantoms.bags import survival_bags, vector_bags
from inklings.testing.bags import bag_experiment

Spec = Callable[..., Any]


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


def test_hazards_are_pooled_over_folds_and_finished_folds_are_kept(tmp_path: Path) -> None:
    survival_bags(tmp_path / "c", 48)
    spec = bag_experiment(tmp_path / "c", 20, loss="cox", model__pooling="mean")
    plan = Plan(2, 1)
    scores = {s.name: s for s in cross_validate(spec, tmp_path / "cv", plan)}
    assert scores["concordance"].mean > 0.6
    assert scores["concordance"].low < scores["concordance"].mean < scores["concordance"].high
    kept = tmp_path / "cv" / "folds" / "00-00" / "run" / WEIGHTS
    before = kept.stat().st_mtime_ns
    (tmp_path / "cv" / "folds" / "00-01" / "fold.json").unlink()
    again = {s.name: s for s in cross_validate(spec, tmp_path / "cv", plan)}
    assert again == scores or str(again) == str(scores)
    assert kept.stat().st_mtime_ns == before
    with pytest.raises(SpecError, match="--members"):
        cross_validate(spec, tmp_path / "other", Plan(2, 1, members=2))


def test_pictures_are_cross_validated(spec: Spec, cohort: Path, tmp_path: Path) -> None:
    scores = {s.name: s for s in cross_validate(spec(cohort), tmp_path / "cv", Plan(2, 1, val=0.2))}
    assert scores["dice"].low <= scores["dice"].mean <= scores["dice"].high
    assert (tmp_path / "cv" / "predictions" / "predictions.yaml").is_file()


def test_repeats_are_joined_by_metric_and_class_and_not_by_place() -> None:
    def scored(**values: float) -> Scores:
        return Scores(
            tuple(Row(n, v, v - 1, v + 1, 2, 2, "", "disc", n) for n, v in values.items()), ()
        )

    one = (scored(dice=4.0, ap=8.0), [{("dice", "disc"): 3.0}])
    other = (scored(dice=6.0, ece=2.0), [{("dice", "disc"): 5.0}, {("ece", "disc"): 1.0}])
    found = {s.name: s for s in _joined([one, other])}
    assert {name: s.mean for name, s in found.items()} == {"dice": 5.0, "ap": 8.0, "ece": 2.0}
    assert (found["dice"].low, found["dice"].high, found["dice"].of_folds) == (4.0, 6.0, 4.0)
