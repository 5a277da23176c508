"""What the text header of a MetaImage or NRRD says of the place of its samples, or omits.

ITK reads a spacing that is missing or no number as 1 and knows no units: so the text is asked.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from inklings.errors import ReaderError
from inklings.readers.notes import Note

_MOST = 1 << 20  # bytes of a header
_UNITS = {
    "": 1.0, "mm": 1.0, "millimeter": 1.0, "millimeters": 1.0, "millimetre": 1.0, "cm": 10.0,
    "m": 1000.0, "meter": 1000.0, "um": 0.001, "µm": 0.001, "μm": 0.001, "micron": 0.001,
    "microns": 0.001, "micrometer": 0.001, "nm": 1e-6,
}  # fmt: skip
_DOMAINS = ("domain", "space", "???", "none")
_PATIENT = re.compile(
    r"(left|right)-(anterior|posterior)-(superior|inferior)(-time)?|[lr][ap][si]t?", re.IGNORECASE
)


@dataclass(frozen=True)
class Stated:
    """What a header says.

    Attributes:
        fields: Names in lower case, without spaces around values.
        spacing: Whether it says how far samples lie apart.
        placed: Whether it says which way its axes run.
        unit: Millimetres of what it counts in.
        packed: File, and first byte in it, of samples that are compressed with a checksum; None
            where they are not, or lie in several files.
        notes: What is missing or guessed.
    """

    fields: dict[str, str]
    spacing: bool
    placed: bool
    unit: float
    packed: tuple[Path, int] | None
    notes: tuple[Note, ...]


def stated(path: Path) -> Stated:
    """Read the header.

    Raises:
        ReaderError: If it says a spacing that cannot be.
    """
    with path.open("rb") as file:
        head = file.read(_MOST)
    return _nrrd(path, head) if head.startswith(b"NRRD") else _meta(path, head)


def _nrrd(path: Path, head: bytes) -> Stated:
    fields: dict[str, str] = {}
    text = head.replace(b"\r\n", b"\n").split(b"\n\n", 1)[0].decode("utf-8", "replace")
    for line in text.split("\n"):
        name, found, value = line.partition(": ")
        if found and not line.startswith("#"):
            fields[name.strip().lower()] = value.strip()
    directions = _vectors(fields.get("space directions", ""))
    lengths = [math.hypot(*vector) for vector in directions if vector is not None]
    kinds = fields.get("kinds", "").lower().split()
    if not lengths:
        mm = [float(v) for v in _numbers(fields.get("spacings", ""))]
        if kinds and len(kinds) == len(mm):
            mm = [v for v, kind in zip(mm, kinds, strict=True) if kind in _DOMAINS]
        lengths = mm
    known = len(lengths) >= 3 and not any(math.isnan(v) for v in lengths)
    if any(v <= 0 or math.isinf(v) for v in lengths):
        raise _impossible(path, lengths, "space directions" if directions else "spacings")
    notes = [] if known else [_unknown(lengths)]
    space = fields.get("space", "")
    placed = bool(directions) and known
    if placed and not _PATIENT.fullmatch(space):
        said = f"of the space {space!r}" if space else "of no space"
        text = f"its axes are {said}, taken as those of the patient, left-posterior-superior"
        notes.append(Note("geometry", text))
    if known and not directions:
        notes.append(
            Note("geometry", "the file says its spacing, but not where it lies in the patient")
        )
    units = set(re.findall(r'"([^"]*)"', fields.get("space units", fields.get("units", ""))))
    unit, said_unit = _unit(path, units)
    notes += said_unit
    packed = None
    if fields.get("encoding", "").lower() in ("gzip", "gz") and not _skips(fields):
        named = fields.get("data file", fields.get("datafile", ""))
        start = re.search(rb"\r?\n\r?\n", head)
        if named and not re.search(r"%|^LIST", named):
            packed = (path.parent / named, 0)
        elif not named and start:
            packed = (path, start.end())
    return Stated(fields, known, placed, unit, packed, tuple(notes))


def _skips(fields: dict[str, str]) -> bool:
    return any(fields.get(f"{what} skip", "0") != "0" for what in ("line", "byte"))


def _meta(path: Path, head: bytes) -> Stated:
    fields: dict[str, str] = {}
    at = 0
    while at < len(head):
        stop = head.find(b"\n", at)
        stop = len(head) if stop < 0 else stop
        name, found, value = head[at:stop].decode("utf-8", "replace").partition("=")
        at = stop + 1
        if found:
            fields[name.strip().lower()] = value.strip()
        if name.strip().lower() == "elementdatafile":
            break
    said_mm = fields.get("elementspacing", fields.get("elementsize", ""))
    lengths = [float(v) for v in _numbers(said_mm)]
    if any(v <= 0 or not math.isfinite(v) for v in lengths):
        raise _impossible(path, lengths, "ElementSpacing")
    known = len(lengths) >= 3
    units = {fields["distanceunits"]} if "distanceunits" in fields else set()
    unit, said = _unit(path, units)
    named, packed = fields.get("elementdatafile", ""), None
    if fields.get("compresseddata", "").lower() == "true" and not re.search(r"%|^LIST", named):
        packed = (path, at) if named.upper() == "LOCAL" else (path.parent / named, 0)
    notes = (*(() if known else (_unknown(lengths),)), *said)
    return Stated(fields, known, known, unit, packed, notes)


def _unknown(lengths: list[float]) -> Note:
    said = "no spacing" if not lengths else f"a spacing of {_mm(lengths)}"
    return Note("spacing", f"the file says {said}: taken as unknown, sizes are counted in samples")


def _impossible(path: Path, lengths: list[float], field: str) -> ReaderError:
    return ReaderError(
        f"{path}: expected a spacing above 0 on every axis, got {_mm(lengths)}; correct "
        f"'{field}' in its header"
    )


def _unit(path: Path, units: set[str]) -> tuple[float, list[Note]]:
    """Millimetres of the unit, and what to say of it."""
    names = {name.strip().lower() for name in units if name.strip()}
    if not names - {"mm", "millimeter", "millimeters", "millimetre"}:
        return 1.0, []
    if len(names) > 1 or not names <= set(_UNITS):
        raise ReaderError(
            f"{path}: expected a spacing in mm, um, cm or m on all axes, got "
            f"{', '.join(sorted(names))}; correct the units in its header"
        )
    name = names.pop()
    return _UNITS[name], [Note("spacing", f"the file counts in {name}; it is read in mm")]


def _vectors(text: str) -> list[tuple[float, ...] | None]:
    parts = re.findall(r"none|\([^)]*\)", text)
    return [None if part == "none" else tuple(map(float, _numbers(part))) for part in parts]


def _numbers(text: str) -> list[str]:
    return re.findall(r"[-+]?(?:nan|inf|[0-9.]+(?:e[-+]?[0-9]+)?)", text, re.IGNORECASE)


def _mm(lengths: list[float]) -> str:
    return " x ".join(f"{value:.4g}" for value in lengths)
