"""Pictures and slides as deep zoom tiles: rendered when they are asked for, converted never."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from inklings.cohorts.case import Case
from inklings.cohorts.opening import image_path, open_case
from inklings.errors import DataError, GeometryError
from inklings.geometry import Region
from inklings.readers.image import Image
from inklings.readers.pyramid import Pyramid
from inklings.viewer.cache import Cache

TILE = 256
_QUALITY = 88
_LOOK = 512
"""Longest side of the view on which the brightness of an image is judged."""


@dataclass(frozen=True)
class ViewGrid:
    """Deep zoom levels over a grid: level ``finest`` is the grid, each before it half as fine."""

    height: int
    width: int

    @property
    def finest(self) -> int:
        """Number of the finest level."""
        return max(0, math.ceil(math.log2(max(self.height, self.width, 1))))

    @property
    def first(self) -> int:
        """The finest level that is one tile."""
        return max(0, min(self.finest, self.finest - math.ceil(math.log2(self._tiles()))))

    def factor(self, level: int) -> int:
        """Samples of the grid to one of ``level``.

        Raises:
            GeometryError: If there is no such level.
        """
        if not 0 <= level <= self.finest:
            raise GeometryError(f"expected a level from 0 to {self.finest}, got {level}")
        return 1 << (self.finest - level)

    def region(self, level: int, x: int, y: int) -> Region:
        """The part of ``level`` under one tile, in its own samples.

        Raises:
            GeometryError: If there is no such tile.
        """
        factor = self.factor(level)
        sides = (math.ceil(self.height / factor), math.ceil(self.width / factor))
        start = (y * TILE, x * TILE)
        if x < 0 or y < 0 or any(a >= n for a, n in zip(start, sides, strict=True)):
            raise GeometryError(f"expected a tile within level {level}, got column {x}, row {y}")
        size = tuple(min(TILE, n - a) for a, n in zip(start, sides, strict=True))
        return Region(start, size)

    def _tiles(self) -> float:
        return max(1.0, max(self.height, self.width) / TILE)


class PictureTiles:
    """Images of cases, opened once, and their tiles.

    Args:
        cache: For open images (pictures keep their samples) and encoded tiles.
    """

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def image(self, case: Case, name: str | None = None) -> Image:
        """The opened image of a case.

        Raises:
            DataError: If there is none.
            ReaderError: If it cannot be opened.
        """
        return self._cache.get(("image", case.id, name), lambda: _opened(case, name))

    def grid(self, case: Case) -> ViewGrid:
        """Its deep zoom levels.

        Raises:
            GeometryError: If it is a volume.
        """
        shape = self.image(case).geometry.shape
        if len(shape) != 2:
            raise GeometryError(f"case {case.id}: expected a picture or slide, got shape {shape}")
        return ViewGrid(*shape)

    def tile(self, case: Case, level: int, x: int, y: int, name: str | None = None) -> bytes:
        """One JPEG tile of an image, by default the first.

        Raises:
            DataError: If the case has no such image.
            GeometryError: If it is not of the size of the first.
        """
        region = self.grid(case).region(level, x, y)
        size, first = (self.image(case, n).geometry.shape for n in (name, None))
        if size != first:
            raise GeometryError(
                f"case {case.id}: image {name!r} has {size} pixels and the first {first}, so the "
                "two cannot be shown in one frame"
            )
        key = ("tile", case.id, name, level, x, y)
        return self._cache.get(key, lambda: _sized(self._tile(case, level, region, name)))

    def thumbnail(self, case: Case, side: int) -> bytes:
        """The whole picture as a JPEG, its longer side ``side`` at most."""
        key = ("thumbnail", case.id, side)
        return self._cache.get(
            key, lambda: _sized(jpeg(self._shown(case, self._small(case, side))))
        )

    def part(
        self, case: Case, factor: float, region: Region, name: str | None = None
    ) -> NDArray[np.uint8]:
        """A region of the picture made ``factor`` times coarser, ``(h, w, 3)`` as it is shown."""
        image = self.image(case, name)
        samples = (image.shrunk(factor) if factor > 1 else image).read(region)
        return self._shown(case, samples, name)

    def _small(self, case: Case, side: int, name: str | None = None) -> NDArray[Any]:
        image = self.image(case, name)
        view = image.shrunk(max(1.0, max(image.geometry.shape) / side))
        return view.read(view.geometry.full)

    def _tile(self, case: Case, level: int, region: Region, name: str | None) -> bytes:
        return jpeg(self.part(case, self.grid(case).factor(level), region, name))

    def _shown(
        self, case: Case, samples: NDArray[Any], name: str | None = None
    ) -> NDArray[np.uint8]:
        rgb = samples[:3] if len(samples) >= 3 else np.repeat(samples[:1], 3, axis=0)
        window = self._cache.get(("window", case.id, name), lambda: (self._window(case, name), 64))
        if window is not None:
            low, high = window
            rgb = np.clip((rgb.astype(np.float32) - low) * (255 / (high - low)), 0, 255)
        return np.ascontiguousarray(np.moveaxis(rgb, 0, -1).astype(np.uint8))

    def _window(self, case: Case, name: str | None) -> tuple[float, float] | None:
        """What becomes black and white; None for pictures that are bright as they are."""
        return window_of(self._small(case, _LOOK, name))


def window_of(samples: NDArray[Any]) -> tuple[float, float] | None:
    """Darkest and brightest sample that matter; None for bright 8-bit pictures."""
    low, high = (float(v) for v in np.percentile(samples[:3], [0.2, 99.8]))
    if samples.dtype == np.uint8 and (high > 190 or high <= low):
        return None
    return low, high if high > low else low + 1


def jpeg(picture: NDArray[np.uint8]) -> bytes:
    """``(h, w, 3)`` as JPEG."""
    return bytes(imagecodecs.jpeg8_encode(picture, level=_QUALITY))


def _sized(data: bytes) -> tuple[bytes, int]:
    return data, len(data)


def _opened(case: Case, name: str | None) -> tuple[Image, int]:
    path = image_path(case, name)
    if not path.exists():
        raise DataError(f"case {case.id}: its image is gone ({path.name}); put it back")
    image = open_case(case, name)
    if isinstance(image, Pyramid):
        return image, 4096
    samples = math.prod(image.geometry.shape) * len(image.channels)
    return image, samples * (4 if len(image.geometry.shape) == 3 else 1) + 4096
