"""From a run and labelled patients to a promise, to masks that hold it, to whether they did."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from inklings import predict as predict_one
from inklings.cli import app
from inklings.cohorts.cohort import Cohort
from inklings.parallel import Summary
from inklings.predictions.dense import DensePrediction
from inklings.predictions.head import Head
from inklings.testing.folders import write_cohort, write_predictions
from inklings.testing.runs import untrained_run


def invoke(*words: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, [*map(str, words)])
    return done.exit_code, done.stdout, done.stderr


def knowing(root: Path) -> tuple[Path, Path]:
    """A run that has learnt nothing, and what a good one would have predicted of a cohort."""
    cohort = write_cohort(root / "cohort", ["train", *["val"] * 4, "test", "test"])
    run = untrained_run(root / "run", classes=("nucleus",))
    for part in ("val", "test"):
        code, _, error = invoke("predict", run, cohort, "--split", part, "--out", root / part)
        assert code == 0, error
        head = Head.read(root / part)
        write_predictions(root / part, cohort, split=part)
        head.write(root / part)
    return run, cohort


def test_a_promise_is_made_kept_exported_and_judged(tmp_path: Path) -> None:
    run, cohort = knowing(tmp_path)
    said = ("--risk", "fnr=0.3", "--risk", "missed=0.3", "--out", tmp_path / "val")
    code, told, error = invoke("calibrate", run, cohort, *said)
    assert code == 0, error
    assert "missed share of nucleus: at most 0.3 on average, from " in told
    area, objects = json.loads((run / "guarantees.json").read_text())
    assert "- missed share of nucleus: at most 0.3 on average, " in (run / "card.md").read_text()
    assert (area["risk"], objects["risk"]) == ("fnr", "missed")
    assert area["patients"] == ["patient1", "patient2", "patient3", "patient4"]
    code, _, error = invoke("predict", run, cohort, "--split", "test", "--out", tmp_path / "test")
    assert code == 0
    assert "warning: 2 new patients are too few to say whether they are like the 4" in error
    said = ("evaluate", tmp_path / "test", "--cohort", cohort, "--metric", "recall")
    code, told, _ = invoke(*said)
    assert code == 0
    assert "promised on average: missed share of nucleus at most 0.3; " in told
    assert "in 2 patients: held; " in told
    invoke("export", tmp_path / "test", "--to", "npz", "--guaranteed", "--out", tmp_path / "safe")
    case = Cohort.read(cohort).part("test")[0]
    dense = DensePrediction.read(tmp_path / "test", case.id).dense
    cut = min(area["threshold"], objects["threshold"], 0.5)
    mask = np.load(tmp_path / "safe" / f"{case.id}.npz")["mask"]
    np.testing.assert_array_equal(mask, dense >= np.float32(255 * cut))
    found = predict_one(run, case, out=tmp_path / "test")
    assert not isinstance(found, list)
    np.testing.assert_array_equal(found.guaranteed, mask)


def test_other_settings_bear_no_promise(tmp_path: Path) -> None:
    run, cohort = knowing(tmp_path)
    said = ("--risk", "fnr=0.3", "--out", tmp_path / "val")
    assert invoke("calibrate", run, cohort, *said)[0] == 0
    said = ("--split", "test", "--mirroring", "--out", tmp_path / "mirrored")
    code, _, error = invoke("predict", run, cohort, *said)
    assert code == 0
    assert "1 promises are of other weights or settings" in error
    code, _, error = invoke("export", tmp_path / "mirrored", "--to", "npz", "--guaranteed")
    assert code == 2
    assert "expected predictions with a guaranteed mask" in error


def test_mistakes_are_one_line_before_anything_is_predicted(tmp_path: Path) -> None:
    run = untrained_run(tmp_path / "run", classes=("nucleus",))
    cohort = write_cohort(tmp_path / "cohort", ["train", "val"])
    for words, said in (
        (("--confidence", "0.9"), "goes with --risk"),
        (("--risk", "fnr=2"), "below 1"),
        (("--risk", "sets=0.1"), "there are: fnr, missed"),
        (("--risk", "fnr=0.1", "--confidence", "90"), "below 1"),
    ):
        code, _, error = invoke("calibrate", run, cohort, *words)
        assert (code, len(error.strip().splitlines())) == (2, 1)
        assert said in error
    assert not (run / "guarantees.json").exists()


def test_cases_that_fail_for_one_reason_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = untrained_run(tmp_path / "run", classes=("nucleus",))
    cohort = write_cohort(tmp_path / "cohort", ["train", "val"])
    failed = Summary(0, 0, {"a": "too large", "b": "no channel", "c": "too large"}, 0.0)
    monkeypatch.setattr("inklings.inference.predictor.Predictor.into", lambda *_: failed)
    code, _, error = invoke("calibrate", run, cohort, "--risk", "fnr=0.3")
    assert code == 2
    assert error.splitlines()[:2] == ["failed: a and 1 more: too large", "failed: b: no channel"]
    assert "3 cases could not be predicted" in error
