"""The levels of a TIFF as pictures: planes put together, turned upright, and coloured."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from inklings.errors import ReaderError
from inklings.readers.axes import only_kept
from inklings.readers.handles import Handles
from inklings.readers.orientation import stored_box, turned, upright_pair
from inklings.readers.resample import Whole
from inklings.readers.tiff_axes import AxesLayout, layout_of
from inklings.readers.tiff_colours import Colours
from inklings.readers.tiff_file import Key, gathered

DECODE_ERRORS = (
    OSError, ValueError, RuntimeError, KeyError, IndexError, TypeError, AttributeError,
    struct.error, zlib.error, MemoryError, ArithmeticError,
)  # fmt: skip
"""What a damaged file makes the decoders raise."""

_OPEN_FILES = 24


@dataclass
class File:
    """A TIFF that is open, and what it holds."""

    tiff: tifffile.TiffFile
    layout: AxesLayout


def _open(key: Key) -> File:
    file = tifffile.TiffFile(key[0])
    try:
        return File(file, layout_of(file))
    except BaseException:
        file.close()
        raise


def _close(file: File) -> None:
    file.tiff.close()


FILES: Handles[Key, File] = Handles(_open, _close, _OPEN_FILES)


@dataclass(frozen=True)
class TiffLevels:
    """The levels of a picture in a TIFF; see `inklings.readers.pyramid.Levels`.

    Attributes:
        scene: Which of the scenes of the file.
        planes: For each channel of the file the stored planes behind it.
        project: ``max`` or ``mean``, where there are several.
        colours: How stored samples become what is seen; None for the numbers themselves.
        orientation: As the tag has it; all else here is upright.
        keep: Numbers of the channels that are kept.
    """

    path: Path
    shapes: tuple[Whole, ...]
    channels: tuple[str, ...]
    dtype: np.dtype[Any]
    key: Key
    whole: bool
    scene: int = 0
    planes: tuple[tuple[int, ...], ...] = ((0,),)
    project: str | None = None
    colours: Colours | None = None
    orientation: int = 1
    keep: tuple[int, ...] | None = None

    def read(self, level: int, start: Whole, size: Whole) -> NDArray[Any]:
        """Pixels ``(h, w, C)`` of a box within a level."""
        where = stored_box(start, size, self.shapes[level], self.orientation)
        try:
            with FILES.lease(self.key) as file:
                pixels = self._together(file, level, *where)
        except DECODE_ERRORS as error:
            raise ReaderError(
                f"{self.path}: cannot decode pixels {start} of level {level} "
                f"({one_line(error)}); the file is damaged: copy it again from its source"
            ) from None
        return turned(pixels, self.orientation)

    def stored(self) -> TiffLevels:
        """The numbers as they lie in the file: for masks, whose colours mean nothing."""
        with FILES.lease(self.key) as file:
            level = file.layout.scenes[self.scene].levels[0]
            dtype = np.dtype(level.pages[0].keyframe.dtype)
        names = tuple(map(str, range(len(self.planes) * level.samples)))
        kept = np.dtype(np.uint8) if dtype.kind == "b" else dtype
        return replace(self, colours=None, dtype=kept, channels=names, keep=None)

    def _together(self, file: File, level: int, start: Whole, size: Whole) -> NDArray[Any]:
        stored = file.layout.scenes[self.scene].levels[level]
        stacks = [
            self._coloured(gathered(stored, self.key, (self.scene, level), planes, start, size))
            for planes in zip(*self.planes, strict=True)
        ]
        pixels = projected(stacks, self.project)
        if self.keep is not None:
            pixels = only_kept(pixels, self.keep)
        return pixels if pixels.dtype == self.dtype else pixels.astype(self.dtype)

    def _coloured(self, pixels: NDArray[Any]) -> NDArray[Any]:
        return pixels if self.colours is None else self.colours.seen(pixels)


def projected(stacks: Sequence[NDArray[Any]], how: str | None) -> NDArray[Any]:
    """Stored planes put together, ``max`` or ``mean``; one is itself."""
    if len(stacks) == 1:
        return stacks[0]
    if how == "max":
        largest: NDArray[Any] = np.maximum.reduce(stacks)
        return largest
    mean = np.zeros(stacks[0].shape, np.float64)
    for one in stacks:
        mean += one
    mean /= len(stacks)
    return np.rint(mean) if stacks[0].dtype.kind in "bui" else mean


def upright_shapes(shapes: Sequence[Whole], orientation: int) -> tuple[Whole, ...]:
    """Sizes of levels as they are seen."""
    return tuple(upright_pair(shape, orientation) for shape in shapes)


def one_line(error: BaseException) -> str:
    """What went wrong, without line breaks."""
    return " ".join(str(error).split()) or type(error).__name__
