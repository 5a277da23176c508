"""Corrections from the viewer as labels of a new cohort; the corrected one stays as it is.

Regions become one mask a case whose statements, "is" and "is not" alike, stand above those of the
other labels (`MaskLabel.extent` is ``correction``) and which says nothing elsewhere; what "is not"
one class may still be another that was labelled there. A judged
finding states its own samples, or its core where only a place and a size are known of it. Answers
for the case replace its bag labels.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from skimage.draw import line, polygon

from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.opening import open_case
from inklings.cohorts.rasterise import annotate
from inklings.cohorts.region import annotate_region
from inklings.errors import DataError, LabelError
from inklings.files import write_yaml
from inklings.geometry import Geometry
from inklings.labels.corrections import (
    Correction,
    Shape,
    corrected_cases,
    correction_files,
    read_corrections,
    standing,
)
from inklings.labels.files import as_stored, write_mask
from inklings.labels.kinds import BagLabel, CaseLabel, Label, MaskLabel
from inklings.readers.image import Image
from inklings.readers.pyramid import Pyramid
from inklings.simulation.weaken import TRUTH_FILE, origin

LARGEST = 8192
"""Longest side of the mask of corrections of a slide; larger slides get a coarser one."""


@dataclass(frozen=True)
class Amended:
    """What came of it.

    Attributes:
        cohort: The new one.
        cases: Corrected cases.
        actions: How many corrections of each kind.
        unknown: Corrected cases that the cohort does not have.
        balls: Judged findings of which only a place and a size are known.
    """

    cohort: Cohort
    cases: int
    actions: Counter[str]
    unknown: tuple[str, ...]
    balls: int


def amend(corrections: Path, cohort: Path, out: Path) -> Amended:
    """Write the cohort in ``out`` that has the labels of ``cohort`` and the corrections.

    A weakened cohort keeps the way back to its truth, so that scores stay comparable.

    Raises:
        DataError: If there are no corrections, or ``out`` is not empty.
        LabelError: If a correction does not fit its case.
    """
    if not corrections.is_dir():
        raise DataError(f"expected a folder of corrections made by 'inklings view', {corrections}")
    if out.exists() and any(out.iterdir()):
        raise DataError(f"{out} is not empty; give another --out")
    there = Cohort.read(cohort)
    made = {
        case: standing(read_corrections(corrections, case)) for case in corrected_cases(corrections)
    }
    made = {case: found for case, found in made.items() if found}
    if not made:
        raise DataError(f"{corrections} holds no correction that stands; correct something first")
    try:
        cases = tuple(
            _amended(case, made[case.id], there, out) if case.id in made else case for case in there
        )
    except BaseException:
        shutil.rmtree(out / "labels", ignore_errors=True)  # was not there before
        raise
    facts = {**there.facts, "corrected": f"{len(made)} cases, see corrections/"}
    new = dataclasses.replace(there, cases=cases, facts=facts)
    for path in (path for case in made for path in correction_files(corrections, case)):
        copy = out / "corrections" / path.relative_to(corrections)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    _keep_truth(cohort, out)
    new.write(out)
    actions = Counter(c.action for found in made.values() for c in found)
    known = {case.id for case in there}
    balls = sum(c.region != c.shape for found in made.values() for c in found)
    return Amended(new, len(made), Counter(actions), tuple(sorted(made.keys() - known)), balls)


def _keep_truth(cohort: Path, out: Path) -> None:
    if (cohort / TRUTH_FILE).is_file():
        record = dict(origin(cohort))
        full = (cohort / record["cohort"]).resolve()
        record["cohort"] = Path(os.path.relpath(full, out.resolve())).as_posix()
        write_yaml(out / TRUTH_FILE, record)


def _amended(case: Case, made: Sequence[Correction], cohort: Cohort, out: Path) -> Case:
    answers = {c.name: bool(c.present) for c in made if c.action == "bag"}
    kept: list[Label] = [
        label
        for label in case.labels
        if not (isinstance(label, BagLabel) and label.name in answers)
    ]
    kept += [BagLabel(name, present) for name, present in answers.items()]
    for image in dict.fromkeys(c.image for c in made if c.shape is not None):
        regions = [c for c in made if c.image == image and c.shape is not None]
        kept.append(_mask(case, image, regions, cohort.classes, out))
    return dataclasses.replace(case, labels=tuple(kept))


def _mask(
    case: Case, image: str, regions: Sequence[Correction], classes: Sequence[str], out: Path
) -> MaskLabel:
    with open_case(case, image) as opened:
        geometry = opened.geometry
        factor = max(1.0, max(geometry.shape) / LARGEST) if isinstance(opened, Pyramid) else 1.0
        grid = opened.shrunk(factor).geometry if factor > 1 else geometry
        below = _below(case, image, opened, grid, classes)
    masks = [k for k in case.labels if isinstance(k, MaskLabel) and k.image == image]
    kind = "instances" if masks and all(k.kind == "instances" for k in masks) else "classes"
    if kind == "instances":
        numbers = _numbered(regions, grid.shape, factor, classes)
    else:
        numbers = draw(regions, grid.shape, factor, classes, below)
    stored = as_stored(numbers, kind)
    suffix = ".npy" if stored.ndim == 3 or stored.dtype == np.uint32 else ".png"
    path = out / "labels" / "corrections" / f"{case.id}.{image}{suffix}"
    write_mask(path, stored, grid)
    names = tuple(classes[:1]) if kind == "instances" else tuple(classes)
    return MaskLabel(path, image, kind, names, "correction")  # type: ignore[arg-type]


def _below(
    case: Case, image: str, opened: Image, grid: Geometry, classes: Sequence[str]
) -> NDArray[np.uint8] | None:
    """Codes of the labels on a grid of an image; None where they cannot be of another class."""
    there = any(not isinstance(k, CaseLabel) and k.image == image for k in case.labels)
    if not there or len(classes) < 2:
        return None
    if isinstance(opened, Pyramid):
        return annotate_region(case, image, grid, grid.full, classes).category
    return annotate(case, image, grid, classes).category


def draw(
    regions: Sequence[Correction],
    shape: tuple[int, ...],
    factor: float,
    classes: Sequence[str],
    below: NDArray[np.uint8] | None = None,
) -> NDArray[np.int32]:
    """Codes ``(*shape)``: class plus one, 0 where nothing is, -1 where nobody said anything.

    Args:
        regions: What was said, oldest first.
        shape: Of the grid.
        factor: How much coarser than the image it is.
        classes: Names.
        below: Codes of the labels so far: what is not one class stays what it is of another.
    """
    out = np.full(shape, -1, np.int32)
    for correction in regions:
        code = _code(correction, classes)
        assert correction.region is not None
        inside = stencil(correction.region, shape, factor)
        if correction.positive:
            out[inside] = code
            continue
        stands = out if below is None else np.where(out < 0, below, out)
        out[inside & ((stands <= 0) | (stands == code))] = 0
    return out


def _numbered(
    regions: Sequence[Correction], shape: tuple[int, ...], factor: float, classes: Sequence[str]
) -> NDArray[np.int32]:
    """As `draw`, with a number for every region that is an object."""
    out = np.full(shape, -1, np.int32)
    for number, correction in enumerate(regions, 1):
        assert correction.region is not None
        _code(correction, classes[:1])
        out[stencil(correction.region, shape, factor)] = number if correction.positive else 0
    return out


def _code(correction: Correction, classes: Sequence[str]) -> int:
    if correction.name not in classes:
        raise LabelError(
            f"case {correction.case}: expected one of the classes {', '.join(classes)}, got "
            f"{correction.name!r}"
        )
    return list(classes).index(correction.name) + 1


def stencil(shape: Shape, grid: tuple[int, ...], factor: float = 1.0) -> NDArray[np.bool_]:
    """Samples of ``grid`` that a shape covers, on a grid ``factor`` times coarser than its own.

    Raises:
        LabelError: If it is of another number of dimensions.
    """
    inside = np.zeros(grid, np.bool_)
    points = (np.asarray(shape.points, float) + 0.5) / factor - 0.5
    radii = np.asarray(shape.radii, float) / factor
    if shape.kind in ("ball", "mask"):
        if points.shape[1] != len(grid):
            raise LabelError(f"expected a place of {len(grid)} axes, got {points.shape[1]}")
        if shape.kind == "ball":
            _ellipsoid(inside, points[0], radii)
        else:
            _laid(inside, shape.mask(), points[0], radii)
        return inside
    plane = inside
    if len(grid) == 3:
        most = grid[shape.axis] - 1
        if shape.plane is None or not 0 <= shape.plane <= most:
            raise LabelError(f"expected a plane from 0 to {most}, got {shape.plane}")
        plane = np.moveaxis(inside, shape.axis, 0)[shape.plane]
    if shape.kind == "polygon":
        plane[polygon(points[:, 0], points[:, 1], plane.shape)] = True  # type: ignore[no-untyped-call]
    else:
        for point in _along(points):
            _ellipsoid(plane, point, np.resize(radii, 2))
    return inside


def _along(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points a sample apart along a line of straight pieces."""
    whole = np.rint(points).astype(int)
    pieces = [points[:1]]
    for a, b in itertools.pairwise(whole):
        pieces.append(np.stack(line(*a, *b), 1).astype(float))  # type: ignore[no-untyped-call]
    return np.unique(np.concatenate([*pieces, points]), axis=0)


