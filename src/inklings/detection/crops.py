"""Crops for a detector: around objects, and anywhere in the search region."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from inklings.data.batches import Crop
from inklings.data.boxes import cut_cube
from inklings.data.crops import Sample
from inklings.data.transforms import Blur, Flips, GainShift, Noise, Transpose
from inklings.detection.scan import PreparedScan
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
    scan: PreparedScan
    objects: tuple[Truth, ...]


class DetectorCrops:
    """Draws crops, a share of them around an object, turned and disturbed.

    Crops are turned and mirrored in 16 ways that keep their grid. The first axis stays the first:
    slices are thicker than pixels are wide.

    Args:
        scans: What to draw from.
        settings: Side, share and noise.
    """

    def __init__(self, scans: Sequence[LabelledScan], settings: Detection) -> None:
        self.scans, self.settings = scans, settings
        noise = Noise(settings.noise)
        self._transforms = (Transpose(), Flips(), Blur(), GainShift(), noise)
        self._with = [(i, k) for i, one in enumerate(scans) for k in range(len(one.objects))]

    def __call__(self, rng: Generator) -> Crop:
        """Inputs ``(1, n, n, n)``, value ``(5, g, g, g)``, known ``(1, g, g, g)``."""
        side = self.settings.side
        if self._with and rng.random() < self.settings.foreground:
            index, number = self._with[int(rng.integers(len(self._with)))]
            one = self.scans[index]
            middle = np.asarray(one.objects[number].place) + rng.uniform(-_JITTER, _JITTER, 3)
        else:
            one = self.scans[int(rng.integers(len(self.scans)))]
            middle = _in_region(one.scan, rng)
        start = np.floor(middle - side / 2).astype(int)
        sample = _sample(cut_cube(one.scan.grey, start, side), one.objects, start)
        for transform in self._transforms:
            sample = transform(sample, rng)
        assert sample.points is not None
        moved = [
            replace(each, place=(z, y, x))
            for each, (z, y, x) in zip(one.objects, sample.points.tolist(), strict=True)
        ]
        value, known = targets(moved, self.settings)
        return sample.inputs, value, known


def _sample(cube: NDArray[np.uint8], objects: Sequence[Truth], start: NDArray[np.int_]) -> Sample:
    """A crop in [0, 1] and the places of objects in it."""
    everywhere = np.ones(cube.shape, np.bool_)
    places = np.array([one.place for one in objects], np.float64).reshape(-1, 3)
    grey = cube[None].astype(np.float32) / np.float32(255)
    nothing = np.zeros((0, *cube.shape), np.uint8)
    return Sample(grey, nothing, everywhere[None], everywhere, points=places - start)


def _in_region(scan: PreparedScan, rng: Generator) -> NDArray[np.float64]:
    """An index of the scan that lies in the region."""
    mask = scan.region.mask
    for _ in range(50):
        place = rng.integers(0, mask.shape)
        if mask[tuple(place)]:
            break
    return scan.geometry.to_indices(scan.region.geometry.to_points(place))
