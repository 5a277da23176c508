"""What DICOM files say of their planes, read without their pixels.

A file is one plane, or many (enhanced multi-frame, doses, mosaics). Names of patients are never
read. What is damaged is kept as a fault of its series, so that no other series suffers from it.
"""

from __future__ import annotations

import warnings
import zipfile
import zlib
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

from inklings.errors import ReaderError
from inklings.readers import dicom_marks, dicom_places, dicom_spacing
from inklings.readers.dicom_coding import (
    CODING,
    Coding,
    coding_of,
    cut_short,
    inflatable,
    syntax_of,
)
from inklings.readers.dicom_files import (
    HEAD,
    SEGMENTATIONS,
    SLIDE_CLASS,
    SUFFIXES,
    Bytes,
    File,
    files,
    is_dicom,
)
from inklings.readers.dicom_lookup import Look, Vector, first, spoken, whole
from inklings.readers.dicom_marks import Mark, marks_of
from inklings.readers.dicom_places import mosaic_of, orientation_of, positions_of
from inklings.readers.dicom_spacing import spacing_of, thickness_of
from inklings.readers.dicom_values import VALUES, keeps_numbers, notes_of, scale_of
from inklings.readers.notes import Note

_REMEMBERED = 64
_TAGS: list[str | int] = [
    "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID",
    "SeriesDescription", "ProtocolName", "SequenceName", "SeriesNumber", "Modality", "ImageType",
    "InstanceNumber", "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
    "SpecificCharacterSet", "VolumeFrameOfReferenceUID",
    *CODING, *VALUES, *dicom_marks.WORDS, *dicom_marks.PRIVATE, *dicom_places.WORDS,
    *dicom_places.PRIVATE, *dicom_spacing.WORDS,
]  # fmt: skip
_NEEDED: set[object] = {
    "Rows",
    "SeriesInstanceUID",
    *CODING,
    *VALUES,
    *dicom_places.WORDS,
    "PixelSpacing",
}
_LABELS = (*SEGMENTATIONS, "1.2.840.10008.5.1.4.1.1.481.3")  # and structure sets: read as masks
_SPECTRA = "1.2.840.10008.5.1.4.1.1.4.2"
_DAMAGED = (
    EOFError, ValueError, KeyError, IndexError, AttributeError, OSError, TypeError, zlib.error,
    NotImplementedError, RecursionError, MemoryError, ArithmeticError, RuntimeError,
    zipfile.BadZipFile,
)  # fmt: skip
"""What damaged headers make pydicom raise."""


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
        unit: Of slope times the stored number plus intercept: ``HU``, ``Gy``; empty if not said.
        kind: ``ImageType``, its values between slashes.
        marks: What may tell it from planes of other volumes at the same place.
        notes: What should be known of its file.
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
    unit: str
    instance: int
    kind: str
    marks: dict[str, Mark] = field(hash=False)
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """A file that cannot be used, and why.

    Attributes:
        series: UID of its series; empty where the file ends before it.
    """

    file: File
    series: str
    words: str

    def __str__(self) -> str:
        return f"{self.file}: {self.words}"


@dataclass
class Contents:
    """What lies under a path.

    Attributes:
        strangers: Names of files that are no DICOM.
        objects: Kinds of DICOM objects that are no images, and how many there are.
    """

    planes: list[Plane] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    objects: Counter[str] = field(default_factory=Counter)


_known: OrderedDict[Any, Contents] = OrderedDict()


def contents(path: Path) -> Contents:
    """The planes of all DICOM files under ``path``, and what else lies there.

    Remembered for the last folders, as long as none of their files changes.

    Raises:
        ReaderError: If it is an archive that cannot be read.
    """
    listed = files(path)
    key = (str(path.absolute()), *map(_stamp, listed))
    found = _known.get(key)
    if found is None:
        found = Contents()
        with Bytes() as source, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pydicom, on values that are odd but not needed
            for file in listed:
                _add(file, source, found)
        _known[key] = found
        while len(_known) > _REMEMBERED:
            _known.popitem(last=False)
    return found


def _stamp(file: File) -> tuple[str, int, int]:
    at = file.container / file.name if file.container.is_dir() else file.container
    stat = at.stat()
    return file.name, stat.st_size, stat.st_mtime_ns


def _add(file: File, source: Bytes, found: Contents) -> None:
    stream, size = source.open(file)
    with stream:
        try:
            head = stream.read(HEAD)
            if not is_dicom(file.name, head):
                words = _lost(file, head)
                if words:
                    found.faults.append(Fault(file, "", words))
                else:
                    found.strangers.append(file.name)
                return
            stream.seek(0)
            _read(file, stream, size, found)
        except (zlib.error, EOFError, OSError, zipfile.BadZipFile) as error:
            words = " ".join(str(error).split()) or type(error).__name__
            found.faults.append(Fault(file, "", f"cannot be read ({words}); copy it again"))


