"""How good a segmenter of nodules is while it learns: on whole planes, counted and shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from inklings.applications.lung_nodules.reference import LEVEL, Marked, segment
from inklings.losses.base import Loss
from inklings.models.base import Model
from inklings.supervision.base import Target
from inklings.training.pictures import Pictures
from inklings.training.thresholds import counts

_HALF = 128
_SCANS, _PLANES = 12, 6
_SIDE = 192  # of a shown plane, in pixels
_HIT, _MISSED, _FALSE = (0, 255, 0), (255, 128, 0), (255, 0, 0)


@dataclass(frozen=True)
class SegmenterScore:
    """Samples of all validation planes together.

    Attributes:
        counted: Of nodule and of the rest at and above each level, ``(1, 2, 256)``.
        by: What is compared: recall as in the reference, or Dice, which false positives lower.
    """

    counted: NDArray[np.int64]
    by: Literal["recall", "dice"]

    @property
    def merit(self) -> float:
        """What the best weights are chosen by."""
        return self.values["val_sensitivity" if self.by == "recall" else "val_dice"]

    @property
    def values(self) -> Mapping[str, float]:
        """Columns of the history: at one half, false positives as a share of the nodules."""
        (positive, negative) = self.counted[0]
        size, hits, false = int(positive[0]), int(positive[_HALF]), int(negative[_HALF])
        return {
            "val_sensitivity": hits / size,
            "val_missed": 1 - hits / size,
            "val_false_positives": false / size,
            "val_dice": 2 * hits / (hits + false + size),
        }


class SegmenterValidator:
    """Marks every plane of validation scans that shows a nodule, as the reference does.

    Args:
        scans: With nodules.
        by: As of `SegmenterScore`.
    """

    def __init__(self, scans: Sequence[Marked], by: Literal["recall", "dice"]) -> None:
        self.scans, self.by = scans, by

    def score(self, model: Model, loss: Loss) -> SegmenterScore:  # noqa: ARG002
        """Recall and the rest of these weights."""
        total = np.zeros((1, 2, 256), np.int64)
        for one in self.scans:
            planes = np.flatnonzero(one.mask.any((1, 2)))
            levels = np.rint(segment(model, one.values, planes) * 255).astype(np.uint8)
            truth = one.mask[planes]
            known = np.ones(truth.shape, bool)
            total += counts(levels[None], Target(truth[None].astype(np.uint8) * 255, known))
        return SegmenterScore(total, self.by)


class SegmenterPictures(Pictures):
    """Six planes of each of twelve scans: found green, missed orange, false red.

    Three planes lie evenly in what shows nodules, three in the scan, where all that is found is
    false.

    Args:
        folder: Where pictures go.
        scans: Those of the validation part.
    """

    def __init__(self, folder: Path, scans: Sequence[Marked]) -> None:
        super().__init__(folder)
        last = len(scans) - 1
        chosen = np.unique(np.linspace(0, last, _SCANS).round().astype(int))
        self.scans = [scans[k] for k in chosen]

    def picture(self, model: Model) -> NDArray[np.uint8]:
        """``(scans * side, planes * side, 3)``."""
        return np.concatenate([self._row(model, one) for one in self.scans])

    def _row(self, model: Model, one: Marked) -> NDArray[np.uint8]:
        planes = shown_planes(one.mask)
        found = segment(model, one.values, planes) > LEVEL
        tiles = [
            _tile(coloured(one.values[z], said, one.mask[z]))
            for z, said in zip(planes, found, strict=True)
        ]
        return np.concatenate(tiles, 1)


def shown_planes(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Six planes in order: three of those with nodules, evenly, and three of the whole scan."""
    inside = np.flatnonzero(mask.any((1, 2)))
    some = inside[np.linspace(0, len(inside) - 1, _PLANES // 2).round().astype(int)]
    others = np.linspace(0, len(mask) - 1, _PLANES - len(some) + 2)[1:-1].round().astype(int)
    return np.sort(np.concatenate([some, others])).astype(np.int64)


def coloured(
    plane: NDArray[np.int16], found: NDArray[np.bool_], truth: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """A plane ``(H, W)`` in HU as ``(H, W, 3)``, each sample half grey and half what it is."""
    grey = np.clip((plane.astype(np.float32) + 1000) / 2000 * 255, 0, 255)
    picture = np.repeat(grey[..., None], 3, 2)
    for where, colour in (
        (found & truth, _HIT), (~found & truth, _MISSED), (found & ~truth, _FALSE),
    ):  # fmt: skip
        picture[where] = picture[where] / 2 + np.array(colour) / 2
    shown: NDArray[np.uint8] = picture.astype(np.uint8)
    return shown


def _tile(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A plane as small as all are shown."""
    small = Pillow.fromarray(picture).resize((_SIDE, _SIDE), Pillow.Resampling.BOX)
    return np.asarray(small)
