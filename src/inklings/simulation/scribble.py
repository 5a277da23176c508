"""Strokes: one along the middle of each object, one through the background."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import skeletonize

from inklings.labels.depth import relative_depth
from inklings.simulation.base import UNLABELLED, Form, Objects, require

_AROUND = np.ones((3, 3))
_LINE = 2


@dataclass(frozen=True)
class Scribble:
    """Label only what lies under a brush drawn along the skeletons; of volumes slice by slice.

    The stroke of the background is the longest stretch of its skeleton between two branchings.
    A brush never leaves the region that it marks.

    Attributes:
        width: Samples across the brush.
    """

    width: float = 3.0
    form: ClassVar[Form] = "partial"

    def __post_init__(self) -> None:
        require(self.width > 0, "scribble", "width", "above 0", self.width)

    def __call__(self, objects: Objects, rng: Generator) -> Objects:  # noqa: ARG002
        """Objects and background under the strokes, `UNLABELLED` elsewhere."""
        if objects.ndim == 3:
            return np.stack([self._slice(plane) for plane in objects])
        require(objects.ndim == 2, "scribble", "images", "of 2 or 3 dimensions", objects.shape)
        return self._slice(objects)

    def _slice(self, objects: Objects) -> Objects:
        depth = relative_depth(objects)
        # without their outer third, objects that touch have a skeleton each
        lines = _skeleton(depth > 1 / 3) | (depth >= 1)
        background = objects == 0
        stroke = _longest_stretch(_skeleton(background))
        marked = np.full(objects.shape, UNLABELLED, np.int32)
        on_objects = self._brush(lines) & (objects > 0)
        marked[on_objects] = objects[on_objects]
        marked[self._brush(stroke) & background] = 0
        return marked

    def _brush(self, line: NDArray[np.bool_]) -> NDArray[np.bool_]:
        if not line.any():
            return line
        under: NDArray[np.bool_] = ndimage.distance_transform_edt(~line) <= (self.width - 1) / 2
        return under


def _skeleton(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    skeleton: NDArray[np.bool_] = skeletonize(mask)  # type: ignore[no-untyped-call]
    return skeleton


def _longest_stretch(skeleton: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest piece of a skeleton cut where more than two arms meet."""
    arms = ndimage.convolve(skeleton.astype(np.uint8), _AROUND.astype(np.uint8), mode="constant")
    pieces, count = ndimage.label(skeleton & (arms - 1 <= _LINE), _AROUND)
    if count == 0:
        return skeleton
    longest: NDArray[np.bool_] = pieces == 1 + np.bincount(pieces[pieces > 0] - 1).argmax()
    return longest