def _laid(
    inside: NDArray[np.bool_],
    mask: NDArray[np.bool_],
    first: NDArray[np.float64],
    half: NDArray[np.float64],
) -> None:
    """Mark where the sample of ``mask`` below the middle is marked, and always one sample of it."""
    edge = first - half
    below = [
        np.floor((np.arange(n) - e) / (2 * h)).astype(int)
        for n, e, h in zip(inside.shape, edge, half, strict=True)
    ]
    here = [np.flatnonzero((k >= 0) & (k < n)) for k, n in zip(below, mask.shape, strict=True)]
    picked = mask[np.ix_(*(k[at] for k, at in zip(below, here, strict=True)))]
    inside[np.ix_(*here)] |= picked
    if not picked.any():
        marked = np.argwhere(mask)
        middle = np.rint(marked[len(marked) // 2] * 2 * half + first).astype(int)
        if ((middle >= 0) & (middle < inside.shape)).all():
            inside[tuple(middle)] = True


def _ellipsoid(
    inside: NDArray[np.bool_], centre: NDArray[np.float64], radii: NDArray[np.float64]
) -> None:
    """Mark the samples within; at least the one in the middle, if it is on the grid."""
    radii = np.maximum(radii, 0.5)
    low = [
        int(np.clip(np.floor(c - r), 0, n))
        for c, r, n in zip(centre, radii, inside.shape, strict=True)
    ]
    high = [
        int(np.clip(np.ceil(c + r) + 1, 0, n))
        for c, r, n in zip(centre, radii, inside.shape, strict=True)
    ]
    axes = [
        ((np.arange(a, max(a, b)) - c) / r) ** 2
        for a, b, c, r in zip(low, high, centre, radii, strict=True)
    ]
    total = np.zeros([len(axis) for axis in axes])
    for axis in np.meshgrid(*axes, indexing="ij", sparse=True):
        total = total + axis
    inside[tuple(slice(a, max(a, b)) for a, b in zip(low, high, strict=True))] |= total <= 1
