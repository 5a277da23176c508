"""A copy of DICOM series in which nobody is named, and what such a copy cannot promise."""

from __future__ import annotations

import hashlib
import hmac
import io
import shutil
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pydicom
from pydicom.uid import UID, ImplicitVRLittleEndian

from inklings import __version__
from inklings.errors import DataError
from inklings.files import write_bytes, write_json
from inklings.privacy.profile import DESCRIPTIONS, action_of
from inklings.progress import track
from inklings.readers.dicom_codecs import dicom_errors
from inklings.readers.dicom_files import File, files, is_dicom

REPORT = "deidentified.json"
_REGISTERED = "1.2.840.10008."
_SHIFT_DAYS = (365, 3650)
_PAINTED = ("US", "SC", "XC", "ES", "OT", "GM", "SM")

CANNOT_PROMISE = (
    "Text and faces in the pixels: pixels are copied as they are. Look at the series listed under "
    "burned_in, and remember that a head scan can be turned into a face.",
    "Text that a vendor keeps in numbers or codes: attributes with values of fixed vocabularies "
    "stay where the profile does not name them.",
    "Labels of segments, codes, names of coils and of sequences: they stay, since images and masks "
    "are of no use without them.",
    "That the patient cannot be recognised by anyone who has the original files: pixels and "
    "positions are the same.",
    "Files that are no images (reports, documents, presentation states): they are not copied.",
    "Conformance to the laws of your country: somebody has to decide that, and sign it.",
)


@dataclass(frozen=True)
class Rules:
    """What may be kept beyond the basic profile.

    Attributes:
        key: Secret that decides all new identifiers: the same key gives the same ones again.
        shift_dates: Move dates by a number of days of each patient instead of emptying them.
        keep_descriptions: Keep what series, study and protocol are called.
    """

    key: bytes
    shift_dates: bool = False
    keep_descriptions: bool = False


@dataclass
class Copied:
    """What a copy did; numbers and names of attributes only, never values.

    Attributes:
        images: Files written.
        patients: How many.
        left_out: Reason to number of files that were not copied.
        burned_in: New series UID to the reason why text may stand in its pixels.
        removed: Name of an attribute to how often it was removed or emptied.
    """

    images: int = 0
    patients: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    burned_in: dict[str, str] = field(default_factory=dict)
    removed: Counter[str] = field(default_factory=Counter)


