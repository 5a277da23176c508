"""What DICOM files say of their planes, read without their pixels.

A file is one plane, or many (enhanced multi-frame). Files may lie in a folder, in folders within
it, or in a zip archive. Names of patients are never read.
"""

from __future__ import annotations

import io
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from inklings.errors import ReaderError

MAGIC, MAGIC_AT = b"DICM", 128
ZIP = b"PK\x03\x04"
SLIDE_CLASS = "1.2.840.10008.5.1.4.1.1.77.1.6"
SEGMENTATIONS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
"""Classes of objects that hold masks (`inklings.readers.dicom_segments`), and no image."""
_RAW = (
    "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2",
)  # fmt: skip
_BIG_ENDIAN = "1.2.840.10008.1.2.2"
_IMPLICIT = "1.2.840.10008.1.2"
_SUFFIXES = (".dcm", ".ima", ".dicom")
_REMEMBERED = 64
_TAGS = [
    "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID",
    "SeriesDescription", "ProtocolName", "SequenceName", "SeriesNumber", "Modality", "ImageType",
    "EchoTime", "EchoNumbers", "TemporalPositionIdentifier", "AcquisitionNumber", "InstanceNumber",
    "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "ImagerPixelSpacing",
    "SliceThickness", "SpacingBetweenSlices", "Rows", "Columns", "NumberOfFrames",
    "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "RescaleSlope", "RescaleIntercept", "PlanarConfiguration",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", "SpecificCharacterSet",
]  # fmt: skip

