"""How the mean of folds is cut: by all cases, each as the run said it that had not seen it."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from inklings.cohorts.cohort import Cohort
from inklings.crossval.choosing import choose
from inklings.crossval.cross_validate import cross_validate
from inklings.crossval.joint import Plan
from inklings.geometry import Geometry
from inklings.inference.predict import predict
from inklings.labels.kinds import MaskLabel
from inklings.predictions.dense import DensePrediction
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.head import Head, Provenance
from inklings.readers import open_image
from inklings.runs.members import Chosen

Spec = Callable[..., Any]
BALL, SPECK, RIM = 204, 204, 150


def said(cohort: Path, out: Path, speck: int) -> Path:
    """Certain of the ball, less so of a wrong rim, and of a speck that is no ball."""
    Head(("disc",), (0.5,), Provenance("cv", "", None, "")).write(out)
    for case in Cohort.read(cohort):
        label = case.labels[0]
        assert isinstance(label, MaskLabel)
        with open_image(label.path) as file:
            ball = file.read(file.geometry.full)[0] > 0
            grid: Geometry = file.geometry
        dense = np.full((1, *ball.shape), 10, np.uint8)
        dense[0][np.roll(ball, 1, axis=2)] = RIM
        dense[0, 5:8, 26:29, 26:29] = speck
        dense[0][ball] = BALL
        DensePrediction(case.id, case.images["image"], dense, None, grid).write(out)
    return out


def test_the_threshold_has_the_best_dice_and_the_component_that_is_wrong_goes(
    volumes: Path, spec: Spec, tmp_path: Path
) -> None:
    given = spec(volumes, volumes={"view": "2d"}, inference={"components": "auto"})
    chosen = choose(given, said(volumes, tmp_path / "said", SPECK))
    assert chosen is not None
    assert RIM / 255 < chosen.thresholds[0] <= BALL / 255
    assert chosen.largest == ("disc",)
    assert "the largest component: Dice 0." in chosen.reasons["disc"]
    assert "1.000 of the largest" in chosen.reasons["disc"]
    chosen.write(tmp_path)
    assert Chosen.of(tmp_path) == chosen


def test_all_components_stay_where_the_second_is_right(
    volumes: Path, spec: Spec, tmp_path: Path
) -> None:
    # The speck is called nowhere, and each ball is cut in two that touch nowhere.
    folder = said(volumes, tmp_path / "said", 10)
    for name in PredictionFolder.open(folder).cases:
        one = DensePrediction.read(folder, name)
        dense = one.dense.copy()
        dense[:, 6] = 10
        dataclasses.replace(one, dense=dense).write(folder)
    given = spec(volumes, volumes={"view": "2d"}, inference={"components": "auto"})
    chosen = choose(given, folder)
    assert chosen is not None
    assert chosen.largest == ()


def test_what_the_experiment_fixes_stays(volumes: Path, spec: Spec, tmp_path: Path) -> None:
    fixed = {"threshold": 0.3, "components": "largest"}
    chosen = choose(
        spec(volumes, volumes={"view": "2d"}, inference=fixed), said(volumes, tmp_path / "s", SPECK)
    )
    assert chosen is not None
    assert (chosen.thresholds, chosen.largest) == ((0.5,), ("disc",))  # that of the head
    assert "asks for 0.3" in chosen.reasons["disc"]


def test_folds_predict_new_images_with_what_they_chose(
    pictures: Path, spec: Spec, tmp_path: Path
) -> None:
    cross_validate(spec(pictures, steps=2), tmp_path / "cv", Plan(2, 1))
    chosen = Chosen.of(tmp_path / "cv")
    assert chosen is not None
    predict(tmp_path / "cv", [pictures], tmp_path / "out")
    head = PredictionFolder.open(tmp_path / "out").head
    assert head.thresholds == chosen.thresholds
    assert head.trained_on == tuple(f"patient{k}" for k in range(4))
    folds = [tmp_path / "cv" / "folds" / f"00-0{k}" / "run" for k in range(2)]
    for k, run in enumerate(folds):
        predict(run, [pictures], tmp_path / f"of{k}")
    for case in PredictionFolder.open(tmp_path / "out").cases:
        each = [DensePrediction.read(tmp_path / f"of{k}", case).dense for k in range(2)]
        mean = DensePrediction.read(tmp_path / "out", case).dense
        assert np.abs(mean - np.mean(each, 0)).max() <= 0.5
