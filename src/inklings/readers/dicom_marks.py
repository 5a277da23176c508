"""What tells several volumes in one DICOM series apart: echo, b value, moment, and the like."""

from __future__ import annotations

import math
import re
from typing import Any

from inklings.readers.dicom_lookup import Look, first, number, whole

Mark = float | int | str | tuple[float, ...]

ALWAYS = ("component", "b", "stack")
"""Planes that differ in these are never one volume."""
WHERE_DOUBLED = (
    "echo", "inversion", "flip", "direction", "folder", "moment", "offset", "trigger",
    "percent", "frame time", "frame of reference",
    "kV", "kernel", "window", "detector", "gate", "slot", "time slice", "spacing", "acquisition",
    "kind",
)  # fmt: skip
"""Planes that differ in these are several volumes if they lie at the same places; in this order."""
PRIVATE = [
    *(group << 16 | block for group in (0x19, 0x43, 0x65, 0x2001) for block in range(0x10, 0x14)),
    0x0019100A, 0x0019100C, 0x0019100E, 0x00431039, 0x0043102F, 0x00651009, 0x20011003,
    0x0019110A, 0x0019110C, 0x0019110E, 0x00431139, 0x0043112F, 0x20011103,
]  # fmt: skip
"""Elements of vendors that are read, and who says that they are theirs."""
WORDS = [
    "EchoTime", "EchoNumbers", "InversionTime", "FlipAngle", "TriggerTime", "KVP",
    "NominalPercentageOfCardiacPhase", "ConvolutionKernel", "TemporalPositionIdentifier",
    "AcquisitionNumber", "DiffusionBValue", "DiffusionGradientOrientation", "AcquisitionTime",
    "AcquisitionDateTime", "ContentTime", "ComplexImageComponent", "StackID",
    "EnergyWindowVector", "DetectorVector", "PhaseVector", "TimeSlotVector", "TimeSliceVector",
    "RRIntervalVector", "FrameReferenceTime",
]  # fmt: skip
_COMPONENTS = {
    "M": "magnitude", "P": "phase", "R": "real", "I": "imaginary", "MAGNITUDE": "magnitude",
    "PHASE": "phase", "REAL": "real", "IMAGINARY": "imaginary",
}  # fmt: skip
_VECTORS = {
    "window": "EnergyWindowVector", "detector": "DetectorVector", "gate": "PhaseVector",
    "slot": "TimeSlotVector", "time slice": "TimeSliceVector", "interval": "RRIntervalVector",
}  # fmt: skip
_GE_STEP = 100_000  # GE adds multiples of this to what it keeps as the b value
_TIMES = ("AcquisitionDateTime", "AcquisitionTime", "ContentTime")


def label(name: str, value: Mark | None) -> str:
    """A mark in words, by which a series can be chosen: ``b 500``, ``echo 4.6``, ``phase``."""
    if value is None:
        return f"no {name}"
    if name in ("component", "folder"):
        return str(value)
    if isinstance(value, tuple):
        return f"{name} " + " ".join(f"{v:.4g}" for v in value)
    if isinstance(value, float):
        return f"{name} {value:.5g}" if abs(value) < 1e4 else f"{name} {value:.0f}"
    return f"{name} {value}"