def deidentify(source: Path, out: Path, rules: Rules) -> Copied:
    """Copy all DICOM images under ``source`` without anything that names a patient.

    Files get new names: ``<patient>/<series>/<instance>.dcm``. ``deidentified.json`` says what was
    removed and what cannot be promised. ``out`` appears when all is done, and not before.

    Args:
        source: Folder, file or zip archive.
        out: New folder, outside of ``source``.
        rules: See there.

    Raises:
        DataError: If ``out`` is there already or lies within ``source``, or there are no images.
    """
    source, out = source.resolve(), out.resolve()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"expected a new folder for the copy, got {out}, which is there already")
    if out.is_relative_to(source):
        raise DataError(f"expected a folder outside of {source} for the copy, got {out}")
    if not source.exists():
        raise DataError(f"expected a folder of DICOM series at {source}, got nothing")
    part = out.with_name(f".{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        done = _copied(source, part, rules)
        write_json(part / REPORT, _record(done, rules))
        if out.exists():
            out.rmdir()
        part.rename(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return done


def _copied(source: Path, part: Path, rules: Rules) -> Copied:
    done = Copied()
    patients: set[str] = set()
    listed = files(source)
    for data in track(_bytes(source, listed), "de-identifying", len(listed)):
        said = _image(data, done)
        if said is None:
            continue
        cleaned = Cleaner(rules, said, done)
        cleaned.clean()
        reason = painted(said)
        if reason:
            done.burned_in[str(said.SeriesInstanceUID)] = reason
        names = (_short(said.SeriesInstanceUID), _short(said.SOPInstanceUID))
        path = part / cleaned.patient / f"{said.get('Modality', 'OT')}-{names[0]}" / names[1]
        buffer = io.BytesIO()
        said.save_as(buffer, enforce_file_format=True)
        write_bytes(path.with_suffix(".dcm"), buffer.getvalue(), durable=False)
        patients.add(cleaned.patient)
        done.images += 1
    if not done.images:
        why = ", ".join(f"{count} {reason}" for reason, count in done.left_out.items())
        raise DataError(f"expected DICOM images under {source}, got {why or 'no files'}")
    done.patients = len(patients)
    return done


def _bytes(source: Path, listed: Iterable[File]) -> Iterator[tuple[str, bytes]]:
    if source.is_dir() or not zipfile.is_zipfile(source):
        for file in listed:
            yield file.name, (file.container / file.name).read_bytes()
        return
    with zipfile.ZipFile(source) as archive:
        for file in listed:
            yield file.name, archive.read(file.name)


def _image(data: tuple[str, bytes], done: Copied) -> pydicom.FileDataset | None:
    """The data set of a file; None, with the reason counted, if it is no image."""
    name, content = data
    if not is_dicom(name, content[:132]):
        done.left_out["no DICOM file"] += 1
        return None
    try:
        said = pydicom.dcmread(io.BytesIO(content), force=True)
        said.decode()
    except dicom_errors():
        done.left_out["damaged"] += 1
        return None
    if "PixelData" not in said and "FloatPixelData" not in said:
        kind = said.get("SOPClassUID")
        done.left_out[f"no image ({kind.name if kind else 'unknown class'})"] += 1
        return None
    missing = [w for w in ("SOPInstanceUID", "SeriesInstanceUID", "SOPClassUID") if w not in said]
    if missing:
        done.left_out[f"without {', '.join(missing)}"] += 1
        return None
    return said


class Cleaner:
    """Takes the names out of one file."""

    def __init__(self, rules: Rules, said: pydicom.FileDataset, done: Copied) -> None:
        self.rules, self.said, self.done = rules, said, done
        who = (said.get("PatientID"), said.get("IssuerOfPatientID"))
        if not who[0]:  # without an id, files of one study belong together
            who = ("study", said.get("StudyInstanceUID"))
        digest = self._digest("patient", *map(str, who))
        self.patient = f"P-{digest[:6].hex()}"
        low, high = _SHIFT_DAYS
        self.days = low + int.from_bytes(digest[6:10], "big") % (high - low)

    def clean(self) -> None:
        """Change the data set in place, and say in it what was done."""
        said = self.said
        self._inside(said)
        said.PatientID = said.PatientName = self.patient
        said.PatientIdentityRemoved = "YES"
        said.DeidentificationMethod = [
            f"inklings {__version__}", "DICOM PS3.15 Table E.1-1, basic", "pixels as they were",
        ]  # fmt: skip
        codes = [("113100", "Basic Application Confidentiality Profile")]
        dates = "REMOVED"
        if self.rules.shift_dates:
            dates = "MODIFIED"
            codes += [("113107", "Retain Longitudinal Temporal Information Modified Dates Option")]
        said.LongitudinalTemporalInformationModified = dates
        said.DeidentificationMethodCodeSequence = [_code(*pair) for pair in codes]
        self._meta()

    def _meta(self) -> None:
        """A new header of the file: the old one may name who sent it."""
        said_so = getattr(self.said, "file_meta", None) or {}
        syntax = said_so.get("TransferSyntaxUID", ImplicitVRLittleEndian)  # as files before 1993
        meta = pydicom.dataset.FileMetaDataset()
        meta.MediaStorageSOPClassUID = self.said.SOPClassUID
        meta.MediaStorageSOPInstanceUID = self.said.SOPInstanceUID
        meta.TransferSyntaxUID = syntax
        self.said.file_meta, self.said.preamble = meta, b"\0" * 128

    def _inside(self, said: pydicom.Dataset) -> None:
        for element in list(said):
            action = action_of(element.tag, element.VR)
            if self.rules.keep_descriptions and element.keyword in DESCRIPTIONS:
                continue
            if action == "keep":
                continue
            if action == "inside":
                for item in element.value:
                    self._inside(item)
            elif action == "uid":
                element.value = self._uids(element.value)
            elif action == "pseudonym":
                element.value = self.patient
            elif action == "date" and self.rules.shift_dates:
                element.value = self._shifted(element.VR, element.value)
            else:
                self.done.removed[element.keyword or "private"] += 1
                if action == "remove":
                    del said[element.tag]
                else:
                    element.value = ""

    def _uids(self, value: Any) -> Any:
        if isinstance(value, list | tuple | pydicom.multival.MultiValue):
            return [self._uids(one) for one in value]
        text = str(value)
        if not text or text.startswith(_REGISTERED):
            return value
        return UID(f"2.25.{int.from_bytes(self._digest('uid', text)[:16], 'big')}")

    def _shifted(self, kind: str, value: Any) -> Any:
        if isinstance(value, list | tuple | pydicom.multival.MultiValue):
            return [self._shifted(kind, one) for one in value]
        text = str(value)
        if kind == "TM" or not text:
            return value
        try:
            day = date(int(text[:4]), int(text[4:6]), int(text[6:8])) - timedelta(self.days)
        except ValueError:
            return ""
        return day.strftime("%Y%m%d") + text[8:]

    def _digest(self, *words: str) -> bytes:
        return hmac.digest(self.rules.key, "\0".join(words).encode(), hashlib.sha256)


def painted(said: pydicom.Dataset) -> str:
    """Why text may stand in the pixels of an image; empty where nothing hints at it."""
    if str(said.get("BurnedInAnnotation", "")) == "YES":
        return "the file says that text is burned in"
    modality = str(said.get("Modality", ""))
    if "Secondary" in UID(said.SOPClassUID).name or said.get("ConversionType"):
        return "a secondary capture: a picture of a screen or of paper"
    if modality in _PAINTED:
        return f"images of modality {modality} often carry text"
    kind = [str(word) for word in said.get("ImageType", ())]
    if "SCREEN SAVE" in kind or (len(kind) > 1 and kind[1] == "SECONDARY" and modality == "CT"):
        return f"an image of the kind {'/'.join(kind)}"
    return ""


def _short(uid: str) -> str:
    return hashlib.sha256(str(uid).encode()).hexdigest()[:16]


def _code(value: str, meaning: str) -> pydicom.Dataset:
    item = pydicom.Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item


def _record(done: Copied, rules: Rules) -> dict[str, Any]:
    return {
        "standard": "DICOM PS3.15, Table E.1-1, Basic Application Level Confidentiality Profile",
        "version": __version__,
        "images": done.images,
        "patients": done.patients,
        "dates": "shifted by a number of days of each patient" if rules.shift_dates else "removed",
        "descriptions": "kept" if rules.keep_descriptions else "removed",
        "left_out": dict(done.left_out),
        "burned_in": done.burned_in,
        "removed": dict(sorted(done.removed.items())),
        "cannot_promise": list(CANNOT_PROMISE),
    }
