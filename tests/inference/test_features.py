"""Features on the way: the same numbers as of the activations at hand."""

from typing import Any

import numpy as np
import pytest
import torch

from inklings.inference.features import deepest_layer, watched
from inklings.models.folding import folded
from inklings.runs.run import Run, RunRecord
from inklings.spec import Component
from inklings.testing.runs import model_config


def built(name: str, options: dict[str, Any]) -> Run:
    torch.manual_seed(0)
    config = model_config(model=Component(name=name, options=options))
    model = config.build()
    inputs = torch.rand((2, 3, *(16,) * model.dimensions))
    with torch.no_grad():
        model(inputs)  # normalisations have seen something
    return Run(model.eval(), config, RunRecord((0.5,)))


@pytest.mark.parametrize(
    ("name", "options", "layer"),
    [
        ("unet", {"width": 4, "depth": 2}, "down.1.3"),
        ("unet3d", {"width": 4, "depth": 2}, "enlarge.1"),
        ("smp", {"encoder": "resnet18", "weights": None}, "network.encoder.layer4.1.conv2"),
    ],
)
def test_the_deepest_layer_is_named_and_the_same_when_folded(
    name: str, options: dict[str, Any], layer: str
) -> None:
    run = built(name, options)
    inputs = torch.rand((1, 3, *(64 if name == "smp" else 16,) * run.model.dimensions))
    with torch.no_grad():
        assert deepest_layer(run.model, lambda: run.model(inputs)) == layer
        with watched(run, layer) as plain:
            run.model(inputs)
        folded(run.model)
        with watched(run, layer) as after:
            run.model(inputs)
    assert plain is not None
    assert after is not None
    assert after.values == pytest.approx(plain.values, abs=1e-4)


def test_features_are_mean_and_deviation_over_all_windows() -> None:
    run = built("unet", {"width": 4, "depth": 2})
    windows = [torch.rand((1, 3, 16, 16)), torch.rand((2, 3, 16, 24))]
    seen: list[torch.Tensor] = []
    run.model.get_submodule("down.1.3").register_forward_pre_hook(
        lambda _, given: seen.append(given[0])
    )
    with torch.no_grad(), watched(run, "down.1.3") as features:
        for window in windows:
            run.model(window)
    every = np.concatenate([one.detach().numpy().swapaxes(0, 1).reshape(8, -1) for one in seen], 1)
    assert features is not None
    assert features.values == pytest.approx(np.concatenate([every.mean(1), every.std(1)]), abs=1e-5)


def test_a_run_that_knows_no_images_is_not_watched() -> None:
    with watched(built("unet", {"width": 4, "depth": 2})) as features:
        assert features is None
