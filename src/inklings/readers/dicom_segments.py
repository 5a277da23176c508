"""DICOM Segmentation objects as volumes of codes, whoever wrote them.

Binary, fractional and label-map segmentations (PS3.3, A.51). Frames stand for planes of single
segments, in any order, and empty ones are usually left out: the grid reaches from the first plane
that is there to the last.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.errors import ReaderError
from inklings.geometry import Geometry
from inklings.readers.choice import ANY, Choice
from inklings.readers.dicom_codecs import dicom_errors
from inklings.readers.dicom_files import MAGIC, MAGIC_AT, SEGMENTATIONS
from inklings.readers.dicom_frames import Frames, frame_grid
from inklings.readers.notes import Note
from inklings.readers.segments import Segments
from inklings.readers.volume import Volume


def read_segments(path: Path, sources: Collection[str] | None = None) -> Segments:
    """Every segment of a DICOM Segmentation.

    Args:
        path: The file.
        sources: Keys of images; frames that say that they were drawn on others are left out, as
            one object may hold several time points. None takes all frames.

    Raises:
        ReaderError: If the file is none, is damaged, or its planes lie on no regular grid.
    """
    import pydicom

    try:
        said = pydicom.dcmread(path)
        if str(said.SOPClassUID) not in SEGMENTATIONS:
            raise ReaderError(f"{path}: expected a DICOM Segmentation, got {said.SOPClassUID.name}")
        return _segments(path, said, sources)
    except dicom_errors() as error:
        words = " ".join(str(error).split()) or type(error).__name__
        raise ReaderError(f"{path}: damaged DICOM Segmentation ({words}); copy it again") from None


def segment_names(said: Any) -> dict[int, str]:
    """Number of each segment to its label, or to the next best that the file says of it."""
    found = {}
    for one in said.get("SegmentSequence") or ():
        number = int(one.SegmentNumber)
        kind = (one.get("SegmentedPropertyTypeCodeSequence") or [{}])[0]
        words = (one.get("SegmentLabel"), one.get("SegmentDescription"), kind.get("CodeMeaning"))
        found[number] = next((str(w).strip() for w in words if w), "") or f"segment {number}"
    return found


def _segments(path: Path, said: Any, sources: Collection[str] | None) -> Segments:
    frames = _chosen(path, Frames.of(path, said), sources)
    places, geometry = frame_grid(path, frames)
    geometry = replace(geometry, frame=str(said.get("FrameOfReferenceUID") or ""))
    names = segment_names(said)
    pixels = _Pixels.of(said)
    notes: list[Note] = []
    kind = str(said.get("SegmentationType", "BINARY"))
    masks: Mapping[int, NDArray[np.bool_]]
    if kind == "LABELMAP":
        numbers = _numbers(pixels, frames, places, geometry)
        there = set(np.unique(numbers).tolist())
        # Number 0 is the background, whether or not the file describes it (PS3.3, A.51.2).
        names = {n: name for n, name in names.items() if n} | {
            n: f"segment {n}" for n in sorted(there - {0, *names})
        }
        masks = _OfNumbers(numbers, tuple(names))
    else:
        masks = _OfFrames(pixels, frames, tuple(places), geometry.shape, tuple(names))
        strange = sorted(set(frames.segments) - set(names))
        if strange:
            raise ReaderError(f"{path}: frames of segments {strange[:5]}, which nothing describes")
    if kind == "FRACTIONAL":
        what = str(said.get("SegmentationFractionalType", "")).lower() or "fraction"
        words = f"each sample holds a {what}: half of {pixels.most} and more counts as inside"
        notes.append(Note("fractional", words))
    referred = said.get("ReferencedSeriesSequence")
    series = str(referred[0].get("SeriesInstanceUID", "")) if referred else ""
    return Segments(names, masks, geometry, series, tuple(notes))


def _chosen(path: Path, frames: Frames, sources: Collection[str] | None) -> Frames:
    if sources is None:
        return frames
    kept = [k for k, of in enumerate(frames.sources) if not of or of & set(sources)]
    if not kept:
        raise ReaderError(f"{path}: no frame was drawn on this series")
    return frames.only(kept)


@dataclass(frozen=True)
class _Pixels:
    """Samples of frames, unpacked one frame at a time.

    Attributes:
        stored: All bits behind one another, or ``(frames, rows, columns)``.
        most: What stands for 1 in a fractional segmentation; 0 in others.
    """

    stored: NDArray[Any]
    shape: tuple[int, int, int]
    most: int

    @classmethod
    def of(cls, said: Any) -> _Pixels:
        """Of a segmentation; raises what the decoders raise."""
        shape = (int(said.get("NumberOfFrames") or 1), int(said.Rows), int(said.Columns))
        described = len(said.get("PerFrameFunctionalGroupsSequence") or ())
        if described not in (0, shape[0]):
            raise ValueError(f"{described} frames are described, {shape[0]} are there")
        fractional = str(said.get("SegmentationType")) == "FRACTIONAL"
        most = int(said.get("MaximumFractionalValue") or 255) if fractional else 0
        if said.BitsAllocated == 1 and not said["PixelData"].is_undefined_length:
            # Frames of one bit follow one another without padding (PS3.5, 8.1.1).
            packed = np.frombuffer(said.PixelData, np.uint8)
            if 8 * len(packed) < int(np.prod(shape)):
                raise ValueError(f"{shape[0]} frames are promised, the file is truncated")
            return cls(packed, shape, most)
        from pydicom.pixels.utils import pixel_array

        return cls(pixel_array(said, raw=True).reshape(shape), shape, most)

    def frame(self, number: int) -> NDArray[Any]:
        """``(rows, columns)``: above 0 inside of a segment, or its number in a label map."""
        if self.stored.ndim == 3:
            plane: NDArray[Any] = self.stored[number]
            return 2 * plane.astype(np.int64) >= self.most if self.most else plane
        size = self.shape[1] * self.shape[2]
        first, last = number * size, (number + 1) * size
        bits = np.unpackbits(self.stored[first // 8 : -(-last // 8)], bitorder="little")
        return bits[first % 8 : first % 8 + size].reshape(self.shape[1:])


@dataclass(frozen=True)
class _OfFrames(Mapping[int, NDArray[np.bool_]]):
    """Masks of segments, each put together when it is asked for: hundreds may not fit at once."""

    pixels: _Pixels
    frames: Frames
    places: tuple[int, ...]
    shape: tuple[int, ...]
    known: tuple[int, ...]

    def __getitem__(self, number: int) -> NDArray[np.bool_]:
        if number not in self.known:
            raise KeyError(number)
        mask = np.zeros(self.shape, np.bool_)
        for at, segment, place in zip(
            self.frames.numbers, self.frames.segments, self.places, strict=True
        ):
            if segment == number:
                mask[place] |= self.pixels.frame(at) > 0
        return mask

    def __iter__(self) -> Iterator[int]:
        return iter(self.known)

    def __len__(self) -> int:
        return len(self.known)


@dataclass(frozen=True)
class _OfNumbers(Mapping[int, NDArray[np.bool_]]):
    """Masks of the segments of a label map."""

    numbers: NDArray[Any]
    known: tuple[int, ...]

    def __getitem__(self, number: int) -> NDArray[np.bool_]:
        if number not in self.known:
            raise KeyError(number)
        mask: NDArray[np.bool_] = self.numbers == number
        return mask

    def __iter__(self) -> Iterator[int]:
        return iter(self.known)

    def __len__(self) -> int:
        return len(self.known)


def _numbers(
    pixels: _Pixels, frames: Frames, places: Sequence[int], geometry: Geometry
) -> NDArray[Any]:
    out = np.zeros(geometry.shape, np.uint16)
    for at, place in zip(frames.numbers, places, strict=True):
        plane = pixels.frame(at)
        out[place] = np.where(plane > 0, plane, out[place])
    return out


class DicomSegReader:
    """One DICOM Segmentation file, as numbers of its segments."""

    def recognises(self, path: Path, head: bytes) -> bool:  # noqa: ARG002
        """By the class of the object, which stands at the beginning of the file."""
        classes = (b"UI" + len(uid).to_bytes(2, "little") + uid.encode() for uid in SEGMENTATIONS)
        return head[MAGIC_AT : MAGIC_AT + 4] == MAGIC and any(one in head for one in classes)

    def open(self, path: Path, choice: Choice = ANY) -> Volume:
        """Decode it; segments are bits, so that is quick."""
        choice.only(path)
        return as_volume(path, read_segments(path), "SEG")


def as_volume(path: Path, found: Segments, modality: str) -> Volume:
    """Segments as an image of their numbers, with their names in its facts and notes."""
    numbers, overlap = found.layered()
    codes = numbers[None]
    facts = {str(number): name for number, name in found.names.items()}
    told = ", ".join(f"{number} {name}" for number, name in found.names.items())
    notes = [Note("segments", f"segments: {told}"), *found.notes]
    if overlap:
        words = f"{overlap} samples lie in several segments; the smaller lies on top"
        notes.append(Note("overlap", words))
    return Volume(
        path,
        found.geometry,
        ("segment",),
        lambda start, stop: codes[:, start:stop],
        tuple(notes),
        {**facts, "modality": modality, "segments_of": found.series},
    )
