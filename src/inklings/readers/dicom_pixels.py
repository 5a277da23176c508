"""The numbers behind the pixels of a DICOM plane: Hounsfield units where the file says how.

Raw pixels are read where they lie. Compressed ones are decoded by pydicom (RLE, colour) and by
imagecodecs (JPEG, lossless JPEG, JPEG-LS, JPEG 2000), whose licences are free of copyleft.
"""

from __future__ import annotations

import os
import struct
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.errors import ReaderError
from inklings.readers.dicom_headers import Coding, File, Plane

_RLE = "1.2.840.10008.1.2.5"
_JPEG = {f"1.2.840.10008.1.2.4.{n}" for n in (50, 51, 57, 70)}
_JPEG_LS = {f"1.2.840.10008.1.2.4.{n}" for n in (80, 81)}
DECODE_ERRORS = (
    ValueError, RuntimeError, OSError, KeyError, IndexError, AttributeError, TypeError, EOFError,
    MemoryError, struct.error,
)  # fmt: skip
"""What damaged pixels make the decoders raise."""
_JPEG_2000 = {f"1.2.840.10008.1.2.4.{n}" for n in (90, 91, 201, 202, 203)}
DEFLATED = "1.2.840.10008.1.2.1.99"


def values(planes: Sequence[Plane]) -> NDArray[Any]:
    """Samples of planes of one size, ``(C, n, Y, X)``; rescaled, as the smallest fitting type.

    Whole numbers stay whole: int16 for CT, uint8 or uint16 for most MR. MONOCHROME1 is turned
    round, so that more is always brighter.

    Raises:
        ReaderError: If pixels are missing, damaged, or compressed in a way nobody here knows.
    """
    slopes = {(plane.slope, plane.intercept) for plane in planes}
    whole = all(a == 1 and float(b).is_integer() for a, b in slopes)
    plain = slopes == {(1.0, 0.0)}
    out: NDArray[Any] | None = None
    decoder = _Decoder()
    for place, plane in enumerate(planes):
        stored = decoder.stored(plane)
        if stored.ndim == 3:
            samples = np.moveaxis(stored, -1, 0)
        elif plain:
            samples = stored[None]
        elif whole:
            samples = (stored.astype(np.int32) + int(plane.intercept))[None]
        else:
            samples = (stored.astype(np.float32) * plane.slope + plane.intercept)[None]
        if out is None:
            kind = np.dtype(np.int16) if whole and not plain else samples.dtype
            out = np.empty((samples.shape[0], len(planes), *samples.shape[1:]), kind)
        if whole and not plain:
            out = _wide_enough(out, samples)
        out[:, place] = samples
    assert out is not None
    return out


def _wide_enough(out: NDArray[Any], samples: NDArray[Any]) -> NDArray[Any]:
    if out.dtype == np.int16 and (samples.min() < -32768 or samples.max() > 32767):
        return out.astype(np.int32)
    return out


