"""The official scores of CHAOS: by hand, and on the sample that was published with them."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path

import numpy as np
import pytest

from inklings.errors import GeometryError
from inklings.evaluation.chaos import chaos_scores, metrics
from inklings.evaluation.evaluate import score
from inklings.evaluation.metric import Options
from inklings.evaluation.pairs import Pair, Segmentation
from inklings.evaluation.scoring import choose
from inklings.geometry import Geometry
from inklings.labels.files import read_mask
from inklings.readers import open_image

DATA = Path(__file__).parents[2] / ".." / "shared" / "data"
GRID = Geometry((20, 16, 16), (3.0, 1.0, 0.5), (0.0, 0.0, 0.0))


def box(z: slice, y: slice, x: slice) -> np.ndarray:
    mask = np.zeros(GRID.shape, bool)
    mask[z, y, x] = True
    return mask


def test_a_box_that_is_one_slice_longer_is_three_millimetres_off() -> None:
    reference = box(slice(5, 10), slice(4, 10), slice(4, 10))
    predicted = box(slice(5, 11), slice(4, 10), slice(4, 10))
    scores = chaos_scores(predicted, reference, GRID)
    assert scores.ravd == pytest.approx(20)
    assert scores.dice == pytest.approx(2 * 180 / (180 + 216))
    assert scores.mssd == pytest.approx(3.0)
    assert chaos_scores(reference, reference, GRID).assd == 0


def test_an_organ_that_the_scan_cuts_off_has_no_border_at_the_cut() -> None:
    whole = box(slice(0, 20), slice(0, 16), slice(4, 8))
    shifted = box(slice(0, 20), slice(0, 16), slice(6, 10))
    scores = chaos_scores(whole, shifted, GRID)
    # Outer faces are 2 samples of 0.5 mm apart, inner ones 1: there is no other border.
    assert scores.assd == pytest.approx(0.75)
    assert scores.mssd == pytest.approx(1.0)


def test_nothing_found_leaves_distances_undefined() -> None:
    reference, nothing = box(slice(5, 10), slice(4, 10), slice(4, 10)), np.zeros(GRID.shape, bool)
    scores = chaos_scores(nothing, reference, GRID)
    assert (scores.dice, scores.ravd) == (0, 100)
    assert math.isnan(scores.assd)


def test_planes_without_the_organ_are_scored_too() -> None:
    reference = box(slice(5, 10), slice(4, 10), slice(4, 10))
    predicted = reference | box(slice(14, 16), slice(4, 10), slice(4, 10))
    pair = Pair("p", "scan", Segmentation.of(predicted), Segmentation.of(reference))
    dice = 2 * 180 / (180 + 180 + 72)  # 1 on the planes that show the organ
    assert score([pair], ("dice",))["dice"].value == pytest.approx(dice)
    scores = chaos_scores(predicted, reference, GRID)
    assert scores.dice == pytest.approx(dice)
    assert scores.ravd == pytest.approx(40)
    assert scores.mssd == pytest.approx(18)  # of the last plane, six planes of 3 mm away


def test_masks_of_another_size_are_refused() -> None:
    with pytest.raises(GeometryError, match=r"expected masks of \(20, 16, 16\)"):
        chaos_scores(np.zeros((2, 2, 2), bool), np.zeros((2, 2, 2), bool), GRID)


def test_they_are_measured_only_where_asked_for() -> None:
    usual = {metric.name for metric in choose(None, ("liver",)).metrics}
    assert not usual & {"ravd", "chaos_assd", "chaos_mssd"}
    asked = choose(["ravd", "dice"], ("liver",)).metrics
    assert {metric.name for metric in asked} == {"ravd", "dice"}


@pytest.mark.skipif(not DATA.is_dir(), reason="the shared data are not beside the repository")
def test_the_published_sample_gets_its_published_scores(tmp_path: Path) -> None:
    with zipfile.ZipFile(DATA / "chaos_ct_sample.zip") as archive:
        archive.extractall(tmp_path)
    geometry = open_image(tmp_path / "DICOM_anon").geometry
    # The PNG slices count from the head, and the planes of a volume from the feet.
    reference = read_mask(tmp_path / "Ground")[::-1] > 0
    predicted = read_mask(tmp_path / "Segmentation")[::-1] > 0
    scores = chaos_scores(predicted, reference, geometry)
    assert round(scores.dice, 3) == 0.978
    assert round(scores.ravd, 3) == 0.665
    assert round(scores.assd, 3) == 0.734
    assert scores.mssd == pytest.approx(14)
    pair = Pair(
        "1", "1", Segmentation.of(predicted), Segmentation.of(reference), spacing=geometry.spacing
    )
    by_name = {metric.name: metric([pair]) for metric in metrics(Options(unit="mm"))}
    assert by_name["ravd"] == pytest.approx(scores.ravd)
    assert by_name["chaos_assd"] == pytest.approx(scores.assd)
    assert by_name["chaos_mssd"] == pytest.approx(scores.mssd)
