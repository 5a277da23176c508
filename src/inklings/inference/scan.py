"""Raster scan: a classifier of patches at every place of a picture, so that it segments it.

What a patch is called is the answer for the sample at its middle. Beyond its border a picture is
mirrored. Where the network allows, one pass answers for all places (`inklings.models.scanning`);
otherwise patches go through it in batches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inklings.bags.task import Task, probabilities
from inklings.errors import DataError, SpecError
from inklings.inference.bag_model import BLOCK
from inklings.inference.dense import fit_channels, restore
from inklings.models.base import BagNetwork
from inklings.models.scanning import patches_of
from inklings.predictions.numbers import quantise
from inklings.runs.run import Run

_SIDE = 192  # places along one side of a block: bounds memory


def scan(
    run: Run, image: NDArray[Any], stride: int = 1, one_pass: bool = True
) -> NDArray[np.uint8]:
    """Quantised probabilities of the classes, ``(K, H, W)``, at the size of the image.

    Args:
        run: Learnt from bags of pictures, one a bag or many.
        image: ``(C, H, W)`` uint8, as the patches were.
        stride: Samples between patches; those between them are interpolated.
        one_pass: Whether to scan in one pass where the network allows; False is the loop.

    Raises:
        DataError: If the image is not like the patches that the run has learnt from.
        SpecError: If patches would leave gaps.
    """
    shape = patch_shape(run)
    image = fit_channels(image, shape[0])
    if image.ndim != 3 or image.dtype != np.uint8:
        raise DataError(
            f"expected a picture of 8 bits, as the training patches, got "
            f"{image.dtype} of shape {image.shape}"
        )
    model = run.model
    assert isinstance(model, BagNetwork)
    model.eval()
    device = next(model.parameters()).device
    network = model.scanner(stride) if one_pass else None
    task = cast(Task, run.model_config.task)
    if stride > min(shape[1:]):
        raise SpecError(f"stride: expected at most the side of a patch, {shape[1:]}, got {stride}")
    # A cell of `stride` samples is what the patch around its middle is.
    size = image.shape[1:]
    places = [-(-side // stride) for side in size]
    before = [patch // 2 - (stride - 1) // 2 for patch in shape[1:]]
    pads = [
        (lead, max(0, (count - 1) * stride + patch - side - lead))
        for count, patch, side, lead in zip(places, shape[1:], size, before, strict=True)
    ]
    padded = np.pad(image, [(0, 0), *pads], "reflect")
    found: NDArray[np.float32] | None = None
    with torch.inference_mode():
        for rows, columns in _blocks(places):
            inside = [
                slice(of.start * stride, (of.stop - 1) * stride + patch)
                for of, patch in zip((rows, columns), shape[1:], strict=True)
            ]
            block = torch.from_numpy(np.ascontiguousarray(padded[:, inside[0], inside[1]]))
            logits = _logits(model, block.to(device), shape, stride, network).double()
            softmax = run.model_config.activation == "softmax"
            raw = (logits.softmax(-1) if softmax else logits.sigmoid()).cpu().numpy()
            said = probabilities(task, raw).T.astype(np.float32)
            if found is None:
                found = np.empty((len(said), *places), np.float32)
            found[:, rows, columns] = said.reshape(len(said), rows.stop - rows.start, -1)
    assert found is not None
    return restored(quantise(found), size, stride)


def patch_shape(run: Run) -> tuple[int, int, int]:
    """``(C, P, Q)`` of the patches that a run has learnt from.

    Raises:
        DataError: If it learnt from something else, or answers with a number.
    """
    shape = tuple(run.model_config.model.options.get("shape", ()))
    if len(shape) != 3 or run.model_config.activation == "identity":
        raise DataError(
            f"{run.folder}: expected a run that learnt classes of pictures to scan others with it, "
            f"got one of task {run.model_config.task} on instances of shape {shape}; give a cohort "
            "of bags, or files of instances (.h5)"
        )
    return shape


def restored(dense: NDArray[np.uint8], size: tuple[int, ...], stride: int) -> NDArray[np.uint8]:
    """Answers of cells of ``stride`` samples ``(K, h, w)``, interpolated to ``(K, *size)``."""
    if stride == 1:
        return dense
    high, wide = (count * stride for count in dense.shape[1:])
    return np.ascontiguousarray(restore(dense, (high, wide))[:, : size[0], : size[1]])


def _blocks(places: list[int]) -> Iterator[tuple[slice, slice]]:
    for y in range(0, places[0], _SIDE):
        for x in range(0, places[1], _SIDE):
            yield slice(y, min(y + _SIDE, places[0])), slice(x, min(x + _SIDE, places[1]))


def _logits(
    model: BagNetwork,
    block: Tensor,
    shape: tuple[int, int, int],
    stride: int,
    network: Callable[[Tensor], Tensor] | None,
) -> Tensor:
    """``(h * w, K)`` of all patches of a block ``(C, H, W)``."""
    if network is not None:
        features = network(block).flatten(1).T
        return torch.cat([model.alone(part) for part in torch.split(features, BLOCK)])
    patches = patches_of(block, shape[1:], stride)
    lines = torch.split(patches, max(1, BLOCK // patches.shape[1]))
    return torch.cat([model.alone(model.encode(line.flatten(0, 1))) for line in lines])
