"""The cascade of Stevens et al. 2020 (Deep Learning with PyTorch), to stand beside ours.

A 2.5-D U-Net marks samples plane by plane with three neighbours on either side; what lies above
one half is eroded once, connected samples are a candidate, and its centre is weighted by
intensity; a classifier of 32 x 48 x 48 samples keeps those above one half. There is no lung mask,
and all is counted in samples, not in millimetres. Faults that follow from this stay here as they
are: erosion deletes whatever is thinner than three planes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage
from torch import nn

from inklings.data.batches import Crop
from inklings.data.boxes import BoxTransforms
from inklings.detection.candidates import Candidate, Detected
from inklings.geometry import Geometry
from inklings.inference.device import best_device, device_of
from inklings.runs.run import Run
from inklings.spec import Component

CONTEXT = 3
CROP, WIDE = 64, 96
_MARGIN = 24  # samples on each side, so that turns and scales need not repeat the border
_NODULE_HU = -700
LEVEL = 0.5
"""From here on a sample is marked."""
_PLANES_AT_ONCE = 4


def grown_mask(
    values: NDArray[Any], centres: Sequence[Sequence[float]], level_hu: float = _NODULE_HU
) -> NDArray[np.bool_]:
    """Samples of nodules of which only the centre is known.

    On each axis by itself a box grows from the centre while *both* ends are denser than
    ``level_hu``; inside the boxes whatever is denser belongs to the nodule.

    Args:
        values: The whole CT, ``(z, y, x)`` in HU.
        centres: Indices ``(z, y, x)``.
        level_hu: Lung is below, nodules are above.
    """
    box = np.zeros(values.shape, bool)
    for centre in centres:
        middle = [int(v) for v in np.rint(centre)]
        radii = [_radius(values, middle, axis, level_hu) for axis in range(3)]
        box[tuple(slice(max(0, m - r), m + r + 1) for m, r in zip(middle, radii, strict=True))] = (
            True
        )
    mask: NDArray[np.bool_] = box & (values > level_hu)
    return mask


def _radius(values: NDArray[Any], middle: Sequence[int], axis: int, level: float) -> int:
    line = values[tuple(slice(None) if a == axis else m for a, m in enumerate(middle))]
    radius = 2
    while (
        middle[axis] - radius >= 0
        and middle[axis] + radius < len(line)
        and line[middle[axis] + radius] > level
        and line[middle[axis] - radius] > level
    ):
        radius += 1
    return radius


@dataclass(frozen=True)
class Marked:
    """A CT and its nodules' samples.

    Attributes:
        values: ``(z, y, x)`` int16 in HU, limited to -1000 to 1000.
        mask: ``(z, y, x)``.
    """

    values: NDArray[np.int16]
    mask: NDArray[np.bool_]

    @property
    def places(self) -> NDArray[np.int64]:
        """One sample of the mask for each of its planes and objects."""
        labels, count = ndimage.label(self.mask)
        found = []
        for part in range(1, count + 1):
            inside = np.argwhere(labels == part)
            for z in np.unique(inside[:, 0]):
                row = inside[inside[:, 0] == z]
                found.append(row[len(row) // 2])
        return np.array(found, np.int64).reshape(-1, 3)


class SegmenterCrops:
    """Draws 7 planes of 64 x 64 samples at random out of 96 x 96 around a nodule.

    Args:
        scans: What to draw from.
        augment: How crops are changed, within their planes.
    """

    def __init__(self, scans: Sequence[Marked], augment: Sequence[Component] = ()) -> None:
        self.scans, self.change = scans, BoxTransforms(augment)
        self._places = [(k, place) for k, one in enumerate(scans) for place in one.places]

    def __call__(self, rng: Generator) -> Crop:
        """Inputs ``(7, 64, 64)``, value ``(1, 64, 64)``, known ``(1, 64, 64)``."""
        index, place = self._places[int(rng.integers(len(self._places)))]
        one = self.scans[index]
        y, x = place[1:] - WIDE // 2 + rng.integers(0, WIDE - CROP + 1, 2)
        rows = np.clip(np.arange(y - _MARGIN, y + CROP + _MARGIN), 0, one.values.shape[1] - 1)
        columns = np.clip(np.arange(x - _MARGIN, x + CROP + _MARGIN), 0, one.values.shape[2] - 1)
        planes = np.clip(
            np.arange(place[0] - CONTEXT, place[0] + CONTEXT + 1), 0, len(one.values) - 1
        )
        inputs = one.values[np.ix_(planes, rows, columns)].astype(np.float32)
        mask = one.mask[place[0]][np.ix_(rows, columns)]
        inputs, mask = self.change.planes(inputs, mask, (CROP, CROP), rng)
        scaled = (inputs / 1000).astype(np.float32)
        return scaled, mask[None].astype(np.float32), np.ones((1, CROP, CROP), np.bool_)


@torch.inference_mode()
def segment(
    model: nn.Module, values: NDArray[Any], planes: Sequence[int] | NDArray[np.int64] | None = None
) -> NDArray[np.float32]:
    """Probability of a nodule at every sample of every plane, ``(planes, y, x)``.

    Args:
        model: Of the task nodule_segmentation.
        values: The whole CT, ``(z, y, x)`` in HU.
        planes: Which to mark; None for all.
    """
    asked = range(len(values)) if planes is None else [int(z) for z in planes]
    limited, device, was = np.clip(values, -1000, 1000), device_of(model), model.training
    out = np.empty((len(asked), *values.shape[1:]), np.float32)
    model.eval()
    for start in range(0, len(asked), _PLANES_AT_ONCE):
        stacks = [
            limited[np.clip(np.arange(z - CONTEXT, z + CONTEXT + 1), 0, len(values) - 1)]
            for z in asked[start : start + _PLANES_AT_ONCE]
        ]
        inputs = torch.from_numpy(np.stack(stacks).astype(np.float32) / 1000).to(device)
        said = torch.sigmoid(model(inputs).logits[:, 0].float())
        out[start : start + len(stacks)] = said.cpu().numpy()
    model.train(was)
    return out


def group(
    chance: NDArray[np.float32], values: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centres ``(n, 3)`` of candidates as indices, weighted by intensity, and samples ``(n,)``."""
    inside = ndimage.binary_erosion(chance > LEVEL, iterations=1)
    labels, count = ndimage.label(inside)
    if not count:
        return np.zeros((0, 3)), np.zeros(0)
    weight = np.clip(values, -1000, 1000).astype(np.float32) + 1001
    centres = ndimage.center_of_mass(weight, labels, np.arange(1, count + 1))
    return np.array(centres, float).reshape(-1, 3), np.bincount(labels.ravel())[1:].astype(float)


def detect_as_reference(
    segmenters: Sequence[Run], values: NDArray[Any], geometry: Geometry
) -> Detected:
    """Candidates of the reference: what segmenters mark, the mean of several, grouped.

    The score is the probability at the centre. The diameter is that of a ball of as many samples
    as a group has, and of the sample on each side that the erosion took.
    """
    chance = np.mean([segment(one.model.to(best_device()), values) for one in segmenters], axis=0)
    centres, samples = group(chance, values)
    size = 2 * np.cbrt(samples * geometry.cell_mm * 3 / (4 * np.pi))
    size += 2 * float(np.cbrt(geometry.cell_mm))
    scores = [float(chance[tuple(np.rint(centre).astype(int))]) for centre in centres]
    points = geometry.to_points(centres)
    found = [
        Candidate((z, y, x), (a, b, c), mm, score)
        for (z, y, x), (a, b, c), mm, score in zip(
            centres.tolist(), points.tolist(), size.tolist(), scores, strict=True
        )
    ]
    found.sort(key=lambda one: -one.score)
    return Detected(tuple(found), int((chance > LEVEL).sum()))