def marks_of(look: Look, frame: int, kind: str, modality: str) -> dict[str, Mark]:
    """Everything that is said of one frame, by name; what is not said is left out."""
    echo = look.number("MREchoSequence", "EffectiveEchoTime") or look.number("", "EchoTime")
    found: dict[str, Mark | None] = {
        "echo": echo or look.number("", "EchoNumbers"),
        "inversion": look.number("MRModifierSequence", "InversionTimes")
        or look.number("", "InversionTime"),
        "flip": look.number("MRTimingAndRelatedParametersSequence", "FlipAngle"),
        "moment": whole(
            look.get("FrameContentSequence", "TemporalPositionIndex")
            or look.said.get("TemporalPositionIdentifier")
        ),
        "offset": look.number("TemporalPositionSequence", "TemporalPositionTimeOffset"),
        "frame time": look.number("", "FrameReferenceTime"),
        "trigger": look.number("CardiacSynchronizationSequence", "NominalCardiacTriggerDelayTime")
        or look.number("", "TriggerTime"),
        "percent": look.number(
            "CardiacSynchronizationSequence", "NominalPercentageOfCardiacPhase"
        ),
        "stack": look.text("FrameContentSequence", "StackID") or None,
        "kV": look.number("CTXRayDetailsSequence", "KVP"),
        "kernel": look.text("CTReconstructionSequence", "ConvolutionKernel") or None,
        "acquisition": whole(
            look.get("FrameContentSequence", "FrameAcquisitionNumber")
            or look.said.get("AcquisitionNumber")
        ),
        "kind": _kind(look) or kind or None,
        "time": _time(look),
    }  # fmt: skip
    if modality == "MR":
        kind = _kind(look) or kind
        found |= {
            "component": _component(look, kind), "b": _b(look), "direction": _direction(look)
        }  # fmt: skip
    for name, word in _VECTORS.items():
        vector = look.said.get(word)
        if vector is not None and not isinstance(vector, int) and len(vector) > frame:
            found[name] = int(vector[frame])
    content = first(look.own, "FrameContentSequence")
    index = content.get("DimensionIndexValues") if content is not None else None
    if index is not None and not isinstance(index, int):
        found |= {f"dimension{place}": int(value) for place, value in enumerate(index, 1)}
    return {name: value for name, value in found.items() if value is not None}


def _kind(look: Look) -> str:
    """What an enhanced file says of the kind of one frame."""
    groups = (f"{name}FrameTypeSequence" for name in ("MRImage", "CTImage", "PETImage"))
    inner = [first(place, group) for group in groups for place in (look.own, look.shared) if place]
    told = [item.get("FrameType") for item in inner if item is not None]
    return "/".join(map(str, told[0])) if told and told[0] else ""


def _component(look: Look, kind: str) -> str | None:
    told = look.text("MRImageFrameTypeSequence", "ComplexImageComponent").upper()
    if told in _COMPONENTS:
        return _COMPONENTS[told]
    ge = whole(look.private("GEMS_PARM_01", 0x43, 0x2F))
    if ge in (0, 1, 2, 3):
        return ("magnitude", "phase", "real", "imaginary")[ge]
    named = [_COMPONENTS[word] for word in kind.upper().split("/")[2:] if word in _COMPONENTS]
    return named[0] if named else None


def _b(look: Look) -> float | None:
    """The b value in s/mm2, as the standard or one of the vendors keeps it."""
    b = look.number("MRDiffusionSequence", "DiffusionBValue")
    if b is None:
        b = number(look.private("SIEMENS MR HEADER", 0x19, 0x0C))
    if b is None:
        b = number(look.private("Philips Imaging DD 001", 0x2001, 0x03))
    if b is None:
        b = number(look.private("Image Private Header", 0x65, 0x09))
    if b is None:
        b = number(look.private("GEMS_PARM_01", 0x43, 0x39))
        b = None if b is None else b % _GE_STEP
    if b is None:
        named = re.search(r"ep_b(\d+)", str(look.said.get("SequenceName") or ""))
        b = float(named[1]) if named else None
    return None if b is None else float(round(b, 1))


def _direction(look: Look) -> Mark | None:
    sequence = first(look.own, "MRDiffusionSequence")
    inner = first(sequence, "DiffusionGradientDirectionSequence")
    found: Any = inner.get("DiffusionGradientOrientation") if inner is not None else None
    found = found or look.said.get("DiffusionGradientOrientation")
    found = found or look.private("SIEMENS MR HEADER", 0x19, 0x0E)
    if found is None or isinstance(found, (str, bytes)) or len(found) != 3:
        return None
    return tuple(round(float(v), 3) + 0.0 for v in found)


def _time(look: Look) -> float | None:
    """Seconds of some day, in which planes of one place were taken one after the other."""
    own = first(look.own, "FrameContentSequence")
    said = own.get("FrameAcquisitionDateTime") if own is not None else None
    told = [said, *(look.said.get(word) for word in _TIMES)]
    for value in told:
        digits = re.fullmatch(r"(\d{8})?(\d{2})(\d{2})(\d{2}(?:\.\d+)?).*", str(value or ""))
        if digits:
            days = int(digits[1] or 0)
            seconds = days * 86400 + int(digits[2]) * 3600 + int(digits[3]) * 60 + float(digits[4])
            return seconds if math.isfinite(seconds) else None
    return None
