"""Encoders by the names of timm: what is offered can be built."""

from __future__ import annotations

import pytest
import timm
import torch

from inklings.errors import SpecError
from inklings.models.instances.pretrained import Pretrained

SHAPE = (3, 96, 96)


@pytest.mark.parametrize(
    "name",
    [
        "resnet18", "alexnet", "vgg11", "squeezenet1_1", "densenet121", "inception_v3",
        "googlenet", "shufflenet_v2_x1_0", "mobilenetv2_100", "mobilenetv3_small_050",
    ],
)  # fmt: skip
def test_each_family_of_networks_is_built_or_refused_in_one_line(name: str) -> None:
    """The families of torchvision, all of which the reference offers."""
    with torch.device("meta"):
        if timm.is_model(name):
            encoder = Pretrained(SHAPE, name).eval()
            assert encoder(torch.zeros((2, *SHAPE))).shape == (2, encoder.features)
        else:
            with pytest.raises(SpecError, match=f"^timm has no encoder named '{name}'; .+$"):
                Pretrained(SHAPE, name)
