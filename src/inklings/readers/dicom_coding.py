"""How the pixels of a DICOM file are stored, and whether all of them are there."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

from inklings.errors import ReaderError
from inklings.readers.dicom_lookup import whole

CODING = [
    "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation",
    "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PlanarConfiguration",
    "ModalityLUTSequence",
]  # fmt: skip
IMPLICIT, EXPLICIT, BIG_ENDIAN = (
    "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2",
)  # fmt: skip
DEFLATED = "1.2.840.10008.1.2.1.99"
_ALLOCATED = (1, 8, 16, 32, 64)
_LARGEST = 2**30
_PIXELS, _FLOAT, _DOUBLE = 0x7FE00010, 0x7FE00008, 0x7FE00009
_ITEM = b"\xfe\xff\x00\xe0"
_UNKNOWN_LENGTH = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Coding:
    """How the pixels of a file are stored.

    Attributes:
        shift: Bits below the number.
        photometric: What the numbers mean; ``MONOCHROME1`` where they are to be turned.
        offset: Where they begin, if they are stored raw.
        floating: Whether they are floating-point numbers.
        looked_up: Whether values stand in a table (modality LUT).
        tiles: Planes along each side of a stored frame; 0 where a frame is a plane.
    """

    rows: int
    columns: int
    frames: int
    samples: int
    allocated: int
    stored: int
    signed: bool
    photometric: str
    syntax: str
    big_endian: bool
    offset: int | None
    shift: int = 0
    floating: bool = False
    looked_up: bool = False
    tiles: int = 0

    def tiled(self, side: int) -> Coding:
        """The same, a stored frame holding ``side`` planes on each side."""
        return replace(self, rows=self.rows // side, columns=self.columns // side, tiles=side)

    def upright(self) -> Coding:
        """The same, its numbers not to be turned."""
        return replace(self, photometric=self.photometric.replace("MONOCHROME1", "MONOCHROME2"))

    @property
    def kind(self) -> str:
        """Type of a sample, in the words of NumPy."""
        letter = "f" if self.floating else "i" if self.signed else "u"
        return f"{letter}{max(1, self.allocated // 8)}"

    @property
    def frame_bytes(self) -> int:
        """Bytes of a frame as stored."""
        cells = self.rows * self.columns * max(1, self.tiles) ** 2
        return cells * self.samples * self.allocated // 8


def coding_of(said: Mapping[Any, Any], syntax: str, stream: BinaryIO) -> Coding:
    """From the header ``said`` and the stream that stands where it ends.

    Raises:
        ReaderError: If there are no pixels, or numbers that no picture has.
    """
    tag, length, form, at = _pixels(stream, syntax)
    if syntax != DEFLATED and tag not in (_PIXELS, _FLOAT, _DOUBLE):
        raise ReaderError("the file is truncated: it ends before its pixels; copy it again")
    floating = tag in (_FLOAT, _DOUBLE)
    allocated = {_FLOAT: 32, _DOUBLE: 64}.get(tag) or whole(said.get("BitsAllocated")) or 16
    stored = allocated if floating else whole(said.get("BitsStored")) or allocated
    samples = whole(said.get("SamplesPerPixel")) or 1
    rows, columns = whole(said.get("Rows")) or 0, whole(said.get("Columns")) or 0
    if min(rows, columns) < 1:
        raise ReaderError(f"expected rows and columns of pixels, got {rows} x {columns}")
    if allocated not in _ALLOCATED or not 0 < stored <= allocated or samples not in (1, 3):
        raise ReaderError(
            f"expected 1 or 3 samples a pixel in 1, 8, 16, 32 or 64 bits, got {samples} of "
            f"{stored} bits in {allocated}"
        )
    high = whole(said.get("HighBit"))
    high = stored - 1 if high is None or not stored - 1 <= high < allocated else high
    raw = syntax in (IMPLICIT, EXPLICIT, BIG_ENDIAN) and length != _UNKNOWN_LENGTH
    swapped = syntax == BIG_ENDIAN and allocated == 8 and form == b"OW"
    photometric = str(said.get("PhotometricInterpretation") or "MONOCHROME2").strip()
    plain = raw and samples == 1 and not swapped and allocated in (8, 16, 32, 64)
    return Coding(
        rows=rows,
        columns=columns,
        frames=max(1, whole(said.get("NumberOfFrames")) or 1),
        samples=samples,
        allocated=allocated,
        stored=stored,
        signed=bool(whole(said.get("PixelRepresentation"))),
        photometric=photometric,
        syntax=syntax,
        big_endian=syntax == BIG_ENDIAN,
        offset=at if plain and photometric != "PALETTE COLOR" else None,
        shift=high + 1 - stored,
        floating=floating,
        looked_up=bool(said.get("ModalityLUTSequence")),
    )


def syntax_of(said: Any) -> str:
    """As the file says, or as it was found to be where it says nothing."""
    meta = getattr(said, "file_meta", None) or {}
    told = meta.get("TransferSyntaxUID")
    if told:
        return str(told)
    implicit, little = said.original_encoding
    return IMPLICIT if implicit else EXPLICIT if little else BIG_ENDIAN


def _pixels(stream: BinaryIO, syntax: str) -> tuple[int, int, bytes, int]:
    """Tag, length, form and place of the element at which the stream stands."""
    head = stream.read(12)
    order = "big" if syntax == BIG_ENDIAN else "little"
    group, element, short, long = (
        int.from_bytes(head[a:b], order)  # type: ignore[arg-type]
        for a, b in ((0, 2), (2, 4), (4, 8), (8, 12))
    )
    at = stream.tell() - (4 if syntax == IMPLICIT else 0)
    return group << 16 | element, short if syntax == IMPLICIT else long, head[4:6], at


def cut_short(coding: Coding, stream: BinaryIO, size: int) -> None:
    """Raise ReaderError if a file of ``size`` bytes ends before its pixels do."""
    if coding.syntax not in (IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED):
        _require_items(stream, size)
    if coding.syntax not in (IMPLICIT, EXPLICIT, BIG_ENDIAN) or coding.allocated % 8:
        return
    at = stream.tell() - (4 if coding.syntax == IMPLICIT else 0)
    need = coding.frame_bytes * coding.frames
    if coding.photometric.endswith("422"):
        need = need * 2 // 3
    if size - at < need:
        raise ReaderError(
            f"expected {need} bytes of pixels, got {max(0, size - at)}: the file is truncated; "
            "copy or export it again"
        )


def _require_items(stream: BinaryIO, size: int) -> None:
    """Compressed pixels lie in items, each of which says how long it is."""
    while stream.tell() < size:
        head = stream.read(8)
        length = int.from_bytes(head[4:], "little")
        if head[:4] != _ITEM[: len(head)]:
            return  # the end, or damage that decoders name
        if len(head) < 8 or stream.tell() + length > size:
            raise ReaderError(
                f"its compressed pixels go on for {max(0, stream.tell() + length - size)} bytes "
                "after its end: the file is truncated; copy or export it again"
            )
        stream.seek(length, 1)


def inflatable(stream: BinaryIO) -> None:
    """Raise ReaderError if a deflated file is cut short or larger than a picture can be."""
    head = stream.read(512)
    if DEFLATED.encode() in head:
        data = head + stream.read(_LARGEST)
        begin = 144 + int.from_bytes(data[140:144], "little")
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        inflater.decompress(data[begin:], _LARGEST)
        if inflater.unconsumed_tail:
            raise ReaderError(f"it would unpack to more than {_LARGEST:,} bytes; it is not opened")
        if not inflater.eof:
            raise ReaderError("the file is truncated within its deflated part; copy it again")
    stream.seek(0)
