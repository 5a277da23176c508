import numpy as np
import pytest
import torch
from torch import nn

from inklings.detection import candidates as module
from inklings.detection.candidates import Candidate, detect, heat, suppressed
from inklings.detection.scan import prepare
from inklings.detection.targets import to_output
from inklings.models.centre_point import CentrePoint
from inklings.spec.detection import Detection
from inklings.tensors import Output


@pytest.fixture
def one_slab(lungs) -> Detection:
    """The oracle knows places of the whole scan."""
    return lungs.model_copy(update={"slab": 1000})


class Oracle(nn.Module):
    """Answers with heat at given places of the input, and a diameter of 10 mm."""

    def __init__(self, places) -> None:
        super().__init__()
        self.places = places

    def forward(self, inputs, valid=None) -> Output:  # noqa: ARG002
        logits = torch.full((1, 5, *(n // 2 for n in inputs.shape[2:])), -9.0)
        logits[:, 1:4] = 0
        logits[:, 4] = float(np.log(10 / 8))
        for place, warmth in self.places:
            here = to_output(np.asarray(place, float), 2)
            nearest = np.rint(here).astype(int)
            logits[0, 0][tuple(nearest)] = warmth
            logits[0, 1:4][(slice(None), *nearest)] = torch.tensor(here - nearest).float()
        return Output(logits)


def test_peaks_come_back_as_millimetres_of_the_patient(phantom, one_slab) -> None:
    scan = prepare(phantom.image, phantom.geometry, one_slab)
    nodule = phantom.nodules[0]
    place = scan.geometry.to_indices(nodule.centre_mm)
    found = detect(Oracle([(place, 3.0)]), scan, one_slab).candidates
    assert len(found) == 1
    assert found[0].point_mm == pytest.approx(nodule.centre_mm, abs=0.05)
    assert found[0].diameter_mm == pytest.approx(10, rel=0.01)
    assert found[0].score == pytest.approx(1 / (1 + np.exp(-3)), abs=0.01)


def test_what_lies_outside_of_the_lungs_is_no_candidate(phantom, one_slab) -> None:
    scan = prepare(phantom.image, phantom.geometry, one_slab)
    assert not scan.region.holds(scan.geometry.to_points([[2.0, 2.0, 2.0]]))[0]
    said = detect(Oracle([((2.0, 2.0, 2.0), 5.0)]), scan, one_slab)
    assert not said.candidates
    assert said.outside == pytest.approx([1 / (1 + np.exp(-5))], abs=0.01)


def test_neighbours_are_one_candidate_the_best() -> None:
    def at(x: float, score: float) -> Candidate:
        return Candidate((0.0, 0.0, x / 1.5), (x, 0.0, 0.0), 8.0, score)

    kept = suppressed([at(0, 0.5), at(3, 0.9), at(20, 0.3)], Detection())
    assert [one.score for one in kept] == [0.9, 0.3]


def test_slabs_give_the_heat_of_the_whole(monkeypatch) -> None:
    torch.manual_seed(0)
    model = CentrePoint(1, 5, width=4, blocks=1).eval()
    grey = np.random.default_rng(0).integers(0, 255, (200, 24, 24)).astype(np.uint8)
    monkeypatch.setattr(module, "native_bf16", lambda _: False)
    whole = heat(model, grey, Detection())
    parts = heat(model, grey, Detection(slab=32, halo=64))  # 160 planes at once, so two slabs
    assert parts.shape == whole.shape == (5, 100, 12, 12)
    assert torch.allclose(parts, whole, atol=1e-4)
