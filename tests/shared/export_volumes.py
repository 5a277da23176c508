"""A series of DICOM, a cohort with its truth, and predictions made by hand from it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from volume_files import ball

from inklings.geometry import Geometry
from inklings.predictions.dense import DensePrediction
from inklings.predictions.head import Head, Provenance

CLASSES = ("liver", "left kidney", "grey thing")
HEAD = Head(CLASSES, (0.5, 0.5, 0.5), Provenance("runs/one", "ab" * 32, None, "0"))


def masks_on(geometry: Geometry) -> np.ndarray:
    """A ball, its core and an oblong beside it that overlaps the core; ``(3, Z, Y, X)``."""
    values = ball(geometry)
    third = np.zeros(geometry.shape, bool)
    z, y, x = (n // 2 for n in geometry.shape)
    third[z : z + 4, y - 2 : y + 9, x : x + 3] = True
    return np.stack([values > 300, values > 900, third])


def predict(folder: Path, case: str, image: Path, masks: np.ndarray, head: Head = HEAD) -> Path:
    """A folder of predictions that holds ``masks`` of one case; the classes differ in certainty."""
    head.write(folder)
    certain = np.array([200, 255, 180, 190], np.uint8)[: len(masks)].reshape(-1, 1, 1, 1)
    DensePrediction(case, image, masks * certain).write(folder)
    return folder


def codes(masks: np.ndarray) -> np.ndarray:
    """What belongs to several is the most certain: the core, then the ball."""
    found = np.zeros(masks.shape[1:], np.uint8)
    for k in (2, 0, 1):
        found[masks[k]] = k + 1
    return found
