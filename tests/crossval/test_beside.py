"""Two cross-validations of the same folds: the better one, or their mean."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from inklings.cli import app
from inklings.cohorts.cohort import Cohort
from inklings.crossval.beside import BOTH, choose_beside, require_beside
from inklings.crossval.cross_validate import cross_validate
from inklings.crossval.folds import predictions_of
from inklings.crossval.joint import Plan
from inklings.errors import DataError, SpecError
from inklings.files import write_json, write_yaml
from inklings.labels.kinds import MaskLabel
from inklings.predictions.dense import DensePrediction
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.head import CROSS_VALIDATED, MEMBERS, Head, Provenance
from inklings.readers import open_image
from inklings.runs.members import CHOSEN, CROSSVAL, RUNS, SCORES, Chosen, members_of
from inklings.testing.bags import bag_experiment

Spec = Callable[..., Any]


def finished(cohort: Path, out: Path, levels: tuple[int, int], folds: int = 2) -> Path:
    """Says ``levels`` of the left and of the right half of each object, and 0 of the rest."""
    plan = {"folds": folds, "repeats": 1}
    write_yaml(out / CROSSVAL, {"plan": plan, "experiment": {"cohort": str(cohort)}})
    write_json(out / SCORES, [])
    for k in range(folds):
        (out / "folds" / f"00-0{k}" / "run").mkdir(parents=True)
    settings = {CROSS_VALIDATED: True}
    Head(("disc",), (0.5,), Provenance("cv", "", None, ""), (), settings).write(predictions_of(out))
    for case in Cohort.read(cohort):
        label = case.labels[0]
        assert isinstance(label, MaskLabel)
        with open_image(label.path) as file:
            disc = file.read(file.geometry.full)[0] > 0
        middle = int(np.nonzero(disc)[1].mean())
        side = np.where(np.arange(disc.shape[1]) < middle, *levels)
        dense = (disc * side).astype(np.uint8)[None]
        DensePrediction(case.id, case.images["image"], dense).write(predictions_of(out))
    return out


@pytest.mark.parametrize(
    ("mine", "theirs", "best", "homes"),
    [
        ((200, 200), (200, 0), "this", (".",)),
        ((0, 200), (220, 220), "the other", ("../b",)),
        ((250, 60), (60, 250), "both", (".", "../b")),  # each finds one half, the mean both
    ],
)
def test_the_best_by_dice_of_cases_that_were_not_seen_is_taken(
    mine: tuple[int, int],
    theirs: tuple[int, int],
    best: str,
    homes: tuple[str, ...],
    pictures: Path,
    spec: Spec,
    tmp_path: Path,
) -> None:
    a = finished(pictures, tmp_path / "a", mine)
    b = finished(pictures, tmp_path / "b", theirs)
    chosen = choose_beside(spec(pictures), a, b)
    assert chosen.reasons["runs"].startswith(f"{best}: out-of-fold Dice of this ")
    assert chosen.homes == homes
    chosen.write(a)
    assert Chosen.of(a) == chosen
    runs = [run.resolve() for run in members_of(a)]
    assert runs == [
        (a / home / "folds" / f"00-0{k}" / "run").resolve() for home in homes for k in range(2)
    ]
    there = PredictionFolder.open(a / BOTH)
    assert len(there.head.settings[MEMBERS]) == 2
    one = DensePrediction.read(a / BOTH, "case0")
    assert set(np.unique(one.dense)) <= {
        0,
        *((m + t) // 2 for m, t in zip(mine, theirs, strict=True)),
    }


def test_other_folds_and_other_tasks_are_refused(
    pictures: Path, spec: Spec, tmp_path: Path
) -> None:
    a = finished(pictures, tmp_path / "a", (200, 200))
    b = finished(pictures, tmp_path / "b", (200, 0), folds=3)
    with pytest.raises(SpecError, match="the same cohort and folds"):
        require_beside(spec(pictures), a, b)
    with pytest.raises(SpecError, match="expected another cross-validation, got this one"):
        require_beside(spec(pictures), a, tmp_path / "b" / ".." / "a")
    with pytest.raises(SpecError, match="expected a segmentation, got task bags"):
        require_beside(bag_experiment(pictures), a, b)


def test_a_core_of_objects_on_one_side_alone_is_refused_before_anything_is_written(
    pictures: Path, spec: Spec, tmp_path: Path
) -> None:
    a = finished(pictures, tmp_path / "a", (200, 200))
    b = finished(pictures, tmp_path / "b", (200, 0))
    there = PredictionFolder.open(predictions_of(b))
    for case in there.cases:
        one = DensePrediction.read(there.path, case)
        dataclasses.replace(one, dense=np.repeat(one.dense, 2, 0)).write(there.path)
    settings = {**there.head.settings, "core": 1}
    dataclasses.replace(there.head, settings=settings).write(there.path)
    with pytest.raises(SpecError, match="both with a core of objects or both without"):
        choose_beside(spec(pictures), a, b)
    assert not (a / BOTH).exists()


def test_what_was_chosen_beside_stays_when_folds_are_gone_on_with(
    pictures: Path, spec: Spec, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    experiment, plan = spec(pictures, steps=2), Plan(2, 1)
    for name in "ab":
        cross_validate(experiment, tmp_path / name, plan)
    alone = Chosen.of(tmp_path / "a")
    cross_validate(experiment, tmp_path / "a", plan, beside=tmp_path / "b")
    chosen = Chosen.of(tmp_path / "a")
    assert alone is not None
    assert chosen is not None
    assert RUNS not in alone.reasons
    assert RUNS in chosen.reasons
    capsys.readouterr()
    cross_validate(experiment, tmp_path / "a", plan)
    assert Chosen.of(tmp_path / "a") == chosen
    assert "kept what --beside chose before (this: out-of-fold Dice" in capsys.readouterr().err
    with pytest.raises(DataError):
        cross_validate(experiment, tmp_path / "a", plan, beside=tmp_path / "nothing")
    assert Chosen.of(tmp_path / "a") == chosen
    (tmp_path / "a" / CHOSEN).unlink()
    cross_validate(experiment, tmp_path / "a", plan)
    assert Chosen.of(tmp_path / "a") == alone


def test_the_command_says_what_was_chosen(pictures: Path, spec: Spec, tmp_path: Path) -> None:
    spec(pictures, steps=2).write(tmp_path / "e.yaml")
    words = ["crossval", str(tmp_path / "e.yaml"), "--folds", "2", "--out"]
    first = CliRunner().invoke(app, [*words, str(tmp_path / "a")])
    assert first.exit_code == 0, first.output
    done = CliRunner().invoke(app, [*words, str(tmp_path / "b"), "--beside", str(tmp_path / "a")])
    assert done.exit_code == 0, done.output
    # The same seeds, so the same answers: of equals the first is taken.
    assert "chosen: this: out-of-fold Dice of this" in done.stdout
