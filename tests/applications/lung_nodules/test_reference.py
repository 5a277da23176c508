import dataclasses

import numpy as np
import pytest

from inklings.applications.lung_nodules import reference
from inklings.applications.lung_nodules.reference import (
    Marked,
    SegmenterCrops,
    detect_as_reference,
    group,
    grown_mask,
)
from inklings.applications.lung_nodules.tasks.nodule_segmentation import marked
from inklings.cohorts.cohort import Cohort
from inklings.labels.files import write_mask
from inklings.labels.kinds import MaskLabel
from inklings.runs.run import Run


def _scan(thick: int = 5) -> np.ndarray:
    values = np.full((20, 40, 40), -900, np.int16)
    values[8 : 8 + thick, 15:22, 15:24] = 20
    return values


def test_mask_grows_as_far_as_both_ends_are_dense() -> None:
    mask = grown_mask(_scan(), [(10, 18, 19)])
    assert mask.sum() == 5 * 7 * 9
    lopsided = grown_mask(_scan(), [(10, 18, 16)])  # one end reaches the border first
    assert 0 < lopsided.sum() < mask.sum()


def test_mask_at_the_border_of_the_scan_ends_there() -> None:
    values = np.full((6, 10, 10), 20, np.int16)
    assert grown_mask(values, [(0, 0, 9)]).any()


def test_centres_are_weighted_by_intensity() -> None:
    chance = np.zeros((9, 9, 9), np.float32)
    chance[2:7, 2:7, 2:7] = 1
    values = np.full(chance.shape, -1000, np.int16)
    values[3, 3, 3], values[3, 3, 5] = 1000, 1000
    centres, samples = group(chance, values)
    assert centres[0] == pytest.approx([3.0, 3.0, 4.0], abs=0.05)
    assert samples.tolist() == [3**3]  # of 5^3, one lost on each side


@pytest.mark.parametrize(("thick", "found"), [(2, 0), (3, 1)])
def test_its_erosion_loses_nodules_thinner_than_three_planes(thick, found) -> None:
    """A fault of the reference, kept so that the comparison is fair; ours has no erosion."""
    chance = np.zeros((20, 40, 40), np.float32)
    chance[8 : 8 + thick, 15:22, 15:24] = 1
    assert len(group(chance, _scan(thick))[0]) == found


def test_crops_hold_seven_planes_and_the_mask_of_the_middle_one() -> None:
    values = np.full((12, 120, 120), -900, np.int16)
    values[5:8, 50:60, 50:60] = 20
    scan = Marked(values, values > 0)
    draw = SegmenterCrops([scan])
    seen = 0
    for k in range(20):
        inputs, value, known = draw(np.random.default_rng(k))
        assert inputs.shape == (7, 64, 64)
        assert value.shape == known.shape == (1, 64, 64)
        assert ((inputs[3] > -0.4) == (value[0] > 0)).mean() > 0.999
        seen += bool(value.any())
    assert seen > 10


def test_outlines_of_readers_are_taken_where_there_are_any(cohort, phantom, tmp_path) -> None:
    """Where readers disagree (65535) nothing is learnt to be nodule."""
    mask = np.zeros(phantom.image.shape, np.uint16)
    mask[20:24, 30:36, 40:46], mask[24, 30:36, 40:46] = 1, 65535
    write_mask(tmp_path / "mask.nii.gz", mask, phantom.geometry)
    label = MaskLabel(tmp_path / "mask.nii.gz", "ct", "instances", ("nodule",), "partial")
    case = Cohort.read(cohort).part("val")[0]
    outlined = marked(dataclasses.replace(case, labels=(label, *case.labels)))
    assert (outlined.mask == (mask == 1)).all()
    assert outlined.mask.sum() == 4 * 6 * 6
    assert marked(case).mask[20:24, 30:36, 40:46].sum() < 4 * 6 * 6


def test_candidates_have_the_size_of_their_group(segmenter, phantom, monkeypatch) -> None:
    mask = np.zeros(phantom.image.shape, np.float32)
    centre, mm = (24, 48, 48), phantom.geometry.require_spacing()
    away = [(np.arange(n) - c) * s for n, c, s in zip(mask.shape, centre, mm, strict=True)]
    off = np.sqrt(sum(a**2 for a in np.meshgrid(*away, indexing="ij")))
    mask[off < 8] = 0.9
    monkeypatch.setattr(reference, "segment", lambda *_: mask)
    detected = detect_as_reference([Run.load(segmenter)], phantom.image, phantom.geometry)
    (one,) = detected.candidates
    assert (one.score, detected.flagged) == (pytest.approx(0.9), int((off < 8).sum()))
    assert one.diameter_mm == pytest.approx(16, rel=0.15)
    assert one.point_mm == pytest.approx(phantom.geometry.to_points([centre])[0], abs=3)


def test_what_several_segmenters_mark_is_averaged(segmenter, phantom, monkeypatch) -> None:
    said = iter([np.full(phantom.image.shape, p, np.float32) for p in (0.3, 0.9, 0.2, 0.7)])
    monkeypatch.setattr(reference, "segment", lambda *_: next(said))
    run = Run.load(segmenter)
    assert len(detect_as_reference([run, run], phantom.image, phantom.geometry).candidates) == 1
    assert not detect_as_reference([run, run], phantom.image, phantom.geometry).candidates
