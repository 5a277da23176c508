"""Features that come from elsewhere: as they are, or through a few layers."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from inklings.models.instances.base import Layers


class MLP(Layers):
    """Layers with ReLU and dropout on flattened instances; none of them leaves features alone."""

    def __init__(
        self,
        shape: Sequence[int],
        hidden: Sequence[int] = (128,),
        dropout: float = 0.0,
        input_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        size = 1
        for side in shape:
            size *= int(side)
        layers: list[nn.Module] = [nn.Flatten()]
        if input_dropout:
            layers.append(nn.Dropout(input_dropout))
        for width in hidden:
            layers += [nn.Linear(size, width), nn.ReLU()]
            if dropout:
                layers.append(nn.Dropout(dropout))
            size = width
        self.features = size
        self.layers = nn.Sequential(*layers)


def identity(shape: Sequence[int]) -> MLP:
    """Features as they are."""
    return MLP(shape, ())
