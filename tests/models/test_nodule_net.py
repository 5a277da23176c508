import pytest
import torch

from inklings.models.nodule_net import LunaNet, NoduleNet


def test_the_reference_has_1152_numbers_before_its_last_layer() -> None:
    model = LunaNet(1, 1)
    assert model.head.in_features == 1152
    assert model(torch.zeros(1, 1, 32, 48, 48)).logits.shape == (1, 1)


@pytest.mark.parametrize("side", [16, 28, 32])
@pytest.mark.parametrize("fine", [False, True])
def test_boxes_of_other_sides_are_taken(side, fine) -> None:
    model = NoduleNet(2, 1, width=4, fine=fine)
    assert model(torch.zeros(2, 2, side, side, side)).logits.shape == (2, 1)


def test_the_diameter_is_seen_though_the_box_is_the_same() -> None:
    model = NoduleNet(2, 1, width=4).eval()
    inputs = torch.rand(1, 2, 16, 16, 16)
    other = inputs.clone()
    inputs[:, 1], other[:, 1] = -0.5, 1.0
    assert model(inputs).logits.item() != model(other).logits.item()
