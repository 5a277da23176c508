"""What the numbers of a DICOM plane stand for: rescaling, units, and what is not applied."""

from __future__ import annotations

from dataclasses import dataclass

from inklings.readers.dicom_coding import Coding
from inklings.readers.dicom_lookup import Look, first, number
from inklings.readers.dicom_spacing import PROJECTIONS
from inklings.readers.notes import Note

VALUES: list[str | int] = [
    "RescaleSlope", "RescaleIntercept", "RescaleType", "Units", "DoseUnits", "DoseGridScaling",
    "PixelPaddingValue", "RealWorldValueMappingSequence", 0x60000010,
]  # fmt: skip
_MEASURED = ("CT", "PT", "NM", "RTDOSE")
_GROUP = "PixelValueTransformationSequence"
_TAKEN = "taken as {}, as ITK and dcm2niix do"


@dataclass(frozen=True)
class PixelScale:
    """``slope`` times the stored number plus ``intercept`` is the value, in ``unit``."""

    slope: float
    intercept: float
    unit: str
    notes: tuple[Note, ...] = ()


def scale_of(look: Look) -> PixelScale:
    """The scale of one frame; a slope of zero, by which nothing would be left, counts as one."""
    modality = look.text("", "Modality")
    if modality == "RTDOSE":
        slope, notes = _number(look, "DoseGridScaling", 1.0, zero=False)
        grays = look.text("", "DoseUnits").upper() != "RELATIVE"
        return PixelScale(slope, 0.0, "Gy" if grays else "relative dose", notes)
    slope, notes = _number(look, "RescaleSlope", 1.0, zero=False)
    intercept, more = _number(look, "RescaleIntercept", 0.0, zero=True)
    notes += more
    unit = look.text(_GROUP, "RescaleType").strip()
    if modality == "CT":
        if look.get(_GROUP, "RescaleIntercept") in (None, "") and "ModalityLUTSequence" not in (
            look.said
        ):
            notes += (Note("rescale", "no RescaleIntercept: numbers of a CT are taken as stored"),)
        unit = {"": "HU", "HU": "HU", "US": "CT"}.get(unit.upper(), unit)
    elif modality == "PT":
        unit = look.text("", "Units") or unit
    return PixelScale(slope, intercept, unit, notes)


def _number(look: Look, word: str, otherwise: float, zero: bool) -> tuple[float, tuple[Note, ...]]:
    told = look.get("" if word == "DoseGridScaling" else _GROUP, word)
    if told in (None, ""):
        return otherwise, ()
    found = number(told)
    if found is None or (found == 0 and not zero):
        text = f"{word} is {told} and was {_TAKEN.format(f'{otherwise:g}')}"
        return otherwise, (Note("rescale", text),)
    return found, ()


def keeps_numbers(look: Look, modality: str) -> bool:
    """Whether ``MONOCHROME1`` concerns the display alone, for the numbers are in some unit."""
    scale = scale_of(look)
    identity = (scale.slope, scale.intercept) == (1.0, 0.0)
    return modality in _MEASURED or not identity or "ModalityLUTSequence" in look.said


def notes_of(look: Look, coding: Coding, modality: str) -> tuple[Note, ...]:
    """What is kept or left out of a file: padding, overlays, other mappings, inverted display."""
    notes = []
    if coding.photometric == "MONOCHROME1":
        kept = keeps_numbers(look, modality)
        text = "numbers are kept as they are" if kept else "turned, so that more is brighter"
        notes.append(Note("inversion", f"MONOCHROME1 (small numbers are shown bright): {text}"))
    padding = number(look.said.get("PixelPaddingValue"))
    if padding is not None and coding.signed and padding >= 2 ** (coding.stored - 1):
        padding -= 2**coding.stored  # written as if it had no sign
    if padding is not None and modality not in PROJECTIONS:
        notes.append(Note("padding", f"{padding:g} (stored) fills what was not measured; kept"))
    if look.said.get((0x6000, 0x10)) is not None:
        notes.append(Note("overlay", "a drawing over the pixels (overlay plane) is left out"))
    notes += _real_world(look)
    return tuple(notes)


def _real_world(look: Look) -> list[Note]:
    places = (look.own, look.shared, look.said)
    mapping = next(
        (m for m in (first(p, "RealWorldValueMappingSequence") for p in places if p) if m), None
    )
    if mapping is None:
        return []
    slope, intercept = (
        number(mapping.get(f"RealWorldValue{word}")) for word in ("Slope", "Intercept")
    )
    scale = scale_of(look)
    if slope is None or (slope, intercept or 0.0) == (scale.slope, scale.intercept):
        return []
    unit = first(mapping, "MeasurementUnitsCodeSequence")
    named = f" {unit.get('CodeValue')}" if unit is not None and unit.get("CodeValue") else ""
    return [
        Note("rescale", f"a mapping to real-world values (x {slope:g} + {intercept or 0:g}{named}) "
             "is not applied")
    ]  # fmt: skip
