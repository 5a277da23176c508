"""How far apart the samples of a DICOM plane are, and how far that can be believed."""

from __future__ import annotations

from inklings.readers.dicom_lookup import Look, Vector
from inklings.readers.notes import Note

PROJECTIONS = ("CR", "DX", "MG", "RG", "XA", "RF", "PX", "IO", "RTIMAGE", "DR", "XC", "ES", "US")
"""Modalities whose pictures are no slices: without a place each stands for itself."""
_FALLBACKS = {
    "ImagerPixelSpacing": "at the detector, not in the patient: what is measured is larger than it "
    "is",
    "NominalScannedPixelSpacing": "of the film that was scanned",
    "ImagePlanePixelSpacing": "in the plane of the detector, not in the patient",
}
WORDS = [
    "PixelSpacing", *_FALLBACKS, "SliceThickness", "SpacingBetweenSlices",
    "SequenceOfUltrasoundRegions", "PixelAspectRatio",
]  # fmt: skip
_CENTIMETRES = 3


def spacing_of(look: Look, modality: str) -> tuple[Vector | None, tuple[Note, ...]]:
    """Between rows and between columns in mm, and what should be known of it.

    Zero, negative and endless distances are not believed.
    """
    told = look.vector("PixelMeasuresSequence", "PixelSpacing", 2)
    notes = _disbelieved(look, "PixelSpacing")
    if told is not None and min(told) > 0:
        at_detector = look.vector("", "ImagerPixelSpacing", 2)
        if modality in PROJECTIONS and at_detector == told:
            notes += (_guessed("PixelSpacing", told, _FALLBACKS["ImagerPixelSpacing"]),)
        return told, notes
    for word, meaning in _FALLBACKS.items():
        found = look.vector("", word, 2)
        if found is not None and min(found) > 0:
            return found, (*notes, _guessed(word, found, meaning))
        notes += _disbelieved(look, word)
    found = _of_ultrasound(look)
    if found is not None:
        return found, notes
    ratio = look.vector("", "PixelAspectRatio", 2)
    if ratio is not None and ratio[0] != ratio[1]:
        text = f"samples are {ratio[0]:g} high for {ratio[1]:g} wide, and their size is not said"
        notes += (Note("spacing", text),)
    return None, notes


def thickness_of(look: Look) -> float | None:
    """Distance to the next slice as the file says, or the thickness; mm, None where neither is."""
    thickness = look.number("PixelMeasuresSequence", "SliceThickness")
    return between_of(look) or (abs(thickness) if thickness else None)


def between_of(look: Look) -> float | None:
    """Distance to the next slice as the file says; mm, None where it does not."""
    found = look.number("PixelMeasuresSequence", "SpacingBetweenSlices")
    return abs(found) if found else None  # nuclear medicine signs it by the order of the slices


def _guessed(word: str, mm: Vector, meaning: str) -> Note:
    return Note("spacing", f"{mm[0]:g} x {mm[1]:g} mm ({word}) are {meaning}")


def _disbelieved(look: Look, word: str) -> tuple[Note, ...]:
    group = "PixelMeasuresSequence" if word == "PixelSpacing" else ""
    value = look.get(group, word)
    if value in (None, ""):
        return ()
    found = look.vector(group, word, 2)
    if found is not None and min(found) > 0:
        return ()
    said = " x ".join(map(str, value)) if not isinstance(value, (str, float)) else str(value)
    return (Note("spacing", f"{word} is {said}, which no spacing is; it is not believed"),)


def _of_ultrasound(look: Look) -> Vector | None:
    """Of the only kind of region that is measured in cm, where all of it agrees."""
    regions = look.said.get("SequenceOfUltrasoundRegions") or ()
    found = {
        (abs(float(r.PhysicalDeltaY)) * 10, abs(float(r.PhysicalDeltaX)) * 10)
        for r in regions
        if r.get("PhysicalUnitsXDirection") == _CENTIMETRES
        and r.get("PhysicalUnitsYDirection") == _CENTIMETRES
        and r.get("PhysicalDeltaX") and r.get("PhysicalDeltaY")
    }  # fmt: skip
    return found.pop() if len(found) == 1 else None
