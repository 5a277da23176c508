"""Samples that are no numbers: filled by one rule, at the one place where images are opened.

NaN and minus infinity become the smallest number of the image, infinity the largest: what lies
outside a scan is darkest in it, and what overflowed was brightest. The numbers are those of the
whole image, so that a region reads the same whatever it is read with. An image without a single
number is refused, and masks are not filled: there, a sample that is no number is a mistake.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.errors import ReaderError
from inklings.geometry import Region
from inklings.readers.array import ArrayImage
from inklings.readers.image import Image
from inklings.readers.notes import Note
from inklings.readers.picture import Decode, PictureImage
from inklings.readers.pyramid import Levels, Pyramid
from inklings.readers.resample import Whole
from inklings.readers.volume import Volume

KIND = "not finite"
_BAND = 16_000_000  # samples of a picture that are looked at together


@dataclass(frozen=True)
class Fill:
    """What stands for samples that are no numbers, and how many there are."""

    low: float
    high: float
    count: int
    total: int

    @classmethod
    def of(cls, parts: Iterable[NDArray[Any]], path: Path) -> Fill:
        """The rule for one image, from all its samples.

        Raises:
            ReaderError: If none is a number.
        """
        low, high, count, total = np.inf, -np.inf, 0, 0
        for part in parts:
            numbers = part[np.isfinite(part)]
            total, count = total + part.size, count + part.size - numbers.size
            if numbers.size:
                low, high = min(low, float(numbers.min())), max(high, float(numbers.max()))
        if count == total:
            raise ReaderError(
                f"{path}: expected an image of numbers, got {count} samples that are NaN or "
                "infinite and no other; convert it again from its source"
            )
        return cls(low, high, count, total)

    @property
    def note(self) -> Note:
        """What the user is told."""
        return Note(
            KIND,
            f"{self.count} of {self.total} samples ({self.count / self.total:.2g} of all) are NaN "
            f"or infinite; read as {self.low:g} (infinity as {self.high:g})",
        )

    def __call__(self, samples: NDArray[Any]) -> NDArray[Any]:
        """``samples`` with numbers everywhere."""
        filled: NDArray[Any] = np.nan_to_num(
            samples, nan=self.low, posinf=self.high, neginf=self.low
        )
        return filled


def finite(image: Image) -> Image:
    """``image``, whose samples are all numbers as they are read; see the rule above.

    What was filled in a volume is in its notes once that was read.

    Raises:
        ReaderError: If a picture holds no number at all; a volume says so when it is read.
    """
    if isinstance(image, Volume):
        _guard(image)
    elif isinstance(image, Pyramid) and image.levels.dtype.kind == "f":
        return _pyramid(image)
    elif isinstance(image, ArrayImage) and _holds_others(image.array):
        fill = Fill.of([image.array], Path(image.geometry.frame or "array"))
        return replace(image, array=fill(image.array), notes=(*image.notes, fill.note))
    elif isinstance(image, PictureImage):
        return replace(image, decode=functools.partial(_decoded, image.decode, image.path))
    return image


def _decoded(decode: Decode, path: Path) -> tuple[NDArray[Any], tuple[Note, ...]]:
    pixels, notes = decode()
    if not _holds_others(pixels):
        return pixels, notes
    fill = Fill.of([pixels], path)
    return fill(pixels), (*notes, fill.note)


def _holds_others(samples: NDArray[Any]) -> bool:
    return samples.dtype.kind == "f" and not bool(np.isfinite(samples).all())


def _guard(volume: Volume) -> None:
    planes, boxes, depth = volume.planes, volume.boxes, volume.geometry.shape[0]
    known: list[Fill] = []

    def filled(samples: NDArray[Any], whole: bool) -> NDArray[Any]:
        if not _holds_others(samples):
            return samples
        if not known:
            known.append(Fill.of([samples if whole else planes(0, depth)], volume.path))
            volume.notes = (*volume.notes, known[0].note)
        return known[0](samples)

    def guarded(start: int, stop: int) -> NDArray[Any]:
        return filled(planes(start, stop), stop - start == depth)

    volume.planes = guarded
    volume.boxes = None if boxes is None else _boxed(boxes, filled)


def _boxed(
    boxes: Callable[[Region], NDArray[Any]], filled: Callable[[NDArray[Any], bool], NDArray[Any]]
) -> Callable[[Region], NDArray[Any]]:
    return lambda region: filled(boxes(region), False)


def _pyramid(image: Pyramid) -> Pyramid:
    levels = FiniteLevels(image.levels)
    if not levels.fill.count:
        return image
    return replace(image, levels=levels, notes=(*image.notes, levels.fill.note))


@dataclass(frozen=True)
class FiniteLevels:
    """A pyramid of real numbers, filled; see `inklings.readers.pyramid.Levels`."""

    source: Levels

    @functools.cached_property
    def fill(self) -> Fill:
        """By the finest level."""
        height, width = self.shapes[0]
        rows = max(1, _BAND // width)
        bands = ((y, min(rows, height - y)) for y in range(0, height, rows))
        return Fill.of((self.source.read(0, (y, 0), (n, width)) for y, n in bands), self.path)

    @property
    def path(self) -> Path:
        """The file."""
        return self.source.path

    @property
    def shapes(self) -> tuple[Whole, ...]:
        """``(h, w)`` of each level."""
        return self.source.shapes

    @property
    def whole(self) -> bool:
        """Whether levels are level 0 over a whole number."""
        return self.source.whole

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the planes."""
        return self.source.channels

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the samples."""
        return self.source.dtype

    def read(self, level: int, start: Whole, size: Whole) -> NDArray[Any]:
        """Pixels ``(h, w, C)`` of a box, all of them numbers."""
        samples = self.source.read(level, start, size)
        return self.fill(samples) if _holds_others(samples) else samples


def proved(image: Image) -> tuple[Note, ...]:
    """All notes of an image after every sample of it was decoded once, pictures and volumes alike.

    Checksums, cut ends and samples that are no numbers show only then. Of a slide its levels are
    sampled, for all of it would take minutes.

    Raises:
        ReaderError: If a sample cannot be decoded.
    """
    if isinstance(image, Pyramid) and image.geometry.shape[0] * image.geometry.shape[1] > _BAND:
        for level, (height, width) in enumerate(image.levels.shapes):
            side = (min(256, height), min(256, width))
            middle = ((height - side[0]) // 2, (width - side[1]) // 2)
            image.levels.read(level, middle, side)
    else:
        image.read(image.geometry.full)
    return image.notes
