"""A picture decoded as it is stored: numbers first, what they look like second.

Pillow decodes JPEG, BMP, GIF, WebP and PNG of palettes or few bits, in modes that are listed here;
libpng does the other PNG, in half of the time and a third of the memory, and keeps 16 bits of
colours, of which Pillow keeps the upper half. An image is what is seen
(`Raster.seen`); a mask is the numbers (`inklings.labels.codes`).
"""

from __future__ import annotations

import io
import logging
import struct
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from inklings.errors import ReaderError
from inklings.readers.notes import Note
from inklings.readers.orientation import TAG, known, orientation_note, turned

logging.getLogger("imagecodecs").addHandler(logging.NullHandler())
"""libpng warns of colour profiles and comments, which nobody reads here."""

_PNG = b"\x89PNG\r\n\x1a\n"
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP")
GREY = ("1", "L", "LA", "I;16", "I;16B", "I;16L", "I")
_MODES = (*GREY, "P", "PA", "RGB", "RGBA")
BROKEN = (
    OSError, SyntaxError, ValueError, EOFError, UnidentifiedImageError, struct.error, zlib.error,
    IndexError, KeyError, TypeError, OverflowError, MemoryError,
)  # fmt: skip
Pillow.MAX_IMAGE_PIXELS = 400_000_000
_AT_ONCE = 2**22
"""Pixels that Pillow gives away together."""
_PIXELS_OF_A_BYTE = 10_000
"""More than any of these formats holds, WebP apart, which holds few pixels."""


@dataclass(frozen=True)
class Raster:
    """One picture, or the pages of one file, upright.

    Attributes:
        numbers: ``(P, h, w, S)``: pages (one of a plain picture), and the samples of a pixel
            without its opacity, as stored. Of two levels: bool, True where it is lighter.
        table: ``(N, 3)``: colours of a palette, whose indices the numbers are.
        alpha: ``(h, w)``: opacity, where the file holds some.
        lossy: The compression that changed the numbers; empty where none did.
        orientation: What the file said (1: it was stored upright).
    """

    numbers: NDArray[Any]
    table: NDArray[np.uint8] | None = None
    alpha: NDArray[Any] | None = None
    lossy: str = ""
    orientation: int = 1

    def seen(self) -> NDArray[Any]:
        """Grey or colours of the first page, ``(h, w, C)``; opacity is left out."""
        pixels: NDArray[Any] = self.numbers[0]
        if pixels.dtype == np.bool_:
            pixels = np.where(pixels, np.uint8(255), np.uint8(0))
        if self.table is not None:
            pixels = self.table[pixels[..., 0]]
        return pixels

    def notes(self) -> tuple[Note, ...]:
        """What to say of it as an image."""
        said = orientation_note(self.orientation)
        if self.alpha is not None:
            low, high = int(self.alpha.min()), int(self.alpha.max())
            top = int(np.iinfo(self.alpha.dtype).max)
            if (low, high) != (top, top):
                text = f"alpha from {low} to {high}, expected {top} everywhere"
                said = (*said, Note("alpha", text))
        return said


def is_picture(head: bytes) -> bool:
    """Whether a file that begins so is one of the formats here."""
    webp = head.startswith(b"RIFF") and head[8:12] == b"WEBP"
    return webp or head.startswith((_PNG[:4], b"\xff\xd8\xff", b"BM", b"GIF8"))


