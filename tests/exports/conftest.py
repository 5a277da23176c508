from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inklings.predictions.dense import DensePrediction
from inklings.predictions.head import Head, Provenance


def objects_of(case: str) -> np.ndarray:
    """Two touching objects and one of several pieces of column; nothing in ``empty``."""
    objects = np.zeros((12, 17), np.uint16)
    if case != "empty":
        objects[1:5, 2:6] = 1
        objects[5:9, 2:6] = 2
        objects[3:11, 10:15] = 3
        objects[5:7, 12:13] = 0
    return objects


@pytest.fixture
def predictions(tmp_path: Path) -> Path:
    """Predictions of two cases, one of which holds nothing, with their images."""
    folder = tmp_path / "predictions"
    head = Head(("nucleus",), (0.5,), Provenance("run", "0" * 64, None, "0"))
    head.write(folder)
    for case in ("full", "empty"):
        objects = objects_of(case)
        image = tmp_path / f"{case}.png"
        Image.fromarray(np.full((*objects.shape, 3), 40, np.uint8)).save(image)
        dense = np.stack([(objects > 0) * 200, (objects == 3) * 180]).astype(np.uint8)
        DensePrediction(case, image, dense, objects).write(folder)
    return folder