def _lost(file: File, head: bytes) -> str | None:
    """Why a file that should be DICOM is none; None for one that never was."""
    base = file.name.rpartition("/")[2]
    if base.upper() == "DICOMDIR":
        return None
    named = base.lower().endswith(SUFFIXES)
    if not head and (named or "." not in base):
        return "is empty (0 bytes); copy it again from its source"
    if named or (head and not any(head) and "." not in base):
        return f"expected a DICOM file, got one that begins with {head[:8]!r}; copy it again"
    return None


def _read(file: File, stream: BinaryIO, size: int, found: Contents) -> None:
    """Add the planes of one file, or why there are none."""
    import pydicom

    said: dict[Any, Any] = {}
    try:
        inflatable(stream)
        read = pydicom.dcmread(stream, stop_before_pixels=True, force=True, specific_tags=_tags())
        said = spoken(read, _NEEDED)
        name = _class(read, said)
        if str(said.get("SOPClassUID", "")) in (SLIDE_CLASS, _SPECTRA, *_LABELS):
            if said["SOPClassUID"] not in _LABELS:
                found.objects[name] += 1
            return
        coding = coding_of(said, syntax_of(read), stream) if "Rows" in said else None
        if coding is None:
            if "Image Storage" in name:
                raise ReaderError("the file is cut short: it ends within its header; copy it again")
            found.objects[name] += 1
            return
        cut_short(coding, stream, size)
        found.planes += _planes(file, said, coding)
    except (ReaderError, *_DAMAGED) as error:
        words = " ".join(str(error).split()) or type(error).__name__
        if not isinstance(error, ReaderError):
            words = f"damaged DICOM file ({words}); copy or export it again"
        found.faults.append(Fault(file, str(said.get("SeriesInstanceUID", "")), words))


@cache
def _tags() -> list[Any]:
    from pydicom.tag import Tag

    return [Tag(word) for word in _TAGS]


def _class(read: Any, said: Mapping[Any, Any]) -> str:
    from pydicom.uid import UID

    meta = getattr(read, "file_meta", None) or {}
    named = said.get("SOPClassUID") or meta.get("MediaStorageSOPClassUID") or ""
    return str(UID(str(named)).name) or "unknown"


def _planes(file: File, said: dict[Any, Any], coding: Coding) -> Iterator[Plane]:
    kind = "/".join(map(str, said.get("ImageType") or ()))
    number = str(said.get("SeriesNumber", "") or "")
    about = About(
        str(said.get("SeriesInstanceUID", "") or "") or f"no-uid-{number or 0}",
        str(said.get("StudyInstanceUID", "") or ""),
        str(said.get("FrameOfReferenceUID") or said.get("VolumeFrameOfReferenceUID") or ""),
        str(said.get("SeriesDescription", "") or "").strip(),
        str(said.get("ProtocolName", "") or "").strip(),
        str(said.get("SequenceName", "") or "").strip(),
        number,
        str(said.get("Modality", "") or ""),
    )
    shared = first(said, "SharedFunctionalGroupsSequence")
    groups = list(said.get("PerFrameFunctionalGroupsSequence") or ())
    if groups and len(groups) != coding.frames:
        raise ReaderError(
            f"it has {coding.frames} frames and describes {len(groups)}: the file is damaged"
        )
    frames: list[Any] = groups or [None] * coding.frames
    look = Look(said, shared, frames[0])
    spacing, notes = spacing_of(look, about.modality)
    orientation = orientation_of(look)
    mosaic = mosaic_of(look, kind, (coding.rows, coding.columns), orientation, spacing)
    if mosaic:
        coding, positions = coding.tiled(mosaic[0]), list[Vector | None](mosaic[1])
        frames = [None] * len(positions)
    elif not groups:
        positions = positions_of(look, coding.frames, orientation, kind)
    notes += notes_of(look, coding, about.modality)
    if keeps_numbers(look, about.modality):
        coding = coding.upright()
    sop, instance = str(said.get("SOPInstanceUID", "")), whole(said.get("InstanceNumber")) or 0
    for place, own in enumerate(frames):
        look = Look(said, shared, own) if own is not None or place == 0 else look
        if groups:
            spacing, orientation = spacing_of(look, about.modality)[0], orientation_of(look)
        scale = scale_of(look)
        yield Plane(
            file=file,
            frame=place,
            sop=sop,
            about=about,
            coding=coding,
            position=_position(look) if groups else positions[place],
            orientation=orientation,
            spacing=spacing,
            thickness=thickness_of(look),
            slope=scale.slope,
            intercept=scale.intercept,
            unit=scale.unit,
            instance=instance,
            kind=kind,
            marks=marks_of(look, place, kind, about.modality),
            notes=(*notes, *scale.notes),
        )


def _position(look: Look) -> Vector | None:
    found = look.vector("PlanePositionSequence", "ImagePositionPatient", 3)
    return found or look.vector("PlanePositionVolumeSequence", "ImagePositionVolume", 3)
