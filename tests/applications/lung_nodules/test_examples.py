"""What is kept of boxes and scans is never used for other labels, weights, options or images."""

import copy
import dataclasses
import os

import numpy as np
import pytest
import torch

from inklings.applications.lung_nodules.examples import boxes_of, collect
from inklings.applications.lung_nodules.spec import DETECTION
from inklings.cache import Cache
from inklings.cohorts.cohort import Cohort
from inklings.detection.gather import gather
from inklings.runs.run import Run
from inklings.simulation.phantoms.chest import chest
from inklings.simulation.phantoms.luna import write_mhd
from inklings.spec.detection import Detection

LUNGS = Detection.model_validate(DETECTION)


@pytest.fixture
def cases(cohort):
    return Cohort.read(cohort).part("train")


def flipped(case):
    labels = tuple(dataclasses.replace(one, malignant=not one.malignant) for one in case.labels)
    return dataclasses.replace(case, labels=labels)


def test_flipped_labels_are_learnt_from_although_boxes_are_kept(
    experiment, cases, tmp_path
) -> None:
    spec, kept = experiment("malignancy"), Cache(tmp_path)
    before = collect(cases, spec, None, kept)
    after = collect([flipped(case) for case in cases], spec, None, kept)
    assert (after.positive == ~before.positive).all()
    assert after.value == pytest.approx(1 - before.value)
    assert len(kept.entries()) == len(cases)  # the boxes themselves are the same


def test_a_label_that_was_moved_is_another_box(experiment, cases, tmp_path) -> None:
    spec, kept = experiment("malignancy"), Cache(tmp_path)
    first, *others = cases[0].labels
    moved = dataclasses.replace(first, centre_mm=tuple(c + 6 for c in first.centre_mm))
    before = boxes_of(cases[0], spec, None, kept)
    after = boxes_of(dataclasses.replace(cases[0], labels=(moved, *others)), spec, None, kept)
    assert not (before.cubes[0] == after.cubes[0]).all()
    assert (before.cubes[1:] == after.cubes[1:]).all()


def test_other_weights_of_the_detector_are_other_candidates(
    experiment, cases, detector, tmp_path
) -> None:
    spec, kept = experiment("candidates", {"detector": str(detector)}), Cache(tmp_path)
    stage = Run.load(detector)
    other = dataclasses.replace(stage, model=copy.deepcopy(stage.model))
    with torch.no_grad():
        for weight in other.model.parameters():
            weight.add_(
                0.05 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(1))
            )
    for one in (stage, other, stage):
        boxes_of(cases[0], spec, one, kept)
    assert len(kept.entries()) == 2


@pytest.mark.parametrize("change", [{"spacing_mm": 2.0}, {"side": 20}])
def test_other_boxes_are_asked_for_and_got(experiment, cases, tmp_path, change) -> None:
    kept = Cache(tmp_path)
    before = boxes_of(cases[0], experiment("malignancy"), None, kept)
    after = boxes_of(cases[0], experiment("malignancy", change), None, kept)
    assert before.cubes.shape != after.cubes.shape or (before.cubes != after.cubes).any()


def test_a_scan_of_the_same_size_and_time_is_another_scan(experiment, cases, tmp_path) -> None:
    """Two series of one study, exchanged: every size is the same, and so is every time."""
    path, kept = tmp_path / "ct.mhd", Cache(tmp_path / "cache")
    case = dataclasses.replace(cases[0], images={"ct": path})
    found = []
    for seed in (1, 2):
        scan = chest(seed, (48, 96, 96), nodules=3)
        write_mhd(path, scan.image, scan.geometry)
        for file in (path, path.with_suffix(".raw")):
            os.utime(file, ns=(7, 7))
        found.append(
            (
                gather([case], "nodule", LUNGS, kept)[0],
                boxes_of(case, experiment("malignancy"), None, kept),
            )
        )
    (one, its), (other, others) = found
    assert not np.array_equal(one.scan.grey, other.scan.grey)
    assert not np.array_equal(its.cubes, others.cubes)


def test_scans_are_prepared_once_and_come_back_as_they_were(cases, tmp_path) -> None:
    made, again = (gather(cases, "nodule", LUNGS, Cache(tmp_path)) for _ in range(2))
    assert len(Cache(tmp_path).entries()) == len(cases)
    for one, other in zip(made, again, strict=True):
        assert (one.scan.grey == other.scan.grey).all()
        assert (one.scan.region.mask == other.scan.region.mask).all()
        assert one.scan.geometry == other.scan.geometry
        assert (one.case, one.objects) == (other.case, other.objects)
