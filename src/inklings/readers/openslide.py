"""Slides in the formats of the scanners, through OpenSlide: mrxs, ndpi, scn, bif, vms, dcm, svs."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openslide
from numpy.typing import NDArray

from inklings.errors import ReaderError
from inklings.readers.choice import ANY, Choice
from inklings.readers.handles import Handles
from inklings.readers.pyramid import Pyramid
from inklings.readers.resample import Whole
from inklings.readers.resolution import Claim, by_magnification, judged
from inklings.readers.tiff import MAGIC, on_white

_SUFFIXES = {".mrxs", ".vms", ".vmu", ".ndpi", ".svs", ".scn", ".bif", ".dcm", ".czi", ".svslide"}
_OPEN_FILES = 16
_CACHE_BYTES = 96 * 2**20
Key = tuple[str, int, int]
_BYTES: np.dtype[Any] = np.dtype(np.uint8)


@dataclass(frozen=True)
class OpenSlideLevels:
    """The levels of a slide; see `inklings.readers.pyramid.Levels`."""

    path: Path
    shapes: tuple[Whole, ...]
    downsamples: tuple[float, ...]
    key: Key
    channels: tuple[str, ...] = ("R", "G", "B")
    dtype: np.dtype[Any] = _BYTES
    whole: bool = True

    def read(self, level: int, start: Whole, size: Whole) -> NDArray[Any]:
        """Pixels ``(h, w, 3)`` of a box within a level.

        OpenSlide takes places in whole pixels of level 0; where its downsample is no whole number
        the box is off by less than half of one.
        """
        down = self.downsamples[level]
        place = (round(start[1] * down), round(start[0] * down))
        try:
            with _SLIDES.lease(self.key) as slide:
                picture = slide.read_region(place, level, (size[1], size[0]))
        except (openslide.OpenSlideError, OSError, ValueError) as error:
            raise ReaderError(
                f"{self.path}: cannot decode pixels {start} of level {level} ({error}); "
                "the file is damaged: copy it again from its source"
            ) from None
        return on_white(np.asarray(picture))


class OpenSlideReader:
    """Formats that OpenSlide recognises, but for TIFF pyramids of no vendor."""

    def recognises(self, path: Path, head: bytes) -> bool:
        """By what OpenSlide finds in the file."""
        if not (head.startswith(MAGIC) or path.suffix.lower() in _SUFFIXES):
            return False
        try:
            return openslide.OpenSlide.detect_format(path) is not None
        except openslide.OpenSlideError:
            return False

    def open(self, path: Path, choice: Choice = ANY) -> Pyramid:
        """Read the directory of the levels.

        Raises:
            ReaderError: If OpenSlide cannot open it.
        """
        choice.only(path)
        stat = path.stat()
        key = (str(path.absolute()), stat.st_mtime_ns, stat.st_size)
        try:
            with _SLIDES.lease(key) as slide:
                shapes = tuple((h, w) for w, h in slide.level_dimensions)
                levels = OpenSlideLevels(path, shapes, tuple(slide.level_downsamples), key)
                resolution = judged(_claims(slide.properties))
        except (openslide.OpenSlideError, OSError, ValueError) as error:
            raise ReaderError(f"{path}: cannot open this slide ({error})") from None
        return Pyramid.of(levels, resolution)


def _claims(properties: Mapping[str, str]) -> Iterator[Claim]:
    try:
        y, x = (float(properties[f"openslide.mpp-{axis}"]) for axis in "yx")
        yield Claim("openslide.mpp", y, x)
    except (KeyError, ValueError):
        pass
    yield from by_magnification(properties.get("openslide.objective-power"))


@functools.lru_cache(maxsize=1)
def _cache(process: int) -> Any:  # noqa: ARG001 - a forked child has its own
    return openslide.OpenSlideCache(_CACHE_BYTES)


def _open(key: Key) -> openslide.OpenSlide:
    slide = openslide.OpenSlide(key[0])
    slide.set_cache(_cache(os.getpid()))
    return slide


_SLIDES: Handles[Key, openslide.OpenSlide] = Handles(_open, lambda s: s.close(), _OPEN_FILES)
