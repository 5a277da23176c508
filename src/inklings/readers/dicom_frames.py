"""The frames of a DICOM Segmentation: which segment each shows, of what, and where it lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.errors import ReaderError
from inklings.geometry import Geometry

_MOST = 24
"""Parts of the least distance between two planes that may be the distance of the grid."""


@dataclass(frozen=True)
class Frames:
    """What each frame says of itself, in one order.

    Attributes:
        numbers: Place of each among the pixels of the file.
        segments: Number of the segment; 0 in label maps.
        sources: Keys of the images (`image_key`) that it was drawn on; empty where it does not say.
        positions: ``(N, 3)`` mm.
        turned: ``(2, 3)``, unit vectors along a row and along a column.
        spacing: Between rows and between columns, mm.
        between: From plane to plane as the file says, mm; None where it does not.
        grid: Rows and columns.
    """

    numbers: tuple[int, ...]
    segments: tuple[int, ...]
    sources: tuple[frozenset[str], ...]
    positions: NDArray[np.float64]
    turned: NDArray[np.float64]
    spacing: tuple[float, float]
    between: float | None
    thickness: float | None
    grid: tuple[int, int]

    @classmethod
    def of(cls, path: Path, said: Any) -> Frames:
        """Read the functional groups.

        Raises:
            ReaderError: If the frames have no places in a patient.
        """
        shared = (said.get("SharedFunctionalGroupsSequence") or [None])[0]
        frames = list(said.get("PerFrameFunctionalGroupsSequence") or ())
        if not frames and shared is None:
            raise ReaderError(
                f"{path}: a segmentation of images without positions; expected one of "
                "a volume, where every frame has a position"
            )
        frames = frames or [shared]
        _require_places(path, said, frames, shared)
        labels = str(said.get("SegmentationType")) == "LABELMAP"
        places = [_group(f, shared, "PlanePositionSequence").ImagePositionPatient for f in frames]
        turns = [
            [
                float(v)
                for v in _group(f, shared, "PlaneOrientationSequence").ImageOrientationPatient
            ]
            for f in frames
        ]
        turned = np.array(turns[0]).reshape(2, 3)
        if np.abs(np.array(turns) - turns[0]).max() > 1e-3:
            raise ReaderError(
                f"{path}: its planes are rotated against each other; export them apart"
            )
        measures = _group(frames[0], shared, "PixelMeasuresSequence")
        y_mm, x_mm = (float(value) for value in measures.PixelSpacing)
        return cls(
            tuple(range(len(frames))),
            tuple(0 if labels else _segment(frame, shared) for frame in frames),
            tuple(_sources(frame) or _sources(shared) for frame in frames),
            np.array(places, float).reshape(-1, 3),
            turned,
            (y_mm, x_mm),
            _above(measures.get("SpacingBetweenSlices")),
            _above(measures.get("SliceThickness")),
            (int(said.Rows), int(said.Columns)),
        )

    def only(self, kept: Sequence[int]) -> Frames:
        """Some of the frames."""
        return replace(
            self,
            numbers=tuple(self.numbers[k] for k in kept),
            segments=tuple(self.segments[k] for k in kept),
            sources=tuple(self.sources[k] for k in kept),
            positions=self.positions[list(kept)],
        )


def frame_grid(path: Path, frames: Frames) -> tuple[list[int], Geometry]:
    """Index of the plane of each frame, and the grid that all planes lie on.

    The distance of the grid is the largest that leads to every plane: planes without samples are
    often left out, each second one as well as long runs.

    Raises:
        ReaderError: If no regular grid leads to all planes.
    """
    normal = np.cross(frames.turned[0], frames.turned[1])
    along = frames.positions @ normal
    first = frames.positions[along.argmin()]
    away = along - along.min()
    between = _between(away, frames)
    last = frames.positions[along.argmax()]
    count = round(float(away.max()) / between)
    step = (last - first) / count if count else normal * between
    places = np.rint(away / between).astype(int)
    off = float(np.linalg.norm(frames.positions - (first + places[:, None] * step), axis=1).max())
    if off > 0.1 * between:
        raise ReaderError(f"{path}: the planes lie {off:.2g} mm off any regular grid")
    length = float(np.linalg.norm(step))
    axes = np.stack([frames.turned[0], frames.turned[1], step / length], axis=1)
    return places.tolist(), Geometry(
        (count + 1, *frames.grid),
        (length, *frames.spacing),
        tuple(first.tolist()),
        tuple(tuple(row) for row in axes.tolist()),
    )


def _between(away: NDArray[np.float64], frames: Frames) -> float:
    """From plane to plane along the normal, mm."""
    said = frames.between or frames.thickness or 1.0
    apart = np.unique(np.round(away, 3))
    if len(apart) == 1:
        return said
    least = float(np.diff(apart).min())
    if frames.between and _fits(apart, frames.between):
        return frames.between
    return next((least / k for k in range(1, _MOST + 1) if _fits(apart, least / k)), least)


def _fits(apart: NDArray[np.float64], between: float) -> bool:
    places = np.rint(apart / between)
    return bool(np.abs(apart - places * between).max() <= 0.05 * between + 0.002) and bool(
        (np.diff(places) > 0).all()
    )


def _require_places(path: Path, said: Any, frames: Sequence[Any], shared: Any) -> None:
    slide = any("PlanePositionSlideSequence" in f for f in (*frames, shared) if f is not None)
    if (
        slide
        or said.get("DimensionOrganizationType") == "TILED_FULL"
        or (said.get("TotalPixelMatrixRows") and "ImageOrientationSlide" in said)
    ):
        raise ReaderError(
            f"{path}: a segmentation of a whole slide; expected one of a volume: marks on slides "
            "come in as GeoJSON, XML or masks (import slides)"
        )
    if not all(_has(f, shared, "PlanePositionSequence") for f in frames):
        raise ReaderError(
            f"{path}: a segmentation of images without positions; expected one of a "
            "volume, where every frame has a position"
        )


def _has(frame: Any, shared: Any, word: str) -> bool:
    return any(place is not None and place.get(word) for place in (frame, shared))


def _group(frame: Any, shared: Any, word: str) -> Any:
    for place in (frame, shared):
        found = place.get(word) if place is not None else None
        if found:
            return found[0]
    raise ValueError(f"no {word}")


def _segment(frame: Any, shared: Any) -> int:
    group = _group(frame, shared, "SegmentIdentificationSequence")
    return int(group.ReferencedSegmentNumber)


def _sources(frame: Any) -> frozenset[str]:
    """Instances that a frame, or all frames, were drawn on."""
    derived = frame.get("DerivationImageSequence") if frame is not None else None
    return frozenset(
        key
        for one in derived or ()
        for image in one.get("SourceImageSequence") or ()
        for key in image_keys(image)
    )


def image_key(uid: str, frame: int) -> str:
    """What names one frame (from 1) of a file of many."""
    return f"{uid}#{frame}"


def image_keys(said: Any) -> set[str]:
    """What a reference names: an instance, or single frames of it."""
    uid = str(said.get("ReferencedSOPInstanceUID") or "")
    frames = said.get("ReferencedFrameNumber")
    if frames in (None, "") or not uid:
        return {uid} - {""}
    several = frames if isinstance(frames, Sequence) and not isinstance(frames, str) else [frames]
    return {image_key(uid, int(frame)) for frame in several}


def _above(value: Any) -> float | None:
    return float(value) if value not in (None, "") and float(value) > 0 else None
