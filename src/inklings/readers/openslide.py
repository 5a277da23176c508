"""Slides in the formats of the scanners, through OpenSlide: mrxs, ndpi, scn, bif, vms, DICOM.

Also TIFF of Philips, Leica, Ventana, Hamamatsu and Trestle, whatever it is called: their tiles may
be missing or overlap, which only OpenSlide knows how to lay out.
"""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openslide
import tifffile
from numpy.typing import NDArray

from inklings.errors import ReaderError
from inklings.readers import dicom_slides
from inklings.readers.choice import ANY, Choice
from inklings.readers.handles import Handles
from inklings.readers.notes import Note
from inklings.readers.pyramid import Pyramid
from inklings.readers.resample import Whole
from inklings.readers.resolution import Claim, by_magnification, judged
from inklings.readers.tiff import MAGIC
from inklings.readers.tiff_colours import on_white

_SUFFIXES = {".mrxs", ".vms", ".vmu", ".ndpi", ".svs", ".scn", ".bif", ".czi", ".svslide"}
_INDEXED = {".mrxs", ".vms", ".vmu"}
"""Files that only say where the picture lies: without it, no other reader may guess."""
_APERIO_YCBCR = 33003
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
    """Formats that OpenSlide knows as a vendor's own, but for Aperio's plain ones."""

    def recognises(self, path: Path, head: bytes) -> bool:
        """By what OpenSlide finds in the file; a folder by the first files in it."""
        if path.is_dir():
            return bool(dicom_slides.slide_files(path))
        if dicom_slides.is_slide(head):
            return True
        suffix = path.suffix.lower()
        if suffix in _INDEXED:
            return True
        if not (head.startswith(MAGIC) or suffix in _SUFFIXES):
            return False
        vendor = _vendor(path)
        if vendor == "aperio":
            return _is_ycbcr(path)
        if vendor == "generic-tiff":
            return suffix == ".ndpi"  # tifffile takes any file of that name for Hamamatsu's
        if vendor == "zeiss":  # it knows slides in colour; the rest is of the microscope's reader
            return _opens(path)
        return vendor is not None

    def open(self, path: Path, choice: Choice = ANY) -> Pyramid:
        """Read the directory of the levels.

        Raises:
            ReaderError: If OpenSlide cannot open it, or a folder holds several slides.
        """
        choice.only(path, *(("series",) if path.is_dir() else ()))
        path = dicom_slides.chosen(path, choice.series)
        stat = path.stat()
        key = (str(path.absolute()), stat.st_mtime_ns, stat.st_size)
        try:
            with _SLIDES.lease(key) as slide:
                shapes = tuple((h, w) for w, h in slide.level_dimensions)
                levels = OpenSlideLevels(path, shapes, tuple(slide.level_downsamples), key)
                resolution = judged(_claims(slide.properties))
                corner = _corner(slide.properties)
        except (openslide.OpenSlideError, OSError, ValueError) as error:
            raise ReaderError(f"{path}: cannot open this slide ({_why(path, error)})") from None
        return dataclasses.replace(
            Pyramid.of(levels, resolution), corner=corner, notes=_notes(path, shapes[0], corner)
        )


def _vendor(path: Path) -> str | None:
    try:
        return openslide.OpenSlide.detect_format(path)
    except openslide.OpenSlideError:
        return None


def _opens(path: Path) -> bool:
    try:
        openslide.OpenSlide(path).close()
    except openslide.OpenSlideError:
        return False
    return True


def _is_ycbcr(path: Path) -> bool:
    """Whether a file of Aperio holds JPEG 2000 whose colours only OpenSlide turns."""
    try:
        with tifffile.TiffFile(path) as file:
            return bool(file.pages[0].aspage().tags.valueof(259) == _APERIO_YCBCR)
    except (OSError, ValueError, RuntimeError, KeyError, IndexError, TypeError, AttributeError):
        return False


def _why(path: Path, error: Exception) -> str:
    """What OpenSlide said, and what it usually means."""
    said = " ".join(str(error).split())
    if path.suffix.lower() in _INDEXED and isinstance(
        error, openslide.OpenSlideUnsupportedFormatError
    ):
        return (
            f"{path.name} is only the index of a slide: the files it names, in the folder "
            f"{path.stem} beside it, have to be there too"
        )
    return said


def _corner(properties: Mapping[str, str]) -> Whole:
    """``(y, x)`` of the first pixel that was scanned; QuPath counts from there."""
    try:
        y, x = (int(float(properties[f"openslide.bounds-{axis}"])) for axis in "yx")
    except (KeyError, ValueError):
        return (0, 0)
    return (y, x)


def _notes(path: Path, shape: Whole, corner: Whole) -> tuple[Note, ...]:
    found = []
    if corner != (0, 0):
        text = (
            f"scanned from pixel ({corner[1]}, {corner[0]}) of level 0 on (x, y): QuPath counts "
            "from there, most other programs from the corner of the slide"
        )
        found.append(Note("bounds", text))
    if _is_dicom(path) and dicom_slides.is_resampled(path, shape[1]):
        text = (
            f"{path.name} is the finest level here, and says it was made from a finer one: "
            "places counted in pixels of that one do not fit"
        )
        found.append(Note("levels", text))
    return tuple(found)


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as file:
        return dicom_slides.is_slide(file.read(512))


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
