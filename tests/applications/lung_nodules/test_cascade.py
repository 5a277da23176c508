from dataclasses import replace

import numpy as np
import pytest
import torch

from inklings.applications.lung_nodules.cascade import combined, find
from inklings.applications.lung_nodules.stages import Cascade
from inklings.tasks.train import train
from inklings.testing.stand_in import stand_in


def _open(cascade: Cascade) -> Cascade:
    """Lets everything through, so that there is something to count."""
    torch.nn.init.zeros_(cascade.detector.model.head.bias)
    return replace(cascade, threshold=0.0)


def test_counts_shrink_and_findings_are_complete(runs, phantom) -> None:
    found = find(_open(Cascade.load(runs)), phantom.image, phantom.geometry, "a")
    counts = list(found.findings.stage_counts.values())
    assert list(found.findings.stage_counts) == [
        "voxels", "flagged voxels", "candidates", "nodules", "suspicious",
    ]  # fmt: skip
    assert counts[0] == phantom.image.size
    assert counts == sorted(counts, reverse=True)
    assert len(found.measured) == len(found.findings) > 0
    for one in found.findings:
        assert one.name == "nodule"
        assert list(one.attributes) == [
            "organ", "side", "zone", "volume_mm3", "detector_score", "classifier_score",
            "malignancy_probability",
        ]  # fmt: skip
        assert one.word("side") in ("left", "right")
        assert 0 <= one.number("malignancy_probability") <= 1
        volume = np.pi / 6 * one.diameter_mm**3
        assert one.number("volume_mm3") == pytest.approx(volume, rel=1e-6)


def test_a_classifier_without_weight_is_not_asked(runs, phantom) -> None:
    cascade = replace(_open(Cascade.load(runs)), weight=0.0)
    found = find(cascade, phantom.image, phantom.geometry, "a").findings
    assert not any("classifier_score" in one.attributes for one in found)
    for one in found:
        assert one.score == pytest.approx(one.number("detector_score"), rel=1e-6)


def test_outlines_stand_in_the_order_of_the_findings(runs, phantom) -> None:
    found = find(_open(Cascade.load(runs)), phantom.image, phantom.geometry, "a")
    for finding, outline in zip(found.findings, found.measured, strict=True):
        index = phantom.geometry.to_indices(finding.centre_mm)
        assert (index > np.array(outline.region.start) - 1).all()
        assert (index < np.array(outline.region.stop)).all()
        if outline.grown:
            assert finding.diameter_mm == pytest.approx(outline.diameter_mm)


def test_two_probabilities_are_joined_by_their_logits() -> None:
    half = combined(np.array([0.9]), np.array([0.1]), 0.5)
    assert half[0] == pytest.approx(0.5)
    assert combined(np.array([0.9]), np.array([0.1]), 0.0)[0] == pytest.approx(0.9)


def test_a_segmenter_finds_candidates_groups_and_lets_a_classifier_judge(
    segmenter, experiment, published, phantom, tmp_path
) -> None:
    (tmp_path / "segmenter").symlink_to(segmenter)
    classifier = experiment("candidates", {"file": str(published), "max_candidates": 2})
    train(classifier, tmp_path / "classifier")
    train(experiment("malignancy"), tmp_path / "malignancy")
    cascade = replace(Cascade.load(tmp_path), threshold=0.0)
    torch.nn.init.constant_(cascade.detector.model.head.bias, 1.0)
    with stand_in() as device:
        found = find(cascade, phantom.image, phantom.geometry, "a")
    assert not device.stayed
    findings = found.findings
    assert list(findings.stage_counts) == [
        "voxels", "flagged voxels", "candidates", "nodules", "suspicious",
    ]  # fmt: skip
    assert findings.stage_counts["candidates"] == len(findings) == len(found.measured) > 0
    for one in findings:  # behind a segmenter the classifier alone decides
        assert one.score == pytest.approx(one.number("classifier_score"), abs=1e-5)
        assert one.number("malignancy_probability") is not None


def test_what_several_runs_of_a_stage_say_is_averaged(runs, experiment, phantom, tmp_path) -> None:
    for name in ("detector", "classifier", "malignancy"):
        (tmp_path / name).symlink_to((runs / name).resolve())
    train(experiment("malignancy", training={"seed": 1}), tmp_path / "malignancy_2")
    both = _open(Cascade.load(tmp_path))
    first = replace(both, more={})
    second = replace(first, malignancy=both.more["malignancy_2"])
    said = [
        [
            one.number("malignancy_probability")
            for one in find(c, phantom.image, phantom.geometry, "a").findings
        ]
        for c in (first, second, both)
    ]
    assert said[0] != said[1]
    assert said[2] == pytest.approx(np.mean(said[:2], 0))
    twice = replace(first, more={"detector_2": first.detector, "classifier_2": first.classifier})
    alone, doubled = (
        find(c, phantom.image, phantom.geometry, "a").findings for c in (first, twice)
    )
    assert [f.centre_mm for f in doubled] == [f.centre_mm for f in alone]
    assert [f.score for f in doubled] == pytest.approx([f.score for f in alone])
