"""Everything of DICOM under a path: planes of images, other objects, and what is damaged.

What is damaged is kept as a fault of its series, so that no other series suffers from it.
"""

from __future__ import annotations

import struct
import warnings
import zipfile
import zlib
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

from inklings.errors import ReaderError
from inklings.readers import dicom_marks, dicom_places, dicom_spacing
from inklings.readers.dicom_coding import CODING, coding_of, cut_short, inflatable, syntax_of
from inklings.readers.dicom_files import (
    HEAD,
    SEGMENTATIONS,
    SLIDE_CLASS,
    SUFFIXES,
    Bytes,
    File,
    files,
    is_cut_off,
    is_dicom,
)
from inklings.readers.dicom_headers import Plane, planes_of
from inklings.readers.dicom_lookup import spoken
from inklings.readers.dicom_values import VALUES
from inklings.readers.notes import Note

_REMEMBERED = 64
_WORDS = 200
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
    zipfile.BadZipFile, struct.error,
)  # fmt: skip
"""What damaged headers make pydicom raise."""


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

    def faults_of(self, planes: Sequence[Plane]) -> tuple[Fault, ...]:
        """Files that cannot be used and are, or may be, slices of the series of ``planes``.

        One that does not say of which series it is may be of any in its folder.
        """
        series, own = planes[0].about.series, {plane.file for plane in planes}
        placed = {plane.file for plane in self.planes}
        return tuple(
            fault
            for fault in self.faults
            if (fault.file in own if fault.file in placed else self._may_be_of(fault, series))
        )

    def _may_be_of(self, fault: Fault, uid: str) -> bool:
        if fault.series:
            return fault.series == uid
        return uid in {p.about.series for p in self.planes if _where(p) == _where(fault)}

    def lost(self) -> tuple[Fault, ...]:
        """Files that cannot be used and belong to no series that is there."""
        known = {plane.about.series for plane in self.planes}
        folders = {_where(plane) for plane in self.planes}
        return tuple(
            fault
            for fault in self.faults
            if (fault.series not in known if fault.series else _where(fault) not in folders)
        )

    def nothing(self, path: Path) -> str:
        """Why there is no image under ``path``."""
        if path.name.upper() == "DICOMDIR":
            return f"{path}: expected images, got a list of them; give the folder that it lies in"
        if self.faults:
            return f"{path}: {said_of(self.faults, path)}"
        kinds = ", ".join(f"{count} {name}" for name, count in self.objects.items())
        return f"expected DICOM images at {path}, got {kinds or 'none'}"

    def beside(self) -> tuple[Note, ...]:
        """What lies beside the images, and is none."""
        notes = []
        if self.strangers:
            names = ", ".join(self.strangers[:3]) + (", ..." if len(self.strangers) > 3 else "")
            count = len(self.strangers)
            text = f"{count} {'file is' if count == 1 else 'files are'} no DICOM ({names})"
            notes.append(Note("passed over", text))
        if self.objects:
            kinds = ", ".join(f"{count} {name}" for name, count in self.objects.items())
            notes.append(Note("passed over", f"DICOM objects that are no images: {kinds}"))
        notes += [Note("passed over", f"of no series here: {one}") for one in self.lost()[:3]]
        return tuple(notes)


def _where(one: Plane | Fault) -> str:
    return one.file.name.rpartition("/")[0]


def said_of(faults: Sequence[Fault], path: Path) -> str:
    """The first of them, and how many more there are."""
    first = faults[0].words if faults[0].file.container == path.parent else str(faults[0])
    return f"{first} (and {len(faults) - 1} more)" if len(faults) > 1 else first


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
    if is_cut_off(file.name, head) and not head:
        return "is empty (0 bytes); copy it again from its source"
    if is_cut_off(file.name, head) or file.name.lower().endswith(SUFFIXES):
        return f"expected a DICOM file, got one that begins with {head[:8]!r}; copy it again"
    return None


def _read(file: File, stream: BinaryIO, size: int, found: Contents) -> None:
    """Add the planes of one file, or why there are none."""
    import pydicom
    from pydicom.errors import BytesLengthException

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
            lost = "SeriesInstanceUID" not in said and not name[:1].isalpha()
            if lost or "Image Storage" in name:
                raise ReaderError("the file is truncated: it ends within its header; copy it again")
            found.objects[name] += 1
            return
        found.planes += list(planes_of(file, said, coding))
        cut_short(coding, stream, size)
    except (ReaderError, BytesLengthException, *_DAMAGED) as error:
        words = " ".join(str(error).split())[:_WORDS] or type(error).__name__
        if not isinstance(error, ReaderError):
            words = f"damaged DICOM file ({words}); copy or export it again"
        after = said.keys() & {"SeriesNumber", "InstanceNumber", "Rows"}  # else the UID may be cut
        series = str(said.get("SeriesInstanceUID", "")) if after else ""
        found.faults.append(Fault(file, series, words))


@cache
def _tags() -> list[Any]:
    from pydicom.tag import Tag

    return [Tag(word) for word in _TAGS]


def _class(read: Any, said: Mapping[Any, Any]) -> str:
    from pydicom.uid import UID

    meta = getattr(read, "file_meta", None) or {}
    named = said.get("SOPClassUID") or meta.get("MediaStorageSOPClassUID") or ""
    return str(UID(str(named)).name) or "?"
