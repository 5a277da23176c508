"""What networks do with windows of a slide: how they see them, and what they say on the maps."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from inklings.data import INTENSITIES, NORMALISERS
from inklings.data.intensity import Scale
from inklings.data.slide_look import Restain, SlideLook
from inklings.errors import SpecError
from inklings.inference.dense import forward_of
from inklings.inference.device import device_of
from inklings.inference.slide_windows import Batch
from inklings.inference.sliding_window import mirrored
from inklings.inference.windows import Axis
from inklings.runs.run import Run
from inklings.spec import Inference


def require_same_look(runs: Sequence[Run]) -> None:
    """Raise SpecError unless the same samples go into all networks: windows are read once."""
    looks = [(run.model_config.in_channels, run.model_config.stains) for run in runs]
    if other := [k for k, look in enumerate(looks) if look != looks[0]]:
        raise SpecError(
            f"expected runs that see slides alike, got channels and stains {looks[0]} of "
            f"{runs[0].folder} and {looks[other[0]]} of {runs[other[0]].folder}; predict them into "
            "two folders"
        )


def seen_as(run: Run, look: SlideLook) -> tuple[Restain, Scale]:
    """What a run does to the samples of a slide: how stains change, and how it scales them."""
    stains, intensity = run.model_config.stains, run.model_config.intensity
    normaliser = NORMALISERS.build(stains.name, stains.options) if stains else None
    scaling = INTENSITIES.build(intensity.name, intensity.options)
    return look.restain(normaliser), look.restained(normaliser).scale(scaling)


Network = Callable[[Batch], NDArray[np.float32]]
"""Windows to weighted probabilities on the grid of the maps, ``(B, K, h, w)``."""


def network_of(
    run: Run, settings: Inference, axes: Sequence[Axis], step: int, scale: Scale
) -> Network:
    """One run at work on the windows of two axes, ``step`` samples of them to one of the maps."""
    forward = forward_of(run)
    if settings.mirroring:
        forward = functools.partial(mirrored, forward, mirroring=settings.mirroring)
    device = device_of(run.model)
    down, along = (torch.from_numpy(_weights(axis, step)).to(device) for axis in axes)
    centre, width = (torch.from_numpy(np.asarray(part))[None].to(device) for part in scale)
    classes = len(run.classes)

    def network(batch: Batch) -> NDArray[np.float32]:
        with torch.inference_mode():
            inputs = torch.from_numpy(batch.pixels).to(device).float()
            inputs = inputs.sub_(centre).div_(width)
            outputs = forward(inputs)[:, :classes]
            weighted = outputs * (
                down[batch.rows][:, None, :, None] * along[batch.columns][:, None, None, :]
            )
            return _summed(weighted, step).cpu().numpy()

    return network


def beside(networks: Sequence[Network]) -> Network:
    """What each network says of the same windows, one after the other, ``(B, n K, h, w)``."""
    if len(networks) == 1:
        return networks[0]
    return lambda batch: np.concatenate([network(batch) for network in networks], axis=1)


def _weights(axis: Axis, step: int) -> NDArray[np.float32]:
    """Weights ``(windows, size)`` that make sums over a sample of the maps into means.

    The last sample of the maps may reach beyond the image: what lies there does not count.
    """
    place = np.array(axis.starts)[:, None] + np.arange(axis.size)
    held = np.minimum(step, axis.length - place // step * step)
    weights = np.where(place < axis.length, axis.weights / np.maximum(held, 1), 0)
    return weights.astype(np.float32)


def _summed(values: Tensor, step: int) -> Tensor:
    return values if step == 1 else F.avg_pool2d(values, step) * (step * step)
