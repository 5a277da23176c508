"""Crops for the detector: around nodules, and anywhere in the lungs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from inklings.applications.lung_nodules.batches import Crop
from inklings.applications.lung_nodules.scans import Scan
from inklings.applications.lung_nodules.targets import Truth, targets


@dataclass(frozen=True)
class Labelled:
    """A scan and what was found in it.

    Attributes:
        case: Id of the case.
        patient: Whose it is.
        scan: What the network sees.
        nodules: All of them: where none is, there is none.
    """

    case: str
    patient: str
    scan: Scan
    nodules: tuple[Truth, ...]


class DetectorCrops:
    """Draws crops of ``side`` samples, ``share`` of them with a nodule, turned and disturbed.

    Args:
        scans: What to draw from.
        side: Of the crops.
        share: Of crops that are drawn around a nodule.
        noise: Largest spread of the added noise, as a share of the grey range.
    """

    def __init__(
        self, scans: Sequence[Labelled], side: int = 48, share: float = 0.6, noise: float = 0.03
    ) -> None:
        self.scans, self.side, self.share, self.noise = scans, side, share, noise
        self._with = [(i, k) for i, one in enumerate(scans) for k in range(len(one.nodules))]

    def __call__(self, rng: Generator) -> Crop:
        """Inputs ``(1, n, n, n)``, value ``(5, n/2, ...)``, known ``(1, n/2, ...)``."""
        if self._with and rng.random() < self.share:
            index, number = self._with[int(rng.integers(len(self._with)))]
            one = self.scans[index]
            middle = np.asarray(one.nodules[number].place) + rng.uniform(-16, 16, 3)
        else:
            one = self.scans[int(rng.integers(len(self.scans)))]
            middle = _in_lungs(one.scan, rng)
        start = np.floor(middle - self.side / 2).astype(int)
        grey, nodules = turned(cut(one.scan.grey, start, self.side), one.nodules, start, rng)
        value, known = targets(nodules, (0, 0, 0), self.side)
        return disturbed(grey, rng, self.noise)[None], value, known


def cut(grey: NDArray[np.uint8], start: NDArray[np.int_], side: int) -> NDArray[np.float32]:
    """A cube in [0, 1]; what lies outside of the scan repeats its border."""
    taps = [
        np.clip(np.arange(a, a + side), 0, n - 1) for a, n in zip(start, grey.shape, strict=True)
    ]
    cube: NDArray[np.float32] = grey[np.ix_(*taps)].astype(np.float32) / 255
    return cube


def turned(
    cube: NDArray[np.float32], nodules: Sequence[Truth], start: NDArray[np.int_], rng: Generator
) -> tuple[NDArray[np.float32], list[Truth]]:
    """One of 16 turns and reflections of a cube that keep its grid, and the nodules in it.

    The first axis stays the first: slices are thicker than pixels are wide.
    """
    places = [np.asarray(n.place) - start for n in nodules]
    order = np.array([0, 2, 1] if rng.random() < 0.5 else [0, 1, 2])
    flips = rng.random(3) < 0.5
    cube = cube.transpose(order)
    places = [place[order] for place in places]
    for axis in np.flatnonzero(flips).tolist():
        cube = np.flip(cube, axis)
        for place in places:
            place[axis] = cube.shape[axis] - 1 - place[axis]
    moved = [
        replace(n, place=(float(p[0]), float(p[1]), float(p[2])))
        for n, p in zip(nodules, places, strict=True)
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


def _in_lungs(scan: Scan, rng: Generator) -> NDArray[np.float64]:
    """An index of the scan that lies in the hull."""
    hull = scan.lungs.hull
    for _ in range(50):
        place = rng.integers(0, hull.shape)
        if hull[tuple(place)]:
            break
    return scan.geometry.to_indices(scan.lungs.geometry.to_points(place))
