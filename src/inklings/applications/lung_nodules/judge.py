"""Judges of candidates: is it a nodule, is it malignant; crops of a CT in, probabilities out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from inklings.applications.lung_nodules.spec import WINDOW_HU, boxes_of
from inklings.data.boxes import cut_box
from inklings.detection.scan import to_grey
from inklings.geometry import Geometry
from inklings.inference.device import best_device, device_of
from inklings.models.base import Model
from inklings.predictions.numbers import require_numbers
from inklings.runs.run import Run

_AT_ONCE = 32
_REFERENCE_MM = 8.0
UNSIZED_MM = 1.0
"""Told of everything where sizes are not known."""


def judge(
    run: Run,
    values: NDArray[Any],
    geometry: Geometry,
    places: Sequence[tuple[tuple[float, float, float], float]],
) -> NDArray[np.float64]:
    """Probability ``(n,)`` of each place.

    Args:
        run: A trained model of candidates or of malignancy.
        values: The whole CT, ``(z, y, x)`` in HU.
        geometry: Its grid.
        places: Points in mm of the patient, and diameters in mm.
    """
    asked = boxes_of(run.experiment)
    how = (asked.sides, asked.spacing_mm)
    boxes = (cut_box(values, geometry, point, *how) for point, _ in places)
    cubes = [to_grey(box, *WINDOW_HU) for box in boxes]
    sizes = [mm if asked.sized else UNSIZED_MM for _, mm in places]
    return probabilities(run.model.to(best_device()), cubes, sizes)


@torch.inference_mode()
def probabilities(
    model: Model, cubes: Sequence[NDArray[np.uint8]], diameters_mm: Sequence[float]
) -> NDArray[np.float64]:
    """Probability ``(n,)`` of boxes ``(*sides)`` that were cut already."""
    found, device = [], device_of(model)
    for start in range(0, len(cubes), _AT_ONCE):
        batch = [
            inputs_of((cube / np.float32(255)).astype(np.float32), mm)
            for cube, mm in zip(
                cubes[start : start + _AT_ONCE],
                diameters_mm[start : start + _AT_ONCE],
                strict=True,
            )
        ]
        logits = model(torch.from_numpy(np.stack(batch)).to(device)).logits
        found.append(torch.sigmoid(logits[:, 0].float()).double().cpu().numpy())
    said = np.concatenate(found) if found else np.zeros(0)
    require_numbers(said)
    return said


def inputs_of(cube: NDArray[np.float32], diameter_mm: float) -> NDArray[np.float32]:
    """``(2, *S)``: grey values, and the logarithm of the diameter over 8 mm everywhere."""
    size = np.full(cube.shape, np.log(max(diameter_mm, 1.0) / _REFERENCE_MM), np.float32)
    return np.stack([cube, size])