class _Decoder:
    """Pixels as stored; the file that was read last is kept, for it may hold many planes."""

    def __init__(self) -> None:
        self._file: File | None = None
        self._frames: list[bytes] | None = None
        self._said: Any = None
        self._archive: zipfile.ZipFile | None = None

    def stored(self, plane: Plane) -> NDArray[Any]:
        """``(Y, X)`` as stored, signs extended and MONOCHROME1 turned; ``(Y, X, 3)`` for colour."""
        coding = plane.coding
        if coding.offset is not None:
            return unpacked(self._raw(plane), coding)
        if plane.file != self._file:
            self._open(plane)
        try:
            return self._decoded(plane)
        except DECODE_ERRORS as error:
            raise _damaged(plane, error) from None

    def _open(self, plane: Plane) -> None:
        import io

        import pydicom
        from pydicom.encaps import generate_frames

        self._said = pydicom.dcmread(io.BytesIO(self._bytes(plane.file)), force=True)
        self._file, self._frames = plane.file, None
        if "PixelData" not in self._said:
            raise ReaderError(f"{plane.file}: expected pixels, got a file that ends before them")
        if self._said["PixelData"].is_undefined_length:
            count = plane.coding.frames
            self._frames = list(generate_frames(self._said.PixelData, number_of_frames=count))

    def _decoded(self, plane: Plane) -> NDArray[Any]:
        coding = plane.coding
        if coding.samples > 1 or coding.syntax in (_RLE, DEFLATED) or self._frames is None:
            from pydicom.pixels.utils import pixel_array

            found = pixel_array(self._said, index=plane.frame)
            return found if coding.samples > 1 else unpacked(found, coding)
        found = _decompress(self._frames[plane.frame], coding, str(plane.file))
        if found.shape != (coding.rows, coding.columns):
            raise ValueError(f"decodes to {found.shape}")
        return unpacked(found, coding)

    def _raw(self, plane: Plane) -> NDArray[Any]:
        coding = plane.coding
        assert coding.offset is not None
        if coding.allocated not in (8, 16, 32):
            raise ReaderError(f"{plane.file}: pixels of {coding.allocated} bits are not read")
        size = coding.rows * coding.columns * coding.allocated // 8
        data = self._bytes(plane.file, coding.offset + plane.frame * size, size)
        if len(data) < size:
            raise ReaderError(
                f"{plane.file}: expected {size} bytes of pixels, got {len(data)}: the file is cut "
                "short; copy or export it again"
            )
        order = ">" if coding.big_endian else "<"
        kind = f"{'i' if coding.signed else 'u'}{coding.allocated // 8}"
        found = np.frombuffer(data, order + kind).astype(kind, copy=False)
        return found.reshape(coding.rows, coding.columns)

    def _bytes(self, file: File, start: int = 0, size: int | None = None) -> bytes:
        end = None if size is None else start + size
        try:
            if file.container.is_dir():
                with (file.container / file.name).open("rb", buffering=0) as stream:
                    if size is None:
                        return stream.read()
                    return os.pread(stream.fileno(), size, start)
            if self._archive is None:
                self._archive = zipfile.ZipFile(file.container)
            return self._archive.read(file.name)[start:end]
        except (OSError, zipfile.BadZipFile) as error:
            raise ReaderError(f"{file}: cannot be read ({error})") from None


def _decompress(data: bytes, coding: Coding, name: str) -> NDArray[Any]:
    import imagecodecs

    found: NDArray[Any]
    if coding.syntax in _JPEG:
        lossless = coding.syntax.endswith((".57", ".70"))
        found = imagecodecs.ljpeg_decode(data) if lossless else imagecodecs.jpeg_decode(data)
    elif coding.syntax in _JPEG_LS:
        found = imagecodecs.jpegls_decode(data)
    elif coding.syntax in _JPEG_2000:
        found = imagecodecs.jpeg2k_decode(data)
    else:
        from pydicom.uid import UID

        raise ReaderError(
            f"{name}: pixels are compressed as {UID(coding.syntax).name}, which nothing here "
            "decodes; export the series uncompressed"
        )
    return found


def unpacked(pixels: NDArray[Any], coding: Coding) -> NDArray[Any]:
    """Bits that do not belong to the number cut off, signs extended, MONOCHROME1 turned."""
    wide = np.dtype(f"{'i' if coding.signed else 'u'}{max(1, coding.allocated // 8)}")
    same = pixels.dtype.itemsize == wide.itemsize
    pixels = pixels.view(wide) if same else pixels.astype(wide)  # codecs do not know of the sign
    spare = wide.itemsize * 8 - coding.stored
    if spare > 0:
        pixels = (pixels << spare) >> spare
    if coding.photometric == "MONOCHROME1":
        pixels = ~pixels if coding.signed else wide.type(2**coding.stored - 1) - pixels
    return pixels


def _damaged(plane: Plane, error: BaseException) -> ReaderError:
    words = " ".join(str(error).split())[:200] or type(error).__name__
    return ReaderError(f"{plane.file}: cannot decode its pixels ({words}); export it again")
