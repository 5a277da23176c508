"""One look at one case: all that the checks need, small enough to keep for every case.

Every image and every mask is decoded once. What stays of an image is a digest of its samples, a
thumbnail and its border lines (about 30 kB), so a cohort of any size is checked in bounded memory.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from inklings.cohorts.case import Case
from inklings.cohorts.label_checks import Problem, Repair, inspect
from inklings.cohorts.opening import open_case
from inklings.errors import DataError, LabelError
from inklings.geometry import Geometry, Region
from inklings.labels.kinds import BagLabel, MaskLabel
from inklings.orientation import orientation
from inklings.readers.notes import NOTES, Note
from inklings.readers.pyramid import Pyramid

Severity = Literal["error", "warning", "note"]

THUMBNAIL = 64
"""Samples along each side of a thumbnail."""

_SLIDE_VIEW, _PROBE = 1024, 256

MAX_SAMPLES = 400_000_000
"""Images larger than this are opened but not decoded as a whole."""


@dataclass(frozen=True, slots=True)
class CheckFinding:
    """Something the user should know about one case.

    Attributes:
        case: Its id.
        kind: Short name of the problem, for counting.
        severity: ``error``: it would spoil a training. ``warning``: it may be meant.
            ``note``: it is taken care of.
        reason: What was expected and what came.
        repair: The command that repairs it; empty where nothing needs to be done.
    """

    case: str
    kind: str
    severity: Severity
    reason: str
    repair: str = ""


@dataclass(frozen=True)
class ImageStatistics:
    """What is kept of one image.

    Attributes:
        case: Id of the case.
        image: Which of its images.
        shape: Samples along each axis.
        digest: SHA-256 of the decoded samples; equal for equal pictures whatever their format.
        blank: Whether all samples of a channel are the same.
        thumbnail: ``(64, 64)`` float32, mean of the channels, averaged over areas; for volumes
            the middle slice.
        sides: ``top``, ``bottom``, ``left``, ``right``: ``(2, n)`` float32, the outermost line and
            the next one inwards; empty for volumes.
    """

    case: str
    image: str
    shape: tuple[int, ...]
    digest: str
    blank: bool
    thumbnail: NDArray[np.float32]
    sides: Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Fingerprint:
    """What was seen of one case.

    Attributes:
        case: Its id.
        findings: What is wrong with its own files.
        looks: One for each readable image.
        present: Names of the classes that its labels show.
        objects: How many objects are annotated; None where labels do not separate them.
        orientations: Of its volumes, as `inklings.orientation` has them; empty where the file
            does not say.
        digests: Of bags: of the instances in each file.
        shapes: Of bags: those of their instances.
    """

    case: str
    findings: tuple[CheckFinding, ...]
    looks: tuple[ImageStatistics, ...]
    present: tuple[str, ...]
    objects: int | None
    orientations: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    shapes: tuple[tuple[int, ...], ...] = ()


def fingerprint_case(
    case: Case, classes: Sequence[str], repairs: Mapping[Repair, str]
) -> Fingerprint:
    """Read every file of ``case`` once.

    Args:
        case: The case.
        classes: What the cohort can annotate.
        repairs: The command behind each kind of repair; ``{case}`` stands for the id.
    """
    findings: list[CheckFinding] = []

    def say(kind: str, severity: Severity, reason: str, repair: Repair, path: Path) -> None:
        command = repairs.get(repair, "").replace("{case}", case.id)
        command = command.replace("{file}", shlex.quote(str(path)))
        findings.append(CheckFinding(case.id, kind, severity, reason, command))

    if not case.images:
        say("no image", "error", "expected at least one image, got none", "exclude", Path())
    looks: list[ImageStatistics] = []
    geometries: dict[str, Geometry] = {}
    notes: dict[str, tuple[Note, ...]] = {}
    for name, path in case.images.items():
        try:
            geometries[name], kept = _open(case, name, notes)
        except DataError as error:
            kind, repair = _judge(error, path, "image")
            say(kind, "error", str(error), repair, path)
            continue
        for remark in notes.pop(name, ()):
            # What was taken care of is no reason to do without the case.
            kept_so = NOTES[remark.kind][0] == "kept"
            mend: Repair = "exclude" if kept_so else "none"
            severity: Severity = "warning" if kept_so else "note"
            say(remark.kind, severity, f"{path.name}: {remark}", mend, path)
        looks += [kept] if kept else []
        if kept and kept.blank:
            say("blank image", "warning", f"{path.name}: every sample is the same", "exclude", path)
    present: dict[str, None] = {}
    benign = any(isinstance(label, BagLabel) and not label.present for label in case.labels)
    objects: int | None = 0
    for label in case.labels:
        path = label.path if isinstance(label, MaskLabel) else Path()
        try:
            shown = inspect(label, case, geometries, classes)
        except DataError as error:
            kind, repair = _judge(error, path, "label")
            say(kind, "error", str(error), repair, path)
            continue
        present.update(dict.fromkeys(shown.names))
        objects = None if objects is None or shown.objects is None else objects + shown.objects
        if shown.annotated is not None and shown.annotated < 1:
            reason = f"{path.name}: {shown.annotated:.2%} of the samples are annotated"
            findings.append(CheckFinding(case.id, "partial label", "note", reason))
        if isinstance(label, MaskLabel) and not shown.names and not benign:
            reason = f"{path.name}: nothing is annotated; keep it if the image shows nothing"
            say("empty mask", "warning", reason, "exclude", path)
    lying = tuple(orientation(grid) for grid in geometries.values() if len(grid.shape) == 3)
    return Fingerprint(case.id, tuple(findings), tuple(looks), tuple(present), objects, lying)


def _open(
    case: Case, name: str, notes: dict[str, tuple[Note, ...]]
) -> tuple[Geometry, ImageStatistics | None]:
    with open_case(case, name) as image:
        geometry = image.geometry
        notes[name] = image.notes
        if isinstance(image, Pyramid):
            return geometry, _sampled(case.id, name, image)
        if int(np.prod(geometry.shape)) > MAX_SAMPLES:
            return geometry, None
        array = image.read(geometry.full)
        notes[name] = image.notes  # some show only when samples are decoded
    return geometry, look(case.id, name, geometry, array)


def _sampled(case: str, name: str, slide: Pyramid) -> ImageStatistics:
    """A slide is judged by a small view of all of it and by three places of its finest level."""
    small = slide.thumbnail(_SLIDE_VIEW)
    height, width = slide.geometry.shape
    side = min(_PROBE, height, width)
    for share in (0.25, 0.5, 0.75):
        start = (int(share * (height - side)), int(share * (width - side)))
        slide.read(Region(start, (side, side)))
    seen = look(case, name, slide.geometry, small)
    # Slides are no crops of one another, and white on white would match every neighbour.
    return replace(seen, sides={})


def look(case: str, image: str, geometry: Geometry, array: NDArray[Any]) -> ImageStatistics:
    """What is kept of the samples ``(C, *geometry.shape)`` of one image."""
    array = np.ascontiguousarray(array)
    plane = _plane(array)
    flat = array.ndim == 3 and min(plane.shape) > 1
    return ImageStatistics(
        case=case,
        image=image,
        shape=geometry.shape,
        digest=_digest(array),
        blank=all(channel.max() == channel.min() for channel in array),
        thumbnail=_thumbnail(plane),
        sides=_sides(plane) if flat else {},
    )


def _digest(array: NDArray[Any]) -> str:
    sha = hashlib.sha256(f"{array.dtype.str} {array.shape}".encode())
    sha.update(array.data)
    return sha.hexdigest()


def _plane(array: NDArray[Any]) -> NDArray[np.float32]:
    """``(C, *S)`` to ``(H, W)``: mean of the channels, the middle slice of a volume."""
    while array.ndim > 3:
        array = array[:, array.shape[1] // 2]
    plane: NDArray[np.float32] = array[0].astype(np.float32)
    for channel in array[1:]:
        plane += channel
    plane /= len(array)
    return plane


def _thumbnail(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    small = Pillow.fromarray(plane).resize((THUMBNAIL, THUMBNAIL), Pillow.Resampling.BOX)
    return np.asarray(small, np.float32)


def _sides(plane: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    return {
        "top": plane[:2].copy(),
        "bottom": plane[:-3:-1].copy(),
        "left": plane[:, :2].T.copy(),
        "right": plane[:, :-3:-1].T.copy(),
    }


def _judge(error: DataError, path: Path, what: str) -> tuple[str, Repair]:
    """What a finding about this error is called, and what repairs it."""
    if isinstance(error, Problem):
        return error.kind, error.repair
    if not path.exists():
        return f"missing {what}", "import"
    if isinstance(error, LabelError):
        return "unexpected values", "import"
    return f"unreadable {what}", "restore"
