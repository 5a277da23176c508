"""Decoders of compressed DICOM frames, by transfer syntax.

imagecodecs decodes JPEG, lossless JPEG, JPEG-LS, JPEG 2000 and JPEG XL; pydicom decodes RLE. Both
have licences that are free of copyleft.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.errors import ReaderError
from inklings.readers.dicom_coding import Coding

DECODE_ERRORS = (
    ValueError, RuntimeError, OSError, KeyError, IndexError, AttributeError, TypeError, EOFError,
    MemoryError, struct.error, zlib.error, NotImplementedError, ArithmeticError,
)  # fmt: skip
"""What damaged pixels make the decoders raise."""


def dicom_errors() -> tuple[type[Exception], ...]:
    """What damaged files make pydicom raise, which is imported only where one is read."""
    from pydicom.errors import BytesLengthException, InvalidDicomError

    return (BytesLengthException, InvalidDicomError, RecursionError, *DECODE_ERRORS)


RLE = "1.2.840.10008.1.2.5"
_PLAIN = ("1.2.840.10008.1.2.1.98", "1.2.840.10008.1.2.8.1")
_DEFLATED_FRAMES = _PLAIN[1]
_JPEG = {f"1.2.840.10008.1.2.4.{n}" for n in (50, 51, 53, 55)}
_JPEG_LOSSLESS = {f"1.2.840.10008.1.2.4.{n}" for n in (57, 70)}
_JPEG_LS = {f"1.2.840.10008.1.2.4.{n}" for n in (80, 81)}
_JPEG_2000 = {f"1.2.840.10008.1.2.4.{n}" for n in (90, 91, 201, 202, 203)}
_JPEG_XL = {f"1.2.840.10008.1.2.4.{n}" for n in (110, 111, 112)}


def decompressed(data: bytes, coding: Coding, name: str) -> NDArray[Any]:
    """One frame, ``(Y, X)`` or ``(Y, X, 3)`` in RGB, as its decoder gives it.

    Raises:
        ReaderError: If nothing here decodes the transfer syntax.
    """
    if coding.syntax in _PLAIN:
        return _plain(data, coding)
    try:
        import imagecodecs
    except ImportError:
        raise ReaderError(
            f"{name}: pixels are compressed as {_named(coding)}, which the package imagecodecs "
            "decodes; install it (pip install imagecodecs)"
        ) from None
    found: NDArray[Any]
    if coding.syntax in _JPEG:
        found = _jpeg(imagecodecs, data, coding)
    elif coding.syntax in _JPEG_LOSSLESS:
        found = _to_rgb(imagecodecs.ljpeg_decode(data), coding)
    elif coding.syntax in _JPEG_LS:
        found = _to_rgb(imagecodecs.jpegls_decode(data), coding)
    elif coding.syntax in _JPEG_2000:
        found = _to_rgb(imagecodecs.jpeg2k_decode(data), coding)
    elif coding.syntax in _JPEG_XL:
        found = imagecodecs.jpegxl_decode(data)
    else:
        raise ReaderError(
            f"{name}: pixels are compressed as {_named(coding)}, which nothing here decodes; "
            "export the series uncompressed"
        )
    return found


def _named(coding: Coding) -> str:
    from pydicom.uid import UID

    name = UID(coding.syntax).name
    return f"{name} ({coding.syntax})" if name != coding.syntax else str(name)


def _plain(data: bytes, coding: Coding) -> NDArray[Any]:
    if coding.syntax == _DEFLATED_FRAMES:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        data = inflater.decompress(data, coding.frame_bytes + 1)
    side = max(1, coding.tiles)
    shape = coding.rows * side, coding.columns * side
    cells = np.frombuffer(data, f"<{coding.kind}", shape[0] * shape[1] * coding.samples)
    found: NDArray[Any] = cells.reshape(shape if coding.samples == 1 else (*shape, coding.samples))
    return found


def _jpeg(codecs: Any, data: bytes, coding: Coding) -> NDArray[Any]:
    """JPEG says nothing of its colours that can be relied on; the file of DICOM does."""
    found: NDArray[Any]
    if coding.samples == 1:
        found = codecs.jpeg_decode(data)
    else:
        stored = "RGB" if coding.photometric == "RGB" else "YCBCR"
        found = codecs.jpeg8_decode(data, colorspace=stored, outcolorspace="RGB")
    return found


def _to_rgb(pixels: NDArray[Any], coding: Coding) -> NDArray[Any]:
    """Full-range YBR is turned to RGB; the transforms of JPEG 2000 its decoder undoes."""
    if coding.samples == 1 or not coding.photometric.startswith("YBR_FULL"):
        return pixels
    from pydicom.pixels.processing import convert_color_space

    turned: NDArray[Any] = convert_color_space(pixels, "YBR_FULL", "RGB")
    return turned
