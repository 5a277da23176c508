import pytest
import torch

from inklings.errors import SpecError
from inklings.models import MODELS
from inklings.training import OPTIMISERS
from inklings.training.optimisers import groups


@pytest.mark.parametrize("name", list(OPTIMISERS))
def test_every_optimiser_finds_the_bottom_of_a_bowl(name: str) -> None:
    parameter = torch.nn.Parameter(torch.tensor([3.0, -2.0]))
    rate = 1.0 if name == "adadelta" else 0.02  # which scales its steps by what came before
    options = {"parameters": [parameter], "learning_rate": rate}
    optimiser = OPTIMISERS.build(name, options)
    for _ in range(800):
        optimiser.zero_grad()
        (parameter**2).sum().backward()
        optimiser.step()
    assert parameter.abs().max() < 0.1


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_the_fused_step_is_the_plain_step(name: str) -> None:
    results = []
    for fused in (False, True):
        torch.manual_seed(0)
        model = torch.nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
        optimiser = OPTIMISERS.build(
            name, {"parameters": model.parameters(), "learning_rate": 0.1, "fused": fused}
        )
        for _ in range(3):
            optimiser.zero_grad()
            model(torch.ones(1, 3, 8, 8)).square().mean().backward()
            optimiser.step()
        results.append(model.weight.detach().clone())
    torch.testing.assert_close(results[0], results[1])


def test_an_unknown_option_is_a_line_that_names_it() -> None:
    with pytest.raises(SpecError, match=r"optimiser 'sgd': got an unexpected keyword.*'betas'"):
        OPTIMISERS.build("sgd", {"parameters": [], "learning_rate": 0.1, "betas": 1})


def test_the_backbone_learns_at_its_share_of_the_rate() -> None:
    model = MODELS.build("smp", {"in_channels": 3, "out_channels": 1, "encoder": "resnet18"})
    rest, backbone = groups(model, 0.1)
    assert (rest["factor"], backbone["factor"]) == (1.0, 0.1)
    inside = {id(p) for p in model.network.encoder.parameters()}
    assert {id(p) for p in backbone["params"]} == inside
    assert len(rest["params"]) + len(inside) == len(list(model.parameters()))


def test_a_model_without_a_backbone_is_a_line_that_says_so() -> None:
    model = MODELS.build("unet", {"in_channels": 3, "out_channels": 1, "width": 4, "depth": 1})
    assert len(groups(model, 1.0)) == 1
    with pytest.raises(SpecError, match=r"backbone_rate 0\.1: expected a model with an encoder"):
        groups(model, 0.1)
