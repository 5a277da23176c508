"""Touching objects separated by a seeded watershed on the distance to the border."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import reconstruction
from skimage.segmentation import watershed

from inklings.errors import SpecError
from inklings.refinement.base import Map, Objects
from inklings.refinement.masks import at_least, drop_small, fill_holes

_FLOOR = 0.2  # samples; shallower bumps of the distance are the staircase of the grid


@dataclass(frozen=True)
class Watershed:
    """Seeded watershed (Meyer 1994) on the distance to the border.

    ``-D``, smoothed, is flooded from those peaks of the distance ``D`` to the background that
    stand out: two peaks are two objects if the highest path between them sinks below
    ``(1 - depth)`` times the lower peak, that is if the neck is narrower than that share of the
    slimmer object. Because the criterion is a ratio it holds for small and large objects alike;
    it is the h-maxima transform (Soille 2003) with ``h = depth * D``.

    Where the network has a core channel of probability ``c`` there are two ways. ``product``
    takes ``c * D`` for ``D``: a doubtful core between two objects still makes a neck, so it is
    the safer one for a network that is not sure. ``cores`` takes the components of the core for
    seeds, which grow by their share of the way to the border, ``d / (d + D)`` with ``d`` the
    distance to the core; it is the more exact one for a network that rarely joins two cores.

    Attributes:
        seeds: How a core channel is used; without one it makes no difference.
        depth: How much narrower than an object a neck must be, as a share, to cut there.
        smooth: Standard deviation in samples of the Gaussian over the distance map.
        core_threshold: Probability from which a sample belongs to a core.
        min_size: Smaller objects are dropped, in samples.
        max_hole: Holes up to this size are filled, in samples.
    """

    seeds: Literal["product", "cores"] = "product"
    depth: float = 0.2
    smooth: float = 1.5
    core_threshold: float = 0.5
    min_size: int = 12
    max_hole: int = 64

    def __post_init__(self) -> None:
        if self.seeds not in ("product", "cores"):
            raise SpecError(
                f"refinement watershed: expected seeds 'product' or 'cores', got {self.seeds!r}"
            )
        if not (0 <= self.depth < 1 and self.smooth >= 0 and 0 < self.core_threshold < 1):
            raise SpecError(
                "refinement watershed: expected 0 <= depth < 1, smooth >= 0 and "
                f"0 < core_threshold < 1, got {self.depth}, {self.smooth}, {self.core_threshold}"
            )

    def __call__(self, probability: Map, threshold: float, core: Map | None = None) -> Objects:
        """Number the objects of ``probability`` at ``threshold``; see `Refinement`."""
        mask = fill_holes(at_least(probability, threshold), self.max_hole)
        if not mask.any():
            return np.zeros(mask.shape, np.int32)
        distance = ndimage.distance_transform_edt(mask).astype(np.float32)
        if core is None:
            seeds, surface = self._from_peaks(distance, mask)
        elif self.seeds == "cores":
            seeds, surface = self._from_cores(distance, mask & at_least(core, self.core_threshold))
        else:
            seeds, surface = self._from_peaks(distance * (core / np.float32(255)), mask)
        left = _without_seeds(mask, seeds)
        if left.any():
            more, hills = self._from_peaks(distance, left)
            seeds = np.where(more > 0, more + seeds.max(), seeds)
            surface = np.where(left, hills, surface)
        objects = watershed(surface, seeds, mask=mask)  # type: ignore[no-untyped-call]
        return drop_small(objects.astype(np.int32), self.min_size)

    def _from_peaks(
        self, height: NDArray[np.float32], where: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Numbered peaks of ``height`` and the surface to flood from them, each ``(*S)``."""
        smooth = (ndimage.gaussian_filter(height, self.smooth) * where).astype(np.float32)
        seeds = np.zeros(where.shape, np.int32)
        ndimage.label(self._peaks(smooth), np.ones((3,) * where.ndim), output=seeds)
        return seeds, -smooth

    def _from_cores(
        self, distance: NDArray[np.float32], inner: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Numbered components of ``inner``, and the share of the way from them to the border."""
        seeds = np.zeros(inner.shape, np.int32)
        ndimage.label(inner, output=seeds)
        seeds = drop_small(seeds, self.min_size // 4)
        if not seeds.any():
            return seeds, np.zeros(inner.shape, np.float32)
        outwards = ndimage.distance_transform_edt(seeds == 0).astype(np.float32)
        return seeds, outwards / np.maximum(outwards + distance, 1)

    def _peaks(self, distance: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Plateaus that stand out of their surroundings by ``depth`` times their height."""
        lowered = np.maximum(distance * (1 - self.depth) - _FLOOR, 0)
        filled = reconstruction(lowered, distance)  # type: ignore[no-untyped-call]
        size = (3,) * distance.ndim
        top = (ndimage.maximum_filter(filled, size) == filled) & (distance > filled)
        return np.asarray(top, bool)


def _without_seeds(mask: NDArray[np.bool_], seeds: NDArray[np.int32]) -> NDArray[np.bool_]:
    """The components of ``mask`` that hold no seed."""
    components, count = ndimage.label(mask)
    empty = np.ones(count + 1, bool)
    empty[components[seeds > 0]] = False
    empty[0] = False
    return np.asarray(empty[components], bool)