def raster(data: bytes) -> Raster:
    """Decode a picture held in memory.

    Raises:
        ReaderError: If it is no picture of these formats, damaged, animated, or in colours that
            are not read; the message does not name the file.
    """
    try:
        with Pillow.open(io.BytesIO(data), formats=FORMATS) as picture:
            require_plain(picture)
            orientation = orientation_of(picture)
            lossy = _lossy(picture, data)
            if data.startswith(_PNG) and _by_libpng(data[24], data[25]):
                colours, alpha = _parted(imagecodecs.png_decode(data))
                return _turned(Raster(colours[None], None, alpha, lossy), orientation)
            picture.load()
            return _turned(replace(_stored(picture), lossy=lossy), orientation)
    except UnidentifiedImageError:
        raise ReaderError(
            f"truncated, or no picture of a known format (first bytes {data[:8]!r}); "
            "expected PNG, JPEG, BMP, GIF or TIFF"
        ) from None
    except Pillow.DecompressionBombError:
        raise ReaderError("too large for a plain picture; use a tiled format") from None
    except (*BROKEN, imagecodecs.PngError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ReaderError(f"truncated or damaged picture ({reason})") from None


def decode(path: Path) -> NDArray[Any]:
    """The numbers of a whole picture, ``(h, w)`` or ``(h, w, C)``, palette indices as they are.

    Raises:
        ReaderError: If the file is missing, truncated or not a picture.
    """
    numbers: NDArray[Any] = of_file(path).numbers[0]
    if numbers.dtype == np.bool_:
        numbers = numbers.astype(np.uint8) * np.uint8(255)
    return numbers[..., 0] if numbers.shape[-1] == 1 else numbers


def of_file(path: Path) -> Raster:
    """Decode a file, as `raster` does.

    Raises:
        ReaderError: As `raster`, with the name of the file.
    """
    try:
        return raster(path.read_bytes())
    except FileNotFoundError:
        raise ReaderError(f"expected a picture at {path}, but there is no such file") from None
    except OSError as error:
        raise ReaderError(f"{path}: cannot be read ({error.strerror})") from None
    except ReaderError as error:
        raise ReaderError(f"{path}: {error}") from None


def require_plain(picture: Pillow.Image) -> None:
    """Refuse animations, modes that are not on the list, and sizes that the file cannot hold."""
    stream: Any = vars(picture)["fp"]
    place = stream.tell()
    most = 1_000_000 + _PIXELS_OF_A_BYTE * stream.seek(0, io.SEEK_END)
    stream.seek(place)
    if picture.width * picture.height > most and picture.format != "WEBP":
        size = f"{picture.width} x {picture.height}"
        raise ReaderError(f"truncated or damaged picture ({size} pixels in a file too small)")
    frames = int(getattr(picture, "n_frames", 1))
    if frames > 1:
        raise ReaderError(
            f"expected one picture, got an animation of {frames} frames; save the one that is meant"
        )
    if picture.mode not in _MODES:
        what = {"CMYK": "CMYK (printing inks)"}.get(picture.mode, f"colours of kind {picture.mode}")
        raise ReaderError(f"expected grey, palette or RGB, got {what}; save it as RGB")


def orientation_of(picture: Pillow.Image) -> int:
    """What EXIF says of it, 1 to 8."""
    try:
        silent = picture.format == "PNG" and not _png_says(picture)
        return 1 if silent else known(picture.getexif().get(TAG, 1))
    except BROKEN:  # what a camera wrote beside the picture does not spoil it
        return 1


def _png_says(picture: Pillow.Image) -> bool:
    """Whether a PNG holds EXIF or XMP, also behind its samples; none of them is decoded."""
    stream: Any = vars(picture)["fp"]
    at, place = len(_PNG), stream.tell()
    try:
        while True:
            stream.seek(at)
            head = stream.read(24)
            if len(head) < 8 or head[4:8] == b"eXIf":
                return len(head) >= 8
            if head[5:8] in (b"EXt", b"TXt") and head[8:].startswith((b"Raw prof", b"XML:com.")):
                return True
            at += 12 + int.from_bytes(head[:4], "big")
    finally:
        stream.seek(place)


def is_grey(picture: Pillow.Image) -> bool:
    """Whether it has one plane; grey PNG of 16 bits with opacity is colour to Pillow."""
    if picture.format == "PNG":
        stream: Any = vars(picture)["fp"]
        place = stream.tell()
        stream.seek(25)
        kind = stream.read(1)
        stream.seek(place)
        return kind in (b"\0", b"\4")
    return picture.mode in GREY


def _lossy(picture: Pillow.Image, data: bytes) -> str:
    if picture.format == "JPEG":
        return "JPEG"
    return "WebP" if picture.format == "WEBP" and b"VP8 " in data[:128] else ""


def _by_libpng(bits: int, kind: int) -> bool:
    """Whether a PNG has whole bytes, and no palette; Pillow reads grey of 16 bits as well."""
    return kind != 3 if bits == 8 else bits == 16 and kind != 0


def _stored(picture: Pillow.Image) -> Raster:
    """Pillow's picture, which is decoded, as numbers."""
    table = None
    clear = picture.info.get("transparency")
    array = _unpacked(picture)
    if picture.mode == "I":
        array = _of_16_bits(array)
    if picture.mode in ("P", "PA"):
        raw = picture.getpalette("RGB") or []
        table = np.zeros((256, 3), np.uint8)
        table.reshape(-1)[: len(raw)] = raw
    if picture.mode == "P" and clear is not None:
        alpha: NDArray[Any] | None = np.asarray(picture.convert("RGBA"))[..., 3]
    elif clear is not None and picture.mode in ("L", "RGB", "1"):
        alpha = np.asarray(picture.convert("RGBA"))[..., 3]
    else:
        alpha = array[..., -1] if picture.mode in ("LA", "PA", "RGBA") else None
    if picture.mode in ("LA", "PA", "RGBA"):
        array = array[..., :-1]
    pixels = array[..., None] if array.ndim == 2 else array
    return Raster(pixels[None], table, alpha)


def _unpacked(picture: Pillow.Image) -> NDArray[Any]:
    """Samples by strips: Pillow would hold the whole of a picture twice more meanwhile."""
    width, height = picture.size
    lines = max(1, _AT_ONCE // width)
    strips = (
        np.asarray(picture.crop((0, top, width, min(top + lines, height))))
        for top in range(0, height, lines)
    )
    first = next(strips)
    array = np.empty((height, *first.shape[1:]), first.dtype)
    array[:lines] = first
    for k, strip in enumerate(strips, 1):
        array[k * lines : (k + 1) * lines] = strip
    return array


def _of_16_bits(array: NDArray[Any]) -> NDArray[np.uint16]:
    if array.size and not 0 <= int(array.min()) <= int(array.max()) <= 65535:
        raise ReaderError("expected grey of 8 or 16 bits, got 32")
    return array.astype(np.uint16)


def _parted(array: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Colours and opacity."""
    if array.ndim == 2:
        return array[..., None], None
    return (array[..., :-1], array[..., -1]) if array.shape[-1] in (2, 4) else (array, None)


def _turned(found: Raster, orientation: int) -> Raster:
    if orientation == 1:
        return found
    alpha = None if found.alpha is None else turned(found.alpha, orientation)
    pages = np.stack([turned(page, orientation) for page in found.numbers])
    return replace(found, numbers=pages, alpha=alpha, orientation=orientation)
