"""The numbers behind the pixels of a DICOM plane: Hounsfield units where the file says how.

Raw pixels are read where they lie; compressed ones are decoded (`inklings.readers.dicom_codecs`).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.errors import ReaderError
from inklings.readers.dicom_codecs import RLE, decompressed, dicom_errors
from inklings.readers.dicom_coding import DEFLATED, Coding
from inklings.readers.dicom_files import Bytes, File
from inklings.readers.dicom_headers import Plane

_RLE_MOST = 65  # bytes that one byte of a run-length code can stand for
_COLOURS = "PALETTE COLOR"


def values(planes: Sequence[Plane], series: Sequence[Plane] = ()) -> NDArray[Any]:
    """Samples of planes of one size, ``(C, n, Y, X)``; rescaled, as the smallest fitting type.

    Whole numbers stay whole: int16 for CT, uint8 or uint16 for most MR. MONOCHROME1 is turned
    round where its numbers are in no unit, so that more is brighter.

    Args:
        planes: To be read.
        series: All planes of the volume, which decide the type of the samples.

    Raises:
        ReaderError: If pixels are missing, damaged, or compressed in a way nobody here knows.
    """
    everything = series or planes
    slopes = {(plane.slope, plane.intercept) for plane in everything}
    whole = all(a == 1 and float(b).is_integer() for a, b in slopes)
    whole = whole and not any(plane.coding.floating for plane in everything)
    plain = slopes == {(1.0, 0.0)}
    kind = np.result_type(*{np.dtype(plane.coding.kind) for plane in everything})
    out: NDArray[Any] | None = None
    with Bytes() as source:
        decoder = _Decoder(source)
        for place, plane in enumerate(planes):
            stored = decoder.stored(plane)
            if stored.ndim == 3:
                samples = np.moveaxis(stored, -1, 0)
            elif plain:
                samples = stored[None].astype(np.result_type(kind, stored.dtype), copy=False)
            elif whole:
                samples = _shifted(stored, int(plane.intercept))[None]
            else:
                samples = (stored * np.float64(plane.slope) + plane.intercept)[None]
            if out is None:
                narrow = np.int16 if whole and not plain else np.float32
                own = samples.dtype if plain or stored.ndim == 3 else np.dtype(narrow)
                out = np.empty((samples.shape[0], len(planes), *samples.shape[1:]), own)
            if whole and not plain and stored.ndim == 2:
                out = _wide_enough(out, samples)
            out[:, place] = samples
    assert out is not None
    return out


def _shifted(stored: NDArray[Any], intercept: int) -> NDArray[Any]:
    wide = np.int32 if stored.dtype.itemsize < 4 and abs(intercept) < 2**30 else np.int64
    return stored.astype(wide) + intercept


def _wide_enough(out: NDArray[Any], samples: NDArray[Any]) -> NDArray[Any]:
    for kind in (np.int16, np.int32, np.int64):
        wide = np.iinfo(kind)
        if out.dtype.itemsize <= wide.bits // 8 and (
            samples.min() >= wide.min and samples.max() <= wide.max
        ):
            return out.astype(kind, copy=False)
    return out


class _Decoder:
    """Pixels as stored; the file that was read last is kept, for it may hold many planes."""

    def __init__(self, source: Bytes) -> None:
        self._source = source
        self._file: File | None = None
        self._frames: list[bytes] | None = None
        self._said: Any = None
        self._whole: tuple[File, NDArray[Any]] | None = None

    def stored(self, plane: Plane) -> NDArray[Any]:
        """``(Y, X)`` as stored, signs extended and MONOCHROME1 turned; ``(Y, X, 3)`` for colour."""
        try:
            if not plane.coding.tiles:
                return self._frame(plane, plane.frame)
            if self._whole is None or self._whole[0] != plane.file:
                self._whole = plane.file, self._frame(plane, 0)
            row, column = divmod(plane.frame, plane.coding.tiles)
            rows, columns = plane.coding.rows, plane.coding.columns
            tile = self._whole[1][row * rows :, column * columns :]
            return tile[:rows, :columns]
        except dicom_errors() as error:
            words = " ".join(str(error).split())[:200] or type(error).__name__
            raise ReaderError(
                f"{plane.file}: cannot decode its pixels ({words}); copy or export it again"
            ) from None

    def _frame(self, plane: Plane, number: int) -> NDArray[Any]:
        coding = plane.coding
        if coding.offset is not None:
            pixels = self._raw(plane, number)
        else:
            if plane.file != self._file:
                self._open(plane)
            pixels = self._decoded(plane, number)
        pixels = pixels if pixels.ndim == 3 else unpacked(pixels, coding)
        if coding.photometric == _COLOURS or coding.looked_up:
            pixels = self._looked_up(plane, pixels)
        return pixels

    def _open(self, plane: Plane) -> None:
        import pydicom
        from pydicom.encaps import generate_frames

        self._said = pydicom.dcmread(io.BytesIO(self._source.read(plane.file)), force=True)
        self._file, self._frames = plane.file, None
        names = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
        if not any(name in self._said for name in names):
            raise ReaderError(f"{plane.file}: expected pixels, got a file that ends before them")
        if "PixelData" in self._said and self._said["PixelData"].is_undefined_length:
            count = plane.coding.frames
            self._frames = list(generate_frames(self._said.PixelData, number_of_frames=count))
            if len(self._frames) < count:
                raise ReaderError(
                    f"{plane.file}: expected {count} frames, got {len(self._frames)}: the file is "
                    "cut short; copy or export it again"
                )

    def _decoded(self, plane: Plane, number: int) -> NDArray[Any]:
        coding = plane.coding
        if coding.syntax == RLE and self._frames is not None:
            held = _RLE_MOST * len(self._frames[number])
            if coding.frame_bytes > held:
                raise ValueError(f"{coding.frame_bytes} bytes expected, at most {held} there")
        if coding.syntax in (RLE, DEFLATED) or self._frames is None:
            from pydicom.pixels.utils import pixel_array

            found: NDArray[Any] = pixel_array(self._said, index=number)
            return found
        found = decompressed(self._frames[number], coding, str(plane.file))
        side = max(1, coding.tiles)
        size = (coding.rows * side, coding.columns * side)
        if found.shape != (size if coding.samples == 1 else (*size, coding.samples)):
            raise ValueError(f"decodes to {found.shape}, expected {size}")
        return found

    def _raw(self, plane: Plane, number: int) -> NDArray[Any]:
        coding = plane.coding
        assert coding.offset is not None
        size = coding.frame_bytes
        whole = coding.offset + size * coding.frames
        data = self._source.read(plane.file, coding.offset + number * size, size, whole)
        if len(data) < size:
            raise ReaderError(
                f"{plane.file}: expected {size} bytes of pixels, got {len(data)}: the file is cut "
                "short; copy or export it again"
            )
        order = ">" if coding.big_endian else "<"
        found = np.frombuffer(data, order + coding.kind).astype(coding.kind, copy=False)
        side = max(1, coding.tiles)
        return found.reshape(coding.rows * side, coding.columns * side)

    def _looked_up(self, plane: Plane, pixels: NDArray[Any]) -> NDArray[Any]:
        from pydicom.pixels.processing import apply_color_lut, apply_modality_lut

        if plane.file != self._file:
            self._open(plane)
        found: NDArray[Any]
        if plane.coding.photometric == _COLOURS:
            found = apply_color_lut(pixels, self._said)
        else:
            found = apply_modality_lut(pixels, self._said)
        return found


def unpacked(pixels: NDArray[Any], coding: Coding) -> NDArray[Any]:
    """Bits that do not belong to the number cut off, signs extended, MONOCHROME1 turned."""
    wide = np.dtype(coding.kind)
    if coding.floating:
        return pixels.astype(wide, copy=False)
    same = pixels.dtype.itemsize == wide.itemsize
    pixels = pixels.view(wide) if same else pixels.astype(wide)  # codecs do not know of the sign
    spare = wide.itemsize * 8 - coding.stored
    if spare > 0:
        above = spare - (coding.shift if coding.offset is not None else 0)
        pixels = (pixels << above) >> spare
    if coding.photometric == "MONOCHROME1":
        pixels = ~pixels if coding.signed else wide.type(2**coding.stored - 1) - pixels
    return pixels
