"""Sample predictions as pictures: image, label and prediction side by side."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch.loggers import TensorBoardLogger
from numpy.typing import NDArray
from PIL import Image as Pillow
from scipy import ndimage

from inklings.files import written
from inklings.models.base import Model
from inklings.supervision.base import Target
from inklings.training.validation import SegmentationValidator

_LABEL, _FOUND = (0, 220, 255), (255, 190, 0)  # blue and orange, as the report has them
_UNKNOWN = 0.45
_GAP = 6


class Pictures(ABC):
    """One picture each time, as a file and to loggers that take pictures.

    Args:
        folder: Where ``step-000100.png`` and so on go.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    def picture(self, model: Model) -> NDArray[np.uint8]:
        """What ``model`` does now, ``(H, W, 3)``."""

    def draw(self, model: Model, step: int, loggers: Sequence[Any]) -> None:
        """Predict and write one picture."""
        picture = self.picture(model)
        with written(self.folder / f"step-{step:06d}.png") as path:
            Pillow.fromarray(picture).save(path, "PNG")
        for logger in loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_image("samples", picture, step, dataformats="HWC")


class Gallery(Pictures):
    """Draws the same few images every time, so that one sees the model learn.

    Args:
        folder: Where ``step-000100.png`` and so on go.
        validator: Predicts, and holds the images.
        count: How many images.
        side: Longest side of each picture, in pixels; larger images are cropped in the middle.
    """

    def __init__(
        self, folder: Path, validator: SegmentationValidator, count: int = 4, side: int = 320
    ) -> None:
        super().__init__(folder)
        self.validator, self.side = validator, side
        last = len(validator.examples) - 1
        self.chosen = np.unique(np.linspace(0, last, count).astype(int)).tolist()

    def picture(self, model: Model) -> NDArray[np.uint8]:
        """A row for each image."""
        examples = self.validator.examples
        return _stack(
            [
                _row(
                    *_flat(examples.images[i], examples.targets[i], self.validator.dense(model, i)),
                    self.side,
                )
                for i in self.chosen
            ]
        )


def _flat(
    image: NDArray[Any], target: Target, dense: NDArray[np.uint8]
) -> tuple[NDArray[Any], Target, NDArray[np.uint8]]:
    """Of a volume the plane that shows most of what is annotated; a picture as it is."""
    if image.ndim == 3:
        return image, target, dense
    shown = target.marked.sum((0, 2, 3))
    z = int(shown.argmax()) if shown.any() else image.shape[1] // 2
    return image[:, z], target.at(z), dense[:, z]


def _row(
    image: NDArray[Any], target: Target, dense: NDArray[np.uint8], side: int
) -> NDArray[np.uint8]:
    """Image, image with the outline of the label, the same with that of the prediction."""
    height, width = image.shape[1:]
    top, left = max(0, (height - side) // 2), max(0, (width - side) // 2)
    window = (slice(top, top + side), slice(left, left + side))
    base = _rgb(image)[window]
    label = base.copy()
    hidden = ~target.known_of(0)[window]
    label[hidden] = (label[hidden] * _UNKNOWN).astype(np.uint8)
    label[_outline(target.value[0][window] >= 128)] = _LABEL
    found = base.copy()
    found[_outline(dense[0][window] >= 128)] = _FOUND
    gap = np.full((base.shape[0], _GAP, 3), 255, np.uint8)
    return np.concatenate([base, gap, label, gap, found], axis=1)


def _rgb(image: NDArray[Any]) -> NDArray[np.uint8]:
    shown = image[:3] if len(image) >= 3 else np.repeat(image[:1], 3, axis=0)
    if shown.dtype != np.uint8:
        low, high = np.percentile(shown, (1, 99))
        shown = np.clip((shown - low) / max(high - low, 1e-6) * 255, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(np.moveaxis(shown, 0, -1))


def _outline(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    edge: NDArray[np.bool_] = mask & ~ndimage.binary_erosion(mask, border_value=1)
    return edge


def _stack(rows: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    width = max(row.shape[1] for row in rows)
    padded = [
        np.pad(row, ((0, _GAP), (0, width - row.shape[1]), (0, 0)), constant_values=255)
        for row in rows
    ]
    return np.concatenate(padded)