Vector = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class File:
    """A file in a folder or an archive; ``name`` is relative to ``container``."""

    container: Path
    name: str

    @property
    def folder(self) -> str:
        """The innermost folder that it lies in."""
        return (self.container / self.name).parent.name

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Coding:
    """How the pixels of a file are stored.

    Attributes:
        offset: Where they begin, if they are stored raw.
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


@dataclass(frozen=True, slots=True)
class About:
    """What a file says of its series."""

    series: str
    study: str
    frame_of_reference: str
    description: str
    protocol: str
    sequence: str
    number: str
    modality: str


@dataclass(frozen=True, slots=True)
class Plane:
    """One plane.

    Attributes:
        position: Of its first pixel, mm; None where the file does not say.
        orientation: Unit vectors along a row and along a column.
        spacing: Between rows, and between columns, in mm.
        thickness: Distance to the next plane as the file says, or the thickness; mm.
    """

    file: File
    frame: int
    sop: str
    about: About
    coding: Coding
    position: Vector | None
    orientation: Vector | None
    spacing: Vector | None
    thickness: float | None
    slope: float
    intercept: float
    instance: int
    echo: float | None
    moment: int | None
    acquisition: int | None
    kind: str


def files(path: Path) -> list[File]:
    """All files under a folder, in an archive, or the one at ``path``."""
    if path.is_dir():
        found = (p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
        return sorted((File(path, p.relative_to(path).as_posix()) for p in found), key=str)
    with path.open("rb") as file:
        if file.read(4) != ZIP:
            return [File(path.parent, path.name)]
    with zipfile.ZipFile(path) as archive:
        names = [info.filename for info in archive.infolist() if not info.is_dir()]
    return sorted((File(path, name) for name in names), key=str)


def is_dicom(name: str, head: bytes) -> bool:
    """By the magic word, or in files older than it by the suffix and the first tag."""
    if name.rpartition("/")[2].upper() == "DICOMDIR":
        return False
    if head[MAGIC_AT : MAGIC_AT + 4] == MAGIC:
        return True
    return name.lower().endswith(_SUFFIXES) and head[:2] in (b"\x08\x00", b"\x02\x00")


def is_slide(head: bytes) -> bool:
    """Whether the file that begins with ``head`` (512 bytes) is a part of a whole slide."""
    return SLIDE_CLASS.encode() in head


_known: OrderedDict[Any, tuple[Plane, ...]] = OrderedDict()


def planes(path: Path) -> tuple[Plane, ...]:
    """The planes of all DICOM files under ``path``; other files are passed over.

    Remembered for the last folders, as long as none of their files changes.

    Raises:
        ReaderError: If a file is cut short before its pixels.
    """
    listed = files(path)
    key = (str(path.absolute()), *map(_stamp, listed))
    found = _known.get(key)
    if found is None:
        found = tuple(_read(path, listed))
        _known[key] = found
        while len(_known) > _REMEMBERED:
            _known.popitem(last=False)
    return found


def _stamp(file: File) -> tuple[str, int, int]:
    at = file.container / file.name if file.container.is_dir() else file.container
    stat = at.stat()
    return file.name, stat.st_size, stat.st_mtime_ns


def _read(path: Path, listed: list[File]) -> Iterator[Plane]:
    if path.is_file() and len(listed) != 1:
        with zipfile.ZipFile(path) as archive:
            for file in listed:
                yield from _of(file, io.BytesIO(archive.read(file.name)))
        return
    for file in listed:
        with (file.container / file.name).open("rb") as stream:
            yield from _of(file, stream)


def _of(file: File, stream: BinaryIO) -> Iterator[Plane]:
    """The planes of one file; none if it is no image of a patient."""
    import pydicom
    from pydicom.errors import InvalidDicomError

    head = stream.read(MAGIC_AT + 4)
    stream.seek(0)
    if not is_dicom(file.name, head):
        return
    try:
        said = pydicom.dcmread(stream, stop_before_pixels=True, force=True, specific_tags=_TAGS)
        if "Rows" not in said or str(said.get("SOPClassUID", "")) in (SLIDE_CLASS, *SEGMENTATIONS):
            return
        yield from _planes(file, said, stream)
    except (InvalidDicomError, EOFError, ValueError, KeyError, AttributeError, OSError) as error:
        raise ReaderError(
            f"{file}: damaged DICOM file ({' '.join(str(error).split())}); export the series again"
        ) from None


def _planes(file: File, said: Any, stream: BinaryIO) -> Iterator[Plane]:
    about = About(
        str(said.get("SeriesInstanceUID", "")),
        str(said.get("StudyInstanceUID", "")),
        str(said.get("FrameOfReferenceUID", "") or ""),
        str(said.get("SeriesDescription", "") or "").strip(),
        str(said.get("ProtocolName", "") or "").strip(),
        str(said.get("SequenceName", "") or "").strip(),
        str(said.get("SeriesNumber", "") or ""),
        str(said.get("Modality", "") or ""),
    )
    coding = _coding(said, stream)
    shared = _first(said, "SharedFunctionalGroupsSequence")
    frames = said.get("PerFrameFunctionalGroupsSequence") or [None] * coding.frames
    for number, own in enumerate(frames):
        look = _Look(said, shared, own)
        yield Plane(
            file=file,
            frame=number,
            sop=str(said.get("SOPInstanceUID", "")),
            about=about,
            coding=coding,
            position=look.vector("PlanePositionSequence", "ImagePositionPatient", 3),
            orientation=look.vector("PlaneOrientationSequence", "ImageOrientationPatient", 6),
            spacing=look.vector("PixelMeasuresSequence", "PixelSpacing", 2)
            or look.vector("", "ImagerPixelSpacing", 2),
            thickness=look.number("PixelMeasuresSequence", "SpacingBetweenSlices")
            or look.number("PixelMeasuresSequence", "SliceThickness"),
            slope=_or(look.number("PixelValueTransformationSequence", "RescaleSlope"), 1.0),
            intercept=_or(look.number("PixelValueTransformationSequence", "RescaleIntercept"), 0.0),
            instance=_whole(said.get("InstanceNumber")) or 0,
            echo=look.number("MREchoSequence", "EffectiveEchoTime")
            or look.number("", "EchoTime")
            or look.number("", "EchoNumbers"),
            moment=_whole(
                look.get("FrameContentSequence", "TemporalPositionIndex")
                or said.get("TemporalPositionIdentifier")
            ),
            acquisition=_whole(said.get("AcquisitionNumber")),
            kind="/".join(map(str, said.get("ImageType") or ())),
        )


@dataclass(frozen=True)
class _Look:
    """Where a value may stand: with the frame, with all frames, or in the file itself."""

    said: Any
    shared: Any
    own: Any

    def get(self, group: str, word: str) -> Any:
        for place in (self.own, self.shared):
            inner = _first(place, group) if place is not None and group else None
            value = inner.get(word) if inner is not None else None
            if value not in (None, ""):
                return value
        return self.said.get(word)

    def number(self, group: str, word: str) -> float | None:
        value = self.get(group, word)
        if isinstance(value, (list, tuple)) or hasattr(value, "__iter__"):
            value = next(iter(value), None) if not isinstance(value, str) else value
        return float(value) if value not in (None, "") else None

    def vector(self, group: str, word: str, length: int) -> Vector | None:
        value = self.get(group, word)
        if value is None or isinstance(value, str) or len(value) != length:
            return None
        return tuple(float(v) for v in value)


def _coding(said: Any, stream: BinaryIO) -> Coding:
    syntax = str(said.file_meta.get("TransferSyntaxUID", _IMPLICIT))
    offset = None
    if syntax in _RAW:
        tag = stream.read(12)
        order = "big" if syntax == _BIG_ENDIAN else "little"
        pair = int.from_bytes(tag[:2], order), int.from_bytes(tag[2:4], order)  # type: ignore[arg-type]
        if pair == (0x7FE0, 0x0010):
            offset = stream.tell() - (4 if syntax == _IMPLICIT else 0)
    allocated = int(said.get("BitsAllocated", 16))
    return Coding(
        rows=int(said.Rows),
        columns=int(said.Columns),
        frames=max(1, _whole(said.get("NumberOfFrames")) or 1),
        samples=int(said.get("SamplesPerPixel", 1)),
        allocated=allocated,
        stored=int(said.get("BitsStored", allocated)),
        signed=bool(said.get("PixelRepresentation", 0)),
        photometric=str(said.get("PhotometricInterpretation", "MONOCHROME2")),
        syntax=syntax,
        big_endian=syntax == _BIG_ENDIAN,
        offset=offset if said.get("SamplesPerPixel", 1) == 1 else None,
    )


def _first(place: Any, word: str) -> Any:
    sequence = place.get(word) if place is not None else None
    return sequence[0] if sequence else None


def _whole(value: Any) -> int | None:
    return int(value) if value not in (None, "") else None


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value
