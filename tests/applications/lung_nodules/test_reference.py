import dataclasses

import numpy as np
import pytest

from inklings.applications.lung_nodules.reference import (
    Marked,
    SegmenterCrops,
    find_as_reference,
    group,
    grown_mask,
)
from inklings.applications.lung_nodules.tasks.nodule_segmentation import marked
from inklings.cohorts.cohort import Cohort
from inklings.labels.files import write_mask
from inklings.labels.kinds import MaskLabel
from inklings.runs.run import Run
from inklings.spec import Experiment
from inklings.tasks.train import train
from inklings.testing.stand_in import stand_in


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
    assert group(chance, values)[0] == pytest.approx([3.0, 3.0, 4.0], abs=0.05)


@pytest.mark.parametrize(("thick", "found"), [(2, 0), (3, 1)])
def test_its_erosion_loses_nodules_thinner_than_three_planes(thick, found) -> None:
    """A fault of the reference, kept so that the comparison is fair; ours has no erosion."""
    chance = np.zeros((20, 40, 40), np.float32)
    chance[8 : 8 + thick, 15:22, 15:24] = 1
    assert len(group(chance, _scan(thick))) == found


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


def test_chain_of_the_reference_runs_end_to_end(experiment, phantom, tmp_path) -> None:
    model = {"name": "unet", "width": 4, "depth": 2, "up": "transposed"}
    record = experiment("detection").model_dump(mode="json", exclude={"detection"})
    record |= {"task": "nodule_segmentation", "model": model, "loss": "luna_dice"}
    spec = Experiment.check(record, "test")
    train(spec, tmp_path / "segmenter")
    stage = Run.load(tmp_path / "segmenter")
    with stand_in() as device:
        findings = find_as_reference(stage, None, phantom.image, phantom.geometry, "a")
    assert device.computed == {"conv2d"}
    assert not device.stayed
    assert list(findings.stage_counts) == ["voxels", "flagged voxels", "candidates", "nodules"]
    assert findings.stage_counts["candidates"] == len(findings)
