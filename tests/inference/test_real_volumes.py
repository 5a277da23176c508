"""Real scans, through import and prediction, come back on their own grids."""

from pathlib import Path

import numpy as np
import pytest

from inklings.cohorts.opening import open_case
from inklings.datasets import importing
from inklings.datasets.chaos import Chaos
from inklings.datasets.volumes import VolumeFolder
from inklings.evaluation.evaluate import evaluate
from inklings.evaluation.family import Settings
from inklings.inference.predict import predict
from inklings.predictions.dense import DensePrediction
from inklings.spec import Component, Volumes
from inklings.testing.runs import untrained_run

DATA = Path(__file__).parents[2] / ".." / "shared" / "data"
PERCENTILES = Component(name="percentiles")


def run(folder: Path, spacing: tuple[float, float, float]) -> Path:
    """A network that has learnt nothing about planes with their neighbours."""
    return untrained_run(
        folder,
        in_channels=3,
        channels=("liver",),
        classes=("liver",),
        intensity=PERCENTILES,
        volumes=Volumes(view="2.5d", spacing_mm=spacing),
        inference={"threshold": 0.5},
    )


def require(name: str) -> Path:
    if not (DATA / name).exists():
        pytest.skip(f"needs ../shared/data/{name}, which is no part of the repository")
    return DATA / name


@pytest.mark.parametrize(
    ("image", "mask"),
    [("example_ct_sm", "example_seg"), ("example_mr_sm", "example_seg_mr")],
    ids=["ct", "mr"],
)
def test_crops_of_totalsegmentator_go_through_import_prediction_and_scores(
    image: str, mask: str, tmp_path: Path
) -> None:
    folder = require("totalsegmentator")
    for kind, name in (("images", image), ("masks", mask)):
        (tmp_path / kind).mkdir()
        copy = tmp_path / kind / "case.nii.gz"
        copy.write_bytes((folder / f"{name}.nii.gz").read_bytes())
    images, masks = (str(tmp_path / kind) for kind in ("images", "masks"))
    volumes = VolumeFolder(images, masks, {5: "liver"}, others_are_background=True)
    report = importing.run(volumes, tmp_path / "cohort", workers=1)
    (case,) = report.cohort.cases
    predict(run(tmp_path / "run", (6.0, 4.0, 4.0)), [tmp_path / "cohort"], tmp_path / "out")
    prediction = DensePrediction.read(tmp_path / "out", case.id)
    with open_case(case) as opened:
        assert prediction.geometry == opened.geometry
        assert prediction.dense.shape == (1, *opened.geometry.shape)
    table = evaluate(tmp_path / "out", tmp_path / "cohort", Settings("all", ("dice",)))
    assert np.isfinite(table["dice"].value)


@pytest.mark.slow
def test_the_ct_of_chaos_goes_through_import_and_prediction(tmp_path: Path) -> None:
    root = require("chaos_ct_sample.zip")
    (case,) = importing.run(Chaos(root, "ct"), tmp_path / "cohort", workers=1).cohort.cases
    predict(run(tmp_path / "run", (6.0, 3.0, 3.0)), [tmp_path / "cohort"], tmp_path / "out")
    prediction = DensePrediction.read(tmp_path / "out", case.id)
    assert prediction.dense.shape == (1, 78, 512, 512)
    with open_case(case) as opened:
        assert prediction.geometry == opened.geometry
