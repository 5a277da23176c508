"""Whole slides: tiles are listed by the training, maps lie in mm, outlines leave the house."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import slides as drawn

import inklings as ik


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> ik.Cohort:
    folder = tmp_path_factory.mktemp("slides")
    cases = [
        drawn.write(folder, f"{name}0", drawn.blobs((768, 640), seed), lossless=True)
        for seed, name in enumerate("abcd")
    ]
    whole = ik.Cohort.read(drawn.cohort(folder, cases))
    parts = dict(zip([case.id for case in whole], ("train", "train", "val", "test"), strict=True))
    said = [
        ik.Case(c.id, c.patient, c.images, c.labels, parts[c.id], {"spacing_um": "1"})  # type: ignore[arg-type]
        for c in whole
    ]
    return ik.Cohort(whole.name, tuple(said), whole.classes, whole.facts).write(folder)


@pytest.fixture(scope="module")
def run(cohort: ik.Cohort, tmp_path_factory: pytest.TempPathFactory) -> ik.Run:
    record: dict[str, Any] = {
        "cohort": "below",
        "model": {"name": "unet", "width": 4, "depth": 2},
        "loss": "bce",
        "training": {"steps": 3, "batch_size": 4, "loggers": []},
        "sampling": {"size": 64, "augment": []},
        "inference": {"threshold": 0.5},
    }
    return ik.train(
        ik.Experiment.check(record, "test"),
        cohort=cohort,
        out=tmp_path_factory.mktemp("slide-run") / "run",
        tiles={"size": 128, "spacing_um": 2.0, "min_tissue": 0.05},
    )


def test_maps_of_a_slide_cover_it_in_mm(run: ik.Run, cohort: ik.Cohort) -> None:
    slide = ik.predict(run, cohort.part("test")[0])
    assert slide.classes == ("benign", "cancer")
    assert slide.probability.dtype == np.float32
    assert slide.mask.dtype == np.uint8
    assert slide.geometry is not None
    assert slide.geometry.spacing is not None
    assert slide.mask.shape == slide.geometry.shape == slide.probability.shape[1:]
    extent = np.array(slide.mask.shape) * slide.geometry.spacing
    assert np.allclose(extent, (0.768, 0.640), atol=2 * max(slide.geometry.spacing))
    assert 0 <= slide.probability.min() <= slide.probability.max() <= 1


def test_a_file_says_its_spacing_or_is_told(run: ik.Run, cohort: ik.Cohort, tmp_path: Path) -> None:
    case = cohort.part("test")[0]
    of_case = ik.predict(run, case)
    told = ik.predict(run, case.images["slide"], spacing_mm=0.001, out=tmp_path / "found")
    assert np.array_equal(told.probability, of_case.probability)
    assert not [*(tmp_path / "found" / "inputs").rglob("*.tif*")]  # a slide is never copied


def test_slides_are_scored_and_go_to_geojson_alone(
    run: ik.Run, cohort: ik.Cohort, tmp_path: Path
) -> None:
    found = ik.predict(run, cohort, split="test")
    assert 0 <= ik.evaluate(found, cohort)["dice_pooled"].value <= 1
    out = ik.export(found, "geojson", out=tmp_path / "outlines", origin="slide")
    for path in out.glob("*.geojson"):
        assert isinstance(json.loads(path.read_text()), list | dict)
    with pytest.raises(
        ik.InklingsError, match="only geojson and dicom-seg are exported from slides"
    ):
        ik.export(found, "png", out=tmp_path / "png")
    with pytest.raises(ik.InklingsError, match="origin"):
        ik.export(found, "png", out=tmp_path / "png", origin="slide")


def test_tiles_need_a_cohort_and_their_own_options(cohort: ik.Cohort, tmp_path: Path) -> None:
    with pytest.raises(ik.InklingsError, match="expected a cohort to list the tiles of"):
        ik.train("strong", out=tmp_path / "r", tiles={"size": 64})
    with pytest.raises(ik.InklingsError, match="tiles: no option 'sze'; it has size"):
        ik.train("strong", cohort=cohort, out=tmp_path / "r", tiles={"sze": 64})
