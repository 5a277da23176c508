"""Touching objects separated by a seeded watershed on the distance to the border."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import reconstruction
from skimage.segmentation import watershed

from inklings.errors import SpecError
from inklings.refinement.masks import at_least, drop_small, fill_holes

_FLOOR = 0.2  # samples; shallower bumps of the distance are the staircase of the grid


@dataclass(frozen=True)
class Watershed:
    """Seeded watershed (Meyer 1994) on the distance to the border.

    Where the network has a core channel its components are the seeds, and they grow by the share
    of the way from the core to the border, ``d / (d + D)`` with ``d`` the distance to the core
    and ``D`` that to the background. Elsewhere ``-D``, smoothed, is flooded from those of its
    peaks that stand out: two peaks are two objects if the highest path between them sinks below
    ``(1 - depth)`` times the lower peak, that is if the neck is narrower than that share of the
    slimmer object. Because the criterion is a ratio it holds for small and large objects alike;
    it is the h-maxima transform (Soille 2003) with ``h = depth * D``.

    Attributes:
        depth: How much narrower than an object a neck must be, as a share, to cut there.
        smooth: Standard deviation in samples of the Gaussian over the distance map.
        core_threshold: Probability from which a sample belongs to a core.
        min_size: Smaller objects are dropped, in samples.
        max_hole: Holes up to this size are filled, in samples.
    """

    depth: float = 0.2
    smooth: float = 1.5
    core_threshold: float = 0.5
    min_size: int = 12
    max_hole: int = 64

    def __post_init__(self) -> None:
        if not (0 <= self.depth < 1 and self.smooth >= 0 and 0 < self.core_threshold < 1):
            raise SpecError(
                "refinement watershed: expected 0 <= depth < 1, smooth >= 0 and "
                f"0 < core_threshold < 1, got {self.depth}, {self.smooth}, {self.core_threshold}"
            )

    def __call__(
        self,
        probability: NDArray[np.uint8],
        threshold: float,
        core: NDArray[np.uint8] | None = None,
    ) -> NDArray[np.int32]:
        """Number the objects of ``probability`` at ``threshold``; see `Refinement`."""
        mask = fill_holes(at_least(probability, threshold), self.max_hole)
        if not mask.any():
            return np.zeros(mask.shape, np.int32)
        distance = ndimage.distance_transform_edt(mask).astype(np.float32)
        seeds, surface = self._grown_from_cores(mask, distance, core)
        coreless = _without_seeds(mask, seeds)
        if coreless.any():
            smooth = ndimage.gaussian_filter(distance, self.smooth) * coreless
            peaks, _ = ndimage.label(self._peaks(smooth), np.ones((3,) * mask.ndim))
            seeds = np.where(peaks > 0, peaks + seeds.max(), seeds)
            surface = np.where(coreless, -smooth, surface)
        objects = watershed(surface, seeds, mask=mask)  # type: ignore[no-untyped-call]
        return drop_small(objects.astype(np.int32), self.min_size)

    def _grown_from_cores(
        self,
        mask: NDArray[np.bool_],
        distance: NDArray[np.float32],
        core: NDArray[np.uint8] | None,
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Numbered cores, and the share of the way from them to the border, each ``(*S)``."""
        seeds = np.zeros(mask.shape, np.int32)
        if core is not None:
            ndimage.label(mask & at_least(core, self.core_threshold), output=seeds)
            seeds = drop_small(seeds, self.min_size // 4)
        if not seeds.any():
            return seeds, np.zeros(mask.shape, np.float32)
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
