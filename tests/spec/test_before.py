"""Runs of version 0.1 are read; what they say of other tasks was never looked at."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from inklings.applications.lung_nodules.spec import CandidateExperiment, MalignancyExperiment
from inklings.errors import SpecError
from inklings.spec import BagExperiment, SegmentationExperiment
from inklings.spec.before import load_experiment
from inklings.spec.detection import DetectionExperiment

RESOLVED: dict[str, Any] = {
    "mode": "strong", "cohort": "c", "tiles": None,
    "intensity": {"name": "zscore", "options": {}}, "stains": None,
    "correction": {"name": "none", "options": {}},
    "supervision": {"name": "auto", "options": {}},
    "sampling": {"size": 128, "resize": False, "positives": 0.0, "by_case": False},
    "volumes": {"view": "slices", "context": 1, "patch": None, "spacing_mm": None, "organ": 0.7},
    "bags": {"task": "ordinal", "augment": [], "sample": None, "standardise": True},
    "model": {"name": "unet", "options": {"width": 8}}, "loss": {"name": "bce", "options": {}},
    "training": {"steps": 3}, "rounds": {"count": 1, "share": 0.5}, "teacher": None,
    "inference": {"window": 128, "threshold": "auto", "instances": None, "pieces": "all"},
}  # fmt: skip
NODULES: dict[str, Any] = {
    "stage": "detector", "detector": None, "side": 40, "spacing_mm": 1.25, "positives": 0.6,
    "augment": [{"name": "flip", "options": {}}], "keep": "sensitivity", "false_positives": 2.0,
    "finetune": None,
}  # fmt: skip


def run(folder: Path, **more: Any) -> Path:
    (folder / "experiment.yaml").write_text(yaml.safe_dump({**RESOLVED, **more}))
    return folder


def test_a_segmentation_stays_one(tmp_path: Path) -> None:
    found = load_experiment(run(tmp_path))
    assert isinstance(found, SegmentationExperiment)
    assert (found.inference.window, found.model.options) == (128, {"width": 8})


def test_bags_keep_what_was_asked_of_them(tmp_path: Path) -> None:
    model = {"name": "bags", "options": {"pooling": "max"}}
    found = load_experiment(run(tmp_path, model=model, inference={"threshold": 0.3, "window": 9}))
    assert isinstance(found, BagExperiment)
    assert (found.bags.task, found.inference.threshold) == ("ordinal", 0.3)


@pytest.mark.parametrize(("augment", "noise"), [(NODULES["augment"], 0.03), ([], 0.0)])
def test_a_detector_disturbed_its_crops_or_not(tmp_path: Path, augment: Any, noise: float) -> None:
    found = load_experiment(run(tmp_path, nodules={**NODULES, "augment": augment}))
    assert isinstance(found, DetectionExperiment)
    asked = found.detection
    assert (asked.side, asked.foreground, asked.noise) == (40, 0.6, noise)


def test_judges_keep_their_boxes_and_what_they_went_by(tmp_path: Path) -> None:
    asked = {**NODULES, "stage": "classifier", "detector": "runs/d", "side": [8, 9, 10]}
    found = load_experiment(run(tmp_path, nodules=asked))
    assert isinstance(found, CandidateExperiment)
    assert (found.boxes.sides, found.boxes.monitor) == ((8, 9, 10), "sensitivity")
    assert (found.candidates.detector, found.boxes.false_positives) == (Path("runs/d"), 2.0)
    other = load_experiment(
        run(tmp_path, nodules={**NODULES, "stage": "malignancy", "finetune": 1})
    )
    assert isinstance(other, MalignancyExperiment)
    assert other.malignancy.finetune == 1


def test_what_can_no_longer_be_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"a run of version 0\.1: train again"):
        load_experiment(run(tmp_path, sampling={"halves": 3}))
