from copy import deepcopy

import pytest
import torch
from torch import nn

from inklings.models import MODELS
from inklings.models.folding import folded

NORMALISATIONS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def lived_in(model: nn.Module) -> nn.Module:
    """In evaluation, as after a training: no scale is one and no shift nothing."""
    torch.manual_seed(0)
    for module in model.modules():
        if isinstance(module, NORMALISATIONS) and module.running_var is not None:
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            if module.affine:
                nn.init.uniform_(module.weight, 0.5, 2)
                nn.init.normal_(module.bias)
    return model.eval()


def normalisations(model: nn.Module) -> int:
    return sum(isinstance(m, NORMALISATIONS) for m in model.modules())


@pytest.mark.parametrize(
    ("name", "options", "left"),
    [
        ("unet", {"width": 8, "depth": 2}, 0),
        ("unet", {"width": 8, "depth": 2, "up": "transposed", "stride": 2}, 0),
        ("deeplabv3plus", {}, None),
        ("transunet_small", {"depth": 1}, None),
    ],
)
def test_a_folded_network_is_the_same_function(
    name: str, options: dict[str, object], left: int | None
) -> None:
    model = lived_in(MODELS.build(name, {"in_channels": 3, "out_channels": 2, **options}))
    plain = deepcopy(model)
    assert folded(model) is model
    assert normalisations(model) < normalisations(plain)
    if left is not None:
        assert normalisations(model) == left
    inputs = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        expected, got = plain(inputs).logits, model(inputs).logits
    torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))


def test_by_hand() -> None:
    pair = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), nn.BatchNorm2d(1, eps=0.0)).eval()
    with torch.no_grad():
        pair[0].weight.fill_(3.0)
        pair[1].running_mean.fill_(2.0)
        pair[1].running_var.fill_(4.0)
        pair[1].weight.fill_(5.0)
        pair[1].bias.fill_(7.0)
    folded(pair)
    assert pair[0].weight.item() == pytest.approx(3 * 5 / 2)
    assert pair[0].bias.item() == pytest.approx(7 - 2 * 5 / 2)
    assert isinstance(pair[1], nn.Identity)


def test_what_is_used_twice_or_still_learns_or_is_wired_otherwise_is_left_as_it_is() -> None:
    shared = nn.Conv2d(2, 2, 1)
    twice = nn.ModuleList(nn.Sequential(shared, nn.BatchNorm2d(2)) for _ in range(2)).eval()
    learning = nn.Sequential(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2)).train()
    otherwise = Reversed(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2)).eval()
    of_batch = nn.Sequential(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2, track_running_stats=False))
    for model in (twice, learning, otherwise, of_batch.eval()):
        before = normalisations(model)
        assert normalisations(folded(model)) == before


class Reversed(nn.Sequential):
    """Calls its parts from the last to the first."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        for part in reversed(self):
            inputs = part(inputs)
        return inputs
