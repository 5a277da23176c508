"""What every encoder of instances offers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor, nn

from inklings.errors import SpecError


class InstanceEncoder(Protocol):
    """An ``nn.Module`` that sees one instance at a time.

    Attributes:
        features: Length ``F`` of what it returns.
    """

    features: int

    def __call__(self, inputs: Tensor) -> Tensor:
        """``(M, *shape)`` to ``(M, F)``."""


class Layers(nn.Module):
    """An encoder that is one sequence, which may scan pictures (`inklings.models.scanning`)."""

    features: int
    layers: nn.Sequential

    def forward(self, inputs: Tensor) -> Tensor:
        """``(M, *shape)`` to ``(M, F)``."""
        result: Tensor = self.layers(inputs)
        return result


def picture(shape: Sequence[int], name: str) -> tuple[int, int, int]:
    """``shape`` as ``(C, H, W)``.

    Raises:
        SpecError: If the instances are no pictures.
    """
    if len(shape) != 3:
        raise SpecError(
            f"encoder {name}: expected pictures (C, H, W), got instances of shape {tuple(shape)}; "
            "features take encoder mlp or identity"
        )
    return int(shape[0]), int(shape[1]), int(shape[2])
