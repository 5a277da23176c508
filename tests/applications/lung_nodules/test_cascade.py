import numpy as np
import pytest
import torch

from inklings.applications.lung_nodules.cascade import Cascade, combined, find
from inklings.errors import DataError
from inklings.tasks.train import train


@pytest.fixture(scope="module")
def runs(experiment, detector, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cascade")
    (folder / "detector").symlink_to(detector)
    train(experiment("candidates", {"detector": str(detector)}), folder / "classifier")
    train(experiment("malignancy"), folder / "malignancy")
    return folder


def _open(cascade: Cascade) -> Cascade:
    """Lets everything through, so that there is something to count."""
    from dataclasses import replace

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
    from dataclasses import replace

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


def test_thresholds_are_kept_beside_the_runs(runs) -> None:
    from dataclasses import replace

    cascade = replace(Cascade.load(runs), threshold=0.3, suspicious=0.7, weight=0.4)
    cascade.write(runs)
    again = Cascade.load(runs)
    assert (again.threshold, again.suspicious, again.weight) == (0.3, 0.7, 0.4)
    (runs / "cascade.json").rename(runs / "chain.json")  # as version 0.1 called it
    assert Cascade.load(runs).weight == 0.4
    (runs / "chain.json").unlink()


def test_a_cascade_without_a_detector_is_refused(runs) -> None:
    with pytest.raises(DataError, match="detector"):
        Cascade.load(runs / "malignancy")


def test_two_probabilities_are_joined_by_their_logits() -> None:
    half = combined(np.array([0.9]), np.array([0.1]), 0.5)
    assert half[0] == pytest.approx(0.5)
    assert combined(np.array([0.9]), np.array([0.1]), 0.0)[0] == pytest.approx(0.9)
