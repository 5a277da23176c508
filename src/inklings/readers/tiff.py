"""Tiled TIFF: the slides of PANDA and Aperio, generic pyramids, OME-TIFF; decoded tile by tile.

Tiles are read with the exact pixels of their level and kept for a while, so that overlapping
regions decode each once. Formats whose tiles overlap, or that need more than one file, are left to
`inklings.readers.openslide`.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from inklings.errors import ReaderError
from inklings.readers.choice import ANY, Choice
from inklings.readers.pyramid import Pyramid
from inklings.readers.resample import Whole
from inklings.readers.resolution import judged
from inklings.readers.tiff_file import FILES, Key, gathered
from inklings.readers.tiff_tags import claims

MAGIC = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
DECODE_ERRORS = (
    OSError, ValueError, RuntimeError, KeyError, IndexError, TypeError, AttributeError,
    struct.error, zlib.error, MemoryError,
)  # fmt: skip
"""What a damaged file makes the decoders raise."""

_FOR_OPENSLIDE = ("ndpi", "scn", "bif")
_APERIO_YCBCR = 33003


@dataclass(frozen=True)
class TiffLevels:
    """The levels of a tiled TIFF; see `inklings.readers.pyramid.Levels`."""

    path: Path
    shapes: tuple[Whole, ...]
    channels: tuple[str, ...]
    dtype: np.dtype[Any]
    key: Key
    whole: bool
    alpha: str = ""

    def read(self, level: int, start: Whole, size: Whole) -> NDArray[Any]:
        """Pixels ``(h, w, C)`` of a box within a level."""
        try:
            with FILES.lease(self.key) as file:
                return self._on_white(
                    gathered(file.levels[level], self.key, level, file, start, size)
                )
        except DECODE_ERRORS as error:
            raise ReaderError(
                f"{self.path}: cannot decode pixels {start} of level {level} "
                f"({_one_line(error)}); the file is damaged: copy it again from its source"
            ) from None

    def _on_white(self, pixels: NDArray[Any]) -> NDArray[Any]:
        if not self.alpha:
            return pixels[..., : len(self.channels)]
        return on_white(pixels, premultiplied=self.alpha == "premultiplied")


def on_white(rgba: NDArray[Any], premultiplied: bool = False) -> NDArray[np.uint8]:
    """``(h, w, 4)`` uint8 laid on a white ground, ``(h, w, 3)``."""
    alpha, colours = rgba[..., 3:], rgba[..., :3]
    if alpha.min(initial=255) == 255:
        return np.ascontiguousarray(colours)
    opaque = alpha.astype(np.uint32)
    if premultiplied:
        return np.minimum(colours + (255 - opaque), 255).astype(np.uint8)
    mixed = colours * opaque + 255 * (255 - opaque)
    return ((mixed + 127) // 255).astype(np.uint8)


class TiffReader:
    """Tiled or pyramidal TIFF."""

    def recognises(self, path: Path, head: bytes) -> bool:
        """A TIFF that is cut into tiles, or an OME-TIFF, and no format of OpenSlide's own."""
        if not head.startswith(MAGIC):
            return False
        try:
            with tifffile.TiffFile(path) as file:
                return _is_slide(file)
        except DECODE_ERRORS:
            return False

    def open(self, path: Path, choice: Choice = ANY) -> Pyramid:
        """Read the directory of the levels.

        Raises:
            ReaderError: If it is truncated, or its pixels are stored in a way nobody here knows.
        """
        choice.only(path)
        stat = path.stat()
        key = (str(path.absolute()), stat.st_mtime_ns, stat.st_size)
        try:
            with FILES.lease(key) as file:
                page: Any = file.tiff.pages[0]
                levels = file.levels
                resolution = judged(claims(file.tiff))
                samples = sum(level.samples for level in [levels[0]] * len(levels[0].pages))
                alpha = _alpha(page) if samples == 4 else ""
                names = _names(3 if alpha else samples)
                shapes = tuple(level.shape for level in levels)
                whole = bool(file.tiff.is_svs or file.tiff.is_ome)
                found = TiffLevels(path, shapes, names, np.dtype(page.dtype), key, whole, alpha)
        except DECODE_ERRORS as error:
            raise ReaderError(f"{path}: cannot open this TIFF ({_one_line(error)})") from None
        return Pyramid.of(found, resolution)


def _is_slide(file: tifffile.TiffFile) -> bool:
    page: Any = file.pages[0]
    if any(getattr(file, f"is_{kind}", False) for kind in _FOR_OPENSLIDE):
        return False
    if page.tags.valueof(259) == _APERIO_YCBCR:
        return False
    return bool(page.is_tiled or file.is_ome)


def _alpha(page: Any) -> str:
    kinds = [int(kind) for kind in page.extrasamples]
    return {1: "premultiplied", 2: "straight"}.get(kinds[0], "") if kinds else ""


def _names(samples: int) -> tuple[str, ...]:
    if samples == 1:
        return ("grey",)
    return ("R", "G", "B") if samples == 3 else tuple(map(str, range(samples)))


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
