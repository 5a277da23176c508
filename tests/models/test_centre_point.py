import torch
from torch import nn

from inklings.models.centre_point import CentrePoint


def test_logits_lie_on_a_grid_twice_as_coarse() -> None:
    model = CentrePoint(1, 5, width=4, blocks=1).eval()
    assert model(torch.zeros(2, 1, 32, 24, 40)).logits.shape == (2, 5, 16, 12, 20)
    assert model(torch.zeros(1, 1, 20, 24, 24)).logits.shape == (1, 5, 12, 12, 12)


def test_untrained_heat_is_the_prior() -> None:
    model = CentrePoint(1, 5, width=4, prior=0.02).eval()
    nn.init.zeros_(model.head.weight)
    heat = torch.sigmoid(model(torch.randn(1, 1, 16, 16, 16)).logits[:, 0])
    assert torch.allclose(heat, torch.tensor(0.02), atol=1e-6)


def test_it_learns_where_a_bright_spot_is() -> None:
    torch.manual_seed(0)
    model = CentrePoint(1, 5, width=4, blocks=1)
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    inputs = torch.zeros(2, 1, 16, 16, 16)
    inputs[0, 0, 4:6, 4:6, 4:6] = inputs[1, 0, 10:12, 10:12, 10:12] = 1
    target = torch.zeros(2, 8, 8, 8)
    target[0, 2, 2, 2] = target[1, 5, 5, 5] = 1
    for _ in range(60):
        loss = nn.functional.binary_cross_entropy_with_logits(model(inputs).logits[:, 0], target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    peaks = model.eval()(inputs).logits[:, 0].flatten(1).argmax(1)
    assert peaks.tolist() == [2 * 64 + 2 * 8 + 2, 5 * 64 + 5 * 8 + 5]
