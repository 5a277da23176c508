"""Features of a network about a whole image, taken on the way while it predicts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from inklings.geometry import Geometry
from inklings.inference.dense import fit_channels
from inklings.models.base import Model
from inklings.predictions.image_statistics import fingerprint
from inklings.runs.run import Run

_CHANNELS = 128
"""Channels of which a mean and a deviation are kept, evenly spread."""

_LAYERS = (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d)


@dataclass
class Features:
    """Sums over all that went into a layer.

    Attributes:
        sums: ``(2, C)`` of the samples of each channel and of their squares.
        count: Samples of each.
    """

    sums: NDArray[np.float64] = field(default_factory=lambda: np.zeros((2, 0)))
    count: int = 0

    def add(self, inputs: Tensor) -> None:
        """Add inputs ``(B, C, *S)``."""
        step = -(-inputs.shape[1] // _CHANNELS)
        seen = inputs[:, ::step].detach().float().flatten(2)
        new = np.stack(
            [part.double().cpu().numpy() for part in (seen.sum((0, 2)), (seen * seen).sum((0, 2)))]
        )
        self.sums = new if not self.count else self.sums + new
        self.count += seen.shape[0] * seen.shape[2]

    @property
    def values(self) -> NDArray[np.float32]:
        """``(2 C,)`` mean and standard deviation of each channel."""
        mean, square = self.sums / max(self.count, 1)
        deviation = np.sqrt(np.maximum(square - mean**2, 0))
        both = np.concatenate([mean, deviation])
        found: NDArray[np.float32] = np.nan_to_num(both, posinf=1e30, neginf=-1e30).astype("f4")
        return found


@contextmanager
def watched(run: Run, layer: str = "") -> Iterator[Features | None]:
    """What goes into a layer of a network while the block runs.

    Args:
        run: Whose network it is.
        layer: By its name; by default the one that the run knows its training images by, and None
            comes back where it knows none.
    """
    layer = layer or (run.likeness.layer if run.likeness is not None else "")
    if not layer:
        yield None
        return
    found = Features()

    def look(_: nn.Module, inputs: tuple[Any, ...]) -> None:
        found.add(inputs[0])

    handle = run.model.get_submodule(layer).register_forward_pre_hook(look)
    try:
        yield found
    finally:
        handle.remove()


def deepest_layer(model: Model, use: Callable[[], object]) -> str:
    """The last convolution on the coarsest grid of more than one sample; empty where there is none.

    What goes into it is the same before and after normalisations are folded into convolutions.

    Args:
        model: A network.
        use: Uses it once.
    """
    grids: dict[str, int] = {}

    def look(name: str) -> Callable[[nn.Module, tuple[Any, ...]], None]:
        def seen(_: nn.Module, inputs: tuple[Any, ...]) -> None:
            if inputs[0][0, 0].numel() > 1:
                grids.setdefault(name, inputs[0][0, 0].numel())

        return seen

    convolutions = [(n, m) for n, m in model.named_modules() if isinstance(m, _LAYERS)]
    handles = [module.register_forward_pre_hook(look(name)) for name, module in convolutions]
    try:
        use()
    finally:
        for handle in handles:
            handle.remove()
    least = min(grids.values(), default=0)
    return next((name for name in reversed(grids) if grids[name] == least), "")


def statistics_of(
    run: Run, image: NDArray[Any], geometry: Geometry | None, features: Features
) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """Names of the statistics of the fingerprint, and all values ``(F + D,)`` of an image.

    Args:
        run: Which has predicted it.
        image: ``(C, *S)``, as it was read.
        geometry: Its grid.
        features: Of the network, watched meanwhile.

    Raises:
        DataError: If the image has other channels than the run takes.
    """
    volumes = run.model_config.volumes
    planes = volumes.planes if volumes is not None else 1
    own = fingerprint(fit_channels(image, run.model_config.in_channels // planes), geometry)
    values = np.concatenate([np.array(list(own.values()), np.float32), features.values])
    return tuple(own), values


def bag_statistics(encoded: Tensor) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """The same of a bag, from its instances ``(n, F)`` as the network encodes them."""
    features = Features()
    features.add(encoded[..., None])
    count = np.array([np.log(len(encoded))], np.float32)
    return ("instances",), np.concatenate([count, features.values])


def plain(values: NDArray[np.float32]) -> tuple[float | None, ...]:
    """Statistics as a record holds them, None where nobody knows."""
    return tuple(float(f"{value:.6g}") if value == value else None for value in values.tolist())
