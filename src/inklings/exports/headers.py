"""What files of a series say of patient and study, made fit to stand in a new object.

Hospitals write what their own programs take: names in many character sets, a sex in words, dates
with dots. A new object has to keep to the standard: text is decoded and written as UTF-8, values
that break their kind are repaired where only one repair is possible, else left empty, and all of
that is told. Identifiers of study, series and images stay letter by letter: they are the links.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

import pydicom
from pydicom.config import RAISE
from pydicom.datadict import dictionary_VM, keyword_for_tag
from pydicom.valuerep import validate_value

from inklings.errors import DataError
from inklings.exports.scan import datasets
from inklings.progress import note
from inklings.readers.dicom_headers import Plane
from inklings.readers.dicom_layout import laid_out

_NEEDED = ("PatientID", "StudyInstanceUID", "SOPClassUID", "SOPInstanceUID", "FrameOfReferenceUID")
_MAY_BE_EMPTY = (
    "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate",
    "StudyTime", "ReferringPhysicianName", "PositionReferenceIndicator",
)  # fmt: skip
_UTF_8 = "ISO_IR 192"
_SEXES = {
    "M": "M", "MALE": "M", "MAN": "M", "F": "F", "FEMALE": "F", "WOMAN": "F", "W": "F", "O": "O",
    "OTHER": "O",
}  # fmt: skip
_CUT = {"PatientID", "StudyDescription", "SeriesDescription", "ProtocolName", "InstitutionName"}
"""Text of which the beginning still says what it is; a number that is cut is another number."""
_LENGTH = {"LO": 64, "SH": 16}


def usable(planes: Sequence[Plane]) -> list[pydicom.Dataset]:
    """The files behind ``planes``, each once and without pixels, fit to be referred to.

    Raises:
        DataError: If the files lack what an object that refers to them must say.
    """
    found, told = [], dict[str, None]()
    between = round(laid_out(planes, "").geometry.require_spacing()[0], 6)
    for file in datasets(tuple(planes)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of values that are repaired here
            missing = [word for word in _NEEDED if word not in file]
            if missing:
                raise DataError(
                    f"{planes[0].file}: expected {', '.join(missing)} in the files of the series, "
                    "to refer to them, got none; export to nifti or nrrd"
                )
            told.update(dict.fromkeys(repaired(file)))
            if planes[0].coding.frames == 1 and not file.get("SliceThickness"):
                file.SliceThickness = between  # copied to where it may not be empty
            for word in _MAY_BE_EMPTY:
                if word not in file:
                    setattr(file, word, "")
        found.append(file)
    for words in told:
        note(f"{planes[0].file}: {words}")
    return found


def repaired(file: pydicom.Dataset) -> list[str]:
    """Make text UTF-8 and values valid, in place; what was done, a line each."""
    said = [*_unreadable(file), *_decoded(file)]
    for element in list(_plain(file)):
        values = list(element.value) if element.VM > 1 else [element.value]
        if element.VM > 1 and dictionary_VM(element.tag) == "1":
            values, file[element.tag].value = [_joined(element.VR, values)], ""
            said.append(f"{element.keyword} holds a backslash, which parts values; read as one")
            file[element.tag].value = values[0]
        if all(_is_valid(element.keyword, element.VR, one) for one in values):
            continue
        if element.VR == "UI":
            said.append(f"{element.keyword} is no valid UID; it stays, as the link to the series")
            continue
        fixed = _fixed(element.keyword, element.VR, str(values[0])) if len(values) == 1 else ""
        how = f"written as {fixed!r}" if fixed else "left empty"
        if fixed and element.VR in _LENGTH:
            how = f"cut to {_LENGTH[element.VR]} characters"
        said.append(f"{element.keyword} breaks its kind ({element.VR}); {how}")
        file[element.tag].value = fixed
    return said


def _unreadable(file: pydicom.Dataset) -> list[str]:
    """Drop what pydicom cannot even turn into a value."""
    said = []
    for tag in list(file.keys()):
        try:
            _ = file[tag].value
        except Exception as error:
            words = keyword_for_tag(tag) or str(tag)
            said.append(f"{words} cannot be read ({type(error).__name__}); left out")
            del file[tag]
    return said


def _joined(kind: str, values: Sequence[Any]) -> str:
    """One value of what a backslash has parted: a name of a person is the first."""
    words = [str(value).strip() for value in values if str(value).strip()]
    return words[0] if kind == "PN" and words else "/".join(words)


def plain_text(text: str, length: int = 64) -> str:
    """Text as a value of one line can hold it: a backslash would part it in two."""
    clean = re.sub(r"[\x00-\x1f\x7f]+", " ", text.replace("\\", "/"))
    return clean.strip()[:length].strip()


def _decoded(file: pydicom.Dataset) -> list[str]:
    said = file.get("SpecificCharacterSet")
    try:
        file.decode()
    except (LookupError, ValueError, AttributeError, TypeError):
        file.SpecificCharacterSet = _UTF_8
        return [f"the character set {said!r} is not known; text beyond ASCII may be wrong"]
    file.SpecificCharacterSet = _UTF_8
    return []


def _plain(file: pydicom.Dataset) -> Iterator[Any]:
    """Elements of text and numbers of the file itself."""
    for element in file:
        if element.VR in _REPAIRS or element.VR == "UI":
            yield element


def _is_valid(word: str, kind: str, value: Any) -> bool:
    if value is None or value == "":
        return True
    if word == "PatientSex":
        return value in ("M", "F", "O")
    try:
        validate_value(kind, str(value), RAISE)
    except (ValueError, TypeError):
        return False
    text = str(value)
    if kind == "DA":
        try:
            datetime.strptime(text, "%Y%m%d")
        except ValueError:
            return False
    return kind != "LO" or "\\" not in text


def _fixed(word: str, kind: str, text: str) -> str:
    if word == "PatientSex":
        return _SEXES.get(text.strip().upper(), "")
    fixed = _REPAIRS[kind](word, text.strip())
    return fixed if _is_valid(word, kind, fixed) else ""


def _date(word: str, text: str) -> str:  # noqa: ARG001
    match = re.fullmatch(r"(\d{4})[.\-/ ](\d{1,2})[.\-/ ](\d{1,2})", text)
    return f"{match[1]}{int(match[2]):02d}{int(match[3]):02d}" if match else ""


def _time(word: str, text: str) -> str:  # noqa: ARG001
    match = re.fullmatch(r"(\d{1,2})[:.](\d{2})(?:[:.](\d{2})(\.\d{1,6})?)?", text)
    return f"{int(match[1]):02d}{match[2]}{match[3] or ''}{match[4] or ''}" if match else ""


def _age(word: str, text: str) -> str:  # noqa: ARG001
    match = re.fullmatch(r"(\d{1,3})\s*(?:([YyMmWwDd])[a-z]*)?", text)
    return f"{int(match[1]):03d}{(match[2] or 'Y').upper()}" if match else ""


def _short(word: str, text: str) -> str:
    """A long or many-lined text is cut; a backslash, if any, is no separator here."""
    return plain_text(text, 64) if word in _CUT else ""


def _name(word: str, text: str) -> str:  # noqa: ARG001
    """Each way of writing a name has 64 characters at most."""
    return "=".join(part[:64] for part in text.split("=")[:3])


def _code(word: str, text: str) -> str:  # noqa: ARG001
    return re.sub(r"[^A-Z0-9 _]", "_", text.upper())[:16].strip()


def _nothing(word: str, text: str) -> str:  # noqa: ARG001
    return ""


_REPAIRS: dict[str, Callable[[str, str], str]] = {
    "AE": _nothing, "AS": _age, "CS": _code, "DA": _date, "DS": _nothing, "DT": _nothing,
    "IS": _nothing, "LO": _short, "PN": _name, "SH": _nothing, "TM": _time,
}  # fmt: skip
