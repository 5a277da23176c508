"""Out-of-fold predictions: every case once, by a run that has not seen its patient."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from inklings.cli import app
from inklings.cohorts.cohort import Cohort
from inklings.crossval.cross_validate import cross_validate
from inklings.crossval.folds import DONE, fold_folder, pooled, predictions_of
from inklings.crossval.joint import Plan
from inklings.errors import DataError
from inklings.predictions.folder import PredictionFolder
from inklings.runs.run import WEIGHTS, RunRecord
from inklings.testing.runs import blobs
from inklings.testing.slides import write_levels

Spec = Callable[..., Any]


def run(*words: object) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.stdout


def require_each_once_and_unseen(cohort: Path, out: Path, folds: int) -> None:
    there = PredictionFolder.open(predictions_of(out))
    assert there.cases == tuple(sorted(case.id for case in Cohort.read(cohort)))
    patients = {case.id: case.patient for case in Cohort.read(cohort)}
    with (there.path / "cases.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["case"] for row in rows) == list(there.cases)
    for row in rows:
        seen = RunRecord.read(out / "folds" / row["fold"] / "run").trained_on
        assert patients[row["case"]] not in seen
        assert row["patient"] == patients[row["case"]]
    assert {row["fold"] for row in rows} == {f"00-{k:02d}" for k in range(folds)}


def test_pictures_are_each_predicted_once_and_two_of_a_patient_together(
    pictures: Path, spec: Spec, tmp_path: Path
) -> None:
    spec(pictures, steps=3).write(tmp_path / "e.yaml")
    words = ("crossval", tmp_path / "e.yaml", "--out", tmp_path / "cv", "--folds", 2)
    said = run(*words)
    require_each_once_and_unseen(pictures, tmp_path / "cv", 2)
    assert "fold 0-1: trained on 4 cases of 2 patients, tested 4 of 2; " in said
    with (tmp_path / "cv" / "folds.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["test_cases"] for row in rows] == ["4", "4"]
    scores = json.loads((tmp_path / "cv" / "scores.json").read_text())
    dice = next(s for s in scores if s["name"] == "dice")
    assert dice["of_folds"] == pytest.approx(sum(float(r["dice disc"]) for r in rows) / 2)
    # The cohort is split, yet all of it was tested.
    scored = run(
        "evaluate", tmp_path / "cv" / "predictions", "--cohort", pictures, "--out", tmp_path / "s"
    )
    assert f"{dice['mean']:.3f}"[:5] in scored
    assert json.loads((tmp_path / "s" / "evaluation.json").read_text())["head"]["split"] == "all"


def test_a_cohort_is_planned_for_once(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from inklings.crossval import cross_validate as module

    asked: list[Any] = []
    monkeypatch.setattr(module, "cross_validate", lambda *given: asked.append(given) or [])
    for _ in range(2):
        run("crossval", pictures, "--out", tmp_path / "cv", "--minutes", 3)
    assert asked[0] == asked[1]
    experiment, _, plan = asked[0][:3]
    assert (plan.folds, plan.repeats) == (5, 1)
    assert experiment.training.minutes == 3
    assert (tmp_path / "cv" / "plan.yaml").is_file()


def test_a_killed_cross_validation_goes_on_where_it_stopped(
    pictures: Path, spec: Spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from inklings.crossval import folds

    calls: list[Path] = []
    real = folds.train

    def killed(experiment: Any, out: Path, **how: Any) -> Path:
        calls.append(out)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(experiment, out, **how)

    monkeypatch.setattr(folds, "train", killed)
    with pytest.raises(KeyboardInterrupt):
        cross_validate(spec(pictures, steps=2), tmp_path / "cv", Plan(3, 1))
    kept = fold_folder(tmp_path / "cv", 0, 0) / "run" / WEIGHTS
    stamp = kept.stat().st_mtime_ns
    assert not (tmp_path / "cv" / "predictions").exists()
    cross_validate(spec(pictures, steps=2), tmp_path / "cv", Plan(3, 1))
    assert [path.parent.name for path in calls] == ["00-00", "00-01", "00-01", "00-02"]
    assert kept.stat().st_mtime_ns == stamp
    require_each_once_and_unseen(pictures, tmp_path / "cv", 3)


def test_a_fold_whose_run_has_seen_the_patient_is_refused(
    pictures: Path, spec: Spec, tmp_path: Path
) -> None:
    out = tmp_path / "cv"
    cross_validate(spec(pictures, steps=2), out, Plan(2, 1))
    folders = [fold_folder(out, 0, k) for k in range(2)]
    record = json.loads((folders[1] / "run" / "run.json").read_text())
    record["trained_on"] = ["patient0", "patient1", "patient2", "patient3"]
    (folders[1] / "run" / "run.json").write_text(json.dumps(record))
    with pytest.raises(DataError, match="trained on the patient of case"):
        pooled(folders, out / "predictions")
    with pytest.raises(DataError, match="tested in two folds"):
        pooled([folders[0], folders[0]], out / "predictions")


def test_volumes_are_cross_validated(volumes: Path, spec: Spec, tmp_path: Path) -> None:
    given = spec(volumes, volumes={"view": "2d"}, steps=2)
    scores = {s.name for s in cross_validate(given, tmp_path / "cv", Plan(2, 1))}
    assert "dice" in scores
    require_each_once_and_unseen(volumes, tmp_path / "cv", 2)


def test_slides_are_cross_validated_and_their_areas_lie_in_one_table(
    spec: Spec, tmp_path: Path
) -> None:
    (tmp_path / "slides").mkdir()
    (tmp_path / "masks").mkdir()
    for i in range(4):
        picture = blobs((256, 192), i)
        write_levels(tmp_path / "slides" / f"s{i}.tif", [picture])
        stained = (picture[..., :1] < 240).astype(np.uint8).repeat(3, 2)
        write_levels(tmp_path / "masks" / f"s{i}_mask.tif", [stained])
    cohort, tiles = tmp_path / "cohort", tmp_path / "tiles"
    masks = ("--masks", tmp_path / "masks" / "*_mask.tif", "--codes", "disc", "--workers", 1)
    run("import", "slides", "--images", tmp_path / "slides", *masks, "--out", cohort)
    run("tile", cohort, "--out", tiles, "--size", 64, "--factor", 1, "--workers", 1)
    given = spec(cohort, tiles=str(tiles), steps=2, inference={"window": 64})
    cross_validate(given, tmp_path / "cv", Plan(2, 1))
    require_each_once_and_unseen(cohort, tmp_path / "cv", 2)
    lines = (tmp_path / "cv" / "predictions" / "areas.csv").read_text().splitlines()
    classes = len(Cohort.read(cohort).classes)
    assert len(lines) == 1 + 4 * (1 + classes)
    assert (fold_folder(tmp_path / "cv", 0, 0) / DONE).is_file()
