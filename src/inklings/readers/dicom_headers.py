"""What a DICOM file says of its planes, read without their pixels.

A file is one plane, or many (enhanced multi-frame, doses, mosaics). Names of patients are never
read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from inklings.errors import ReaderError
from inklings.readers.dicom_coding import Coding
from inklings.readers.dicom_files import File
from inklings.readers.dicom_lookup import Look, Vector, first, groups_of, whole
from inklings.readers.dicom_marks import Mark, marks_of
from inklings.readers.dicom_places import mosaic_of, orientation_of, positions_of
from inklings.readers.dicom_spacing import between_of, spacing_of, thickness_of
from inklings.readers.dicom_values import keeps_numbers, notes_of, scale_of
from inklings.readers.notes import Note

_NEEDED = {
    "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope",
    "RescaleIntercept", "DiffusionBValue",
}  # fmt: skip


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
        between: Distance to the next plane as the file says, mm.
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
    between: float | None
    slope: float
    intercept: float
    unit: str
    instance: int
    kind: str
    marks: dict[str, Mark] = field(hash=False)
    notes: tuple[Note, ...] = ()


def planes_of(file: File, said: dict[Any, Any], coding: Coding) -> Iterator[Plane]:
    """The planes of one file.

    Raises:
        ReaderError: If places, axes or frames contradict each other.
    """
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
    shared = None if shared is None else groups_of(shared, _NEEDED)
    told = said.get("PerFrameFunctionalGroupsSequence") or ()
    groups: list[Any] = [groups_of(frame, _NEEDED) for frame in told]
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
            between=between_of(look),
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
