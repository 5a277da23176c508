"""DICOM Segmentation objects as volumes of codes, whoever wrote them.

Binary, fractional and label-map segmentations (PS3.3, A.51). Frames stand for planes of single
segments, in any order, and empty ones are usually left out: the grid reaches from the first plane
that is there to the last.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.errors import ReaderError
from inklings.geometry import Geometry
from inklings.readers.choice import ANY, Choice
from inklings.readers.dicom_headers import MAGIC, MAGIC_AT, SEGMENTATIONS
from inklings.readers.dicom_pixels import DECODE_ERRORS
from inklings.readers.notes import Note
from inklings.readers.volume import Volume


@dataclass(frozen=True)
class Segments:
    """What a segmentation object holds.

    Attributes:
        names: Label of each segment, by its number.
        masks: ``(Z, Y, X)`` of each segment, by its number.
        geometry: Their grid.
        series: UID of the series that it segments; empty where it does not say.
    """

    names: dict[int, str]
    masks: dict[int, NDArray[np.bool_]]
    geometry: Geometry
    series: str

    def codes(self) -> NDArray[np.uint8]:
        """``(Z, Y, X)`` numbers of segments, 0 is none; of two in one sample, the later counts."""
        found = np.zeros(self.geometry.shape, np.uint8)
        for number, mask in sorted(self.masks.items()):
            found[mask] = number
        return found


def read_segments(path: Path) -> Segments:
    """Every segment of a DICOM Segmentation.

    Raises:
        ReaderError: If the file is none, is damaged, or its planes lie on no regular grid.
    """
    import pydicom
    from pydicom.errors import InvalidDicomError

    try:
        said = pydicom.dcmread(path)
        if str(said.SOPClassUID) not in SEGMENTATIONS:
            raise ReaderError(f"{path}: expected a DICOM Segmentation, got {said.SOPClassUID.name}")
        return _segments(path, said)
    except (InvalidDicomError, *DECODE_ERRORS) as error:
        words = " ".join(str(error).split()) or type(error).__name__
        raise ReaderError(f"{path}: damaged DICOM Segmentation ({words}); copy it again") from None


def _segments(path: Path, said: Any) -> Segments:
    shared = said.get("SharedFunctionalGroupsSequence", [None])[0]
    frames = said.PerFrameFunctionalGroupsSequence

    def group(frame: Any, word: str) -> Any:
        place = frame if word in frame else shared
        return place[word].value[0]

    labels = str(said.SegmentationType) == "LABELMAP"
    positions = np.array(
        [group(f, "PlanePositionSequence").ImagePositionPatient for f in frames], float
    )
    turned = np.array(group(frames[0], "PlaneOrientationSequence").ImageOrientationPatient, float)
    measures = group(frames[0], "PixelMeasuresSequence")
    pixels = _pixels(said)
    grid = (pixels.shape[1], pixels.shape[2])
    places, geometry = _layout(path, positions, turned.reshape(2, 3), measures, grid)
    geometry = replace(geometry, frame=str(said.get("FrameOfReferenceUID", "")))
    names = {int(s.SegmentNumber): str(s.get("SegmentLabel", "")) for s in said.SegmentSequence}
    masks = {n: np.zeros(geometry.shape, np.bool_) for n in names if n or not labels}
    for frame, place, plane in zip(frames, places, pixels, strict=True):
        if labels:
            for number in np.unique(plane[plane > 0]).tolist():
                masks[number][place] |= plane == number
            continue
        number = int(group(frame, "SegmentIdentificationSequence").ReferencedSegmentNumber)
        masks[number][place] |= plane > 0
    referred = said.get("ReferencedSeriesSequence")
    series = str(referred[0].SeriesInstanceUID) if referred else ""
    return Segments(names, {n: m for n, m in masks.items() if n}, geometry, series)


def _pixels(said: Any) -> NDArray[Any]:
    """``(frames, Y, X)``: above 0 inside of a segment, or its number in a label map."""
    count, rows, columns = int(said.NumberOfFrames), int(said.Rows), int(said.Columns)
    if said.BitsAllocated == 1 and not said["PixelData"].is_undefined_length:
        # Frames of one bit follow one another without padding (PS3.5, 8.1.1).
        bits = np.unpackbits(np.frombuffer(said.PixelData, np.uint8), bitorder="little")
        if len(bits) < count * rows * columns:
            raise ValueError(f"{count} frames are promised, the file is cut short")
        return bits[: count * rows * columns].reshape(count, rows, columns)
    from pydicom.pixels.utils import pixel_array

    found = pixel_array(said).reshape(count, rows, columns)
    if str(said.SegmentationType) == "FRACTIONAL":
        half: NDArray[Any] = 2 * found.astype(np.int32) >= int(said.MaximumFractionalValue)
        return half
    return found


def _layout(
    path: Path,
    positions: NDArray[np.float64],
    turned: NDArray[np.float64],
    measures: Any,
    grid: tuple[int, int],
) -> tuple[list[int], Geometry]:
    """Index of the plane of each frame, and the grid that all planes lie on."""
    normal = np.cross(turned[0], turned[1])
    along = positions @ normal
    first = positions[along.argmin()]
    away = along - along.min()
    apart = np.unique(np.round(away, 3))
    said = measures.get("SpacingBetweenSlices") or measures.get("SliceThickness") or 1.0
    between = float(said)
    if len(apart) > 1:
        least = float(np.diff(apart).min())
        if abs(round(least / between) * between - least) > 0.05 * between:
            between = least
    last = positions[along.argmax()]
    count = round(float(away.max()) / between)
    step = (last - first) / count if count else normal * between
    places = np.rint(away / between).astype(int)
    off = np.linalg.norm(positions - (first + places[:, None] * step), axis=1).max()
    if off > 0.1 * between:
        raise ReaderError(f"{path}: the planes lie {off:.2g} mm off any regular grid")
    length = float(np.linalg.norm(step))
    axes = np.stack([turned[0], turned[1], step / length], axis=1)
    y_mm, x_mm = (float(value) for value in measures.PixelSpacing)
    return places.tolist(), Geometry(
        (count + 1, *grid),
        (length, y_mm, x_mm),
        tuple(first.tolist()),
        tuple(tuple(row) for row in axes.tolist()),
    )


class DicomSegReader:
    """One DICOM Segmentation file, as numbers of its segments."""

    def recognises(self, path: Path, head: bytes) -> bool:  # noqa: ARG002
        """By the class of the object, which stands at the beginning of the file."""
        classes = (b"UI" + len(uid).to_bytes(2, "little") + uid.encode() for uid in SEGMENTATIONS)
        return head[MAGIC_AT : MAGIC_AT + 4] == MAGIC and any(one in head for one in classes)

    def open(self, path: Path, choice: Choice = ANY) -> Volume:
        """Decode it; segments are bits, so that is quick."""
        choice.only(path)
        found = read_segments(path)
        codes = found.codes()[None]
        facts = {str(number): name for number, name in found.names.items()}
        told = ", ".join(f"{number} {name}" for number, name in found.names.items())
        return Volume(
            path,
            found.geometry,
            ("segment",),
            lambda start, stop: codes[:, start:stop],
            (Note("segments", f"segments: {told}"),),
            {**facts, "modality": "SEG", "segments_of": found.series},
        )
