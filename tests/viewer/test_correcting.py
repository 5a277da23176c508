"""From weak labels to better ones: train, correct the five worst cases, train again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from inklings.cli import app
from inklings.cohorts.cohort import Cohort
from inklings.evaluation.scores import Scores
from inklings.labels.files import read_mask
from inklings.labels.kinds import MaskLabel
from inklings.predictions.dense import DensePrediction
from inklings.predictions.head import Head
from inklings.testing.folders import write_cohort
from inklings.viewer.contours import rings
from inklings.viewer.shelf import open_shelf

STEPS = 60
SPLITS = ("train",) * 8 + ("val",) * 2 + ("test",) * 6


def run(*arguments: str | Path) -> None:
    result = CliRunner().invoke(app, [*map(str, arguments), "--quiet"])
    assert result.exit_code == 0, result.output


def learn(cohort: Path, folder: Path) -> Path:
    """Train, predict every case, score the held-out ones; the folder of the predictions."""
    experiment = {
        "cohort": str(cohort),
        "model": {"name": "unet", "width": 8, "depth": 3},
        "loss": "bce_dice",
        "supervision": "partial",
        "sampling": {"size": 64},
        "training": {
            "steps": STEPS,
            "batch_size": 4,
            "learning_rate": 5e-3,
            "loggers": [],
            "precision": "32-true",
        },
        "inference": {"window": 64, "threshold": 0.5},
    }
    folder.mkdir()
    (folder / "experiment.yaml").write_text(json.dumps(experiment))
    run("train", folder / "experiment.yaml", "--out", folder / "run")
    run("predict", folder / "run", cohort, "--out", folder / "predictions")
    run("evaluate", folder / "predictions", "--cohort", cohort)
    return folder / "predictions"


def correct(running: Any, case: str, predicted: np.ndarray, truth: np.ndarray) -> int:
    """What a person would do: "is not" around what is wrong, then "is" around what is right."""
    made = 0
    for action, region in (("is_not", predicted), ("is", truth)):
        for ring in rings(region):
            shape = {"kind": "polygon", "points": (ring - 0.5)[:, ::-1].tolist(), "radii": []}
            record = {"action": action, "name": "nucleus", "image": "image", "shape": shape}
            answer = running.ask(f"/api/cases/{case}/corrections", "POST", record)
            assert answer.status == 200
            made += 1
    return made


@pytest.mark.slow
def test_correcting_the_five_worst_cases_raises_the_score_on_held_out_ones(
    start: Any, tmp_path: Path
) -> None:
    cohort, weak, new = (tmp_path / name for name in ("cohort", "weak", "new"))
    write_cohort(cohort, SPLITS)
    run("weaken", cohort, "--kind", "dilate", "--pixels", "3", "--out", weak)
    before = learn(weak, tmp_path / "before")
    truth = {case.id: case.labels[0] for case in Cohort.read(cohort)}
    head = Head.read(before)
    masks = {}
    for case in Cohort.read(weak).part("train"):
        label = truth[case.id]
        assert isinstance(label, MaskLabel)
        masks[case.id] = (
            DensePrediction.read(before, case.id).mask(head),
            read_mask(label.path) > 0,
        )
    worst = sorted(masks, key=lambda case: _dice(*masks[case]))[:5]
    running = start(open_shelf([before], cohort=weak))
    running.enter()
    made = sum(correct(running, case, *masks[case]) for case in worst)
    assert made >= 5
    run("import", "corrections", before / "corrections", "--cohort", weak, "--out", new)
    after = learn(new, tmp_path / "after")
    scores = [Scores.read(folder)["dice"].value for folder in (before, after)]
    assert scores[1] > scores[0] + 0.05, scores


def _dice(one: np.ndarray, other: np.ndarray) -> float:
    return float(2 * (one & other).sum() / max(1, one.sum() + other.sum()))
