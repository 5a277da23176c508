"""Crops for a detector: around objects, and anywhere in the search region."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from inklings.data.drawn import Crop
from inklings.detection.scan import Scan
from inklings.detection.targets import Truth, targets
from inklings.spec.detection import Detection

_JITTER = 16  # voxels by which an object lies off the middle of its crop


@dataclass(frozen=True)
class LabelledScan:
    """A scan and what was found in it.

    Attributes:
        case: Id of the case.
        scan: What the network sees.
        objects: All of them: where none is, there is none.
    """

    case: str
    scan: Scan
    objects: tuple[Truth, ...]


class DetectorCrops:
    """Draws crops, a share of them around an object, turned and disturbed.

    Args:
        scans: What to draw from.
        settings: Side, share and noise.
    """

    def __init__(self, scans: Sequence[LabelledScan], settings: Detection) -> None:
        self.scans, self.settings = scans, settings
        self._with = [(i, k) for i, one in enumerate(scans) for k in range(len(one.objects))]

    def __call__(self, rng: Generator) -> Crop:
        """Inputs ``(1, n, n, n)``, value ``(5, g, g, g)``, known ``(1, g, g, g)``."""
        side = self.settings.side
        if self._with and rng.random() < self.settings.positives:
            index, number = self._with[int(rng.integers(len(self._with)))]
            one = self.scans[index]
            middle = np.asarray(one.objects[number].place) + rng.uniform(-_JITTER, _JITTER, 3)
        else:
            one = self.scans[int(rng.integers(len(self.scans)))]
            middle = _in_region(one.scan, rng)
        start = np.floor(middle - side / 2).astype(int)
        grey, objects = turned(cut(one.scan.grey, start, side), one.objects, start, rng)
        value, known = targets(objects, self.settings)
        return disturbed(grey, rng, self.settings.noise)[None], value, known


def cut(grey: NDArray[np.uint8], start: NDArray[np.int_], side: int) -> NDArray[np.float32]:
    """A cube in [0, 1]; what lies outside of the scan repeats its border."""
    taps = [
        np.clip(np.arange(a, a + side), 0, n - 1) for a, n in zip(start, grey.shape, strict=True)
    ]
    cube: NDArray[np.float32] = grey[np.ix_(*taps)].astype(np.float32) / 255
    return cube


def turned(
    cube: NDArray[np.float32], objects: Sequence[Truth], start: NDArray[np.int_], rng: Generator
) -> tuple[NDArray[np.float32], list[Truth]]:
    """One of 16 turns and reflections of a cube that keep its grid, and the objects in it.

    The first axis stays the first: slices are thicker than pixels are wide.
    """
    places = [np.asarray(one.place) - start for one in objects]
    order = np.array([0, 2, 1] if rng.random() < 0.5 else [0, 1, 2])
    flips = rng.random(3) < 0.5
    cube = cube.transpose(order)
    places = [place[order] for place in places]
    for axis in np.flatnonzero(flips).tolist():
        cube = np.flip(cube, axis)
        for place in places:
            place[axis] = cube.shape[axis] - 1 - place[axis]
    moved = [
        replace(one, place=(float(p[0]), float(p[1]), float(p[2])))
        for one, p in zip(objects, places, strict=True)
    ]
    return np.ascontiguousarray(cube), moved


def disturbed(cube: NDArray[np.float32], rng: Generator, noise: float) -> NDArray[np.float32]:
    """Contrast, brightness, noise or a softer kernel, as scanners differ."""
    if rng.random() < 0.3:
        cube = ndimage.gaussian_filter(cube, rng.uniform(0.2, 0.7))
    cube = cube * np.float32(rng.uniform(0.92, 1.08)) + np.float32(rng.normal(0, 0.015))
    spread = np.float32(rng.uniform(0, noise))
    added: NDArray[np.float32] = cube + spread * rng.standard_normal(cube.shape, np.float32)
    return added


def _in_region(scan: Scan, rng: Generator) -> NDArray[np.float64]:
    """An index of the scan that lies in the region."""
    mask = scan.region.mask
    for _ in range(50):
        place = rng.integers(0, mask.shape)
        if mask[tuple(place)]:
            break
    return scan.geometry.to_indices(scan.region.geometry.to_points(place))
