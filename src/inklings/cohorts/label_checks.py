"""What can be wrong with one label, told with the difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from inklings.cohorts.case import Case
from inklings.cohorts.opening import SLIDE, open_case
from inklings.errors import LabelError
from inklings.geometry import Geometry
from inklings.labels.files import Mask, is_volume, mask_geometry, read_mask, unlabelled
from inklings.labels.kinds import (
    BACKGROUND,
    NO_CLASS,
    BagLabel,
    BallLabel,
    BoxLabel,
    Label,
    MaskLabel,
    PointLabel,
    PolygonLabel,
    SurvivalLabel,
    ValueLabel,
)  # fmt: skip
from inklings.labels.mask_codes import all_codes
from inklings.readers import open_image
from inklings.readers.pyramid import Pyramid

Repair = Literal["exclude", "import", "restore", "split", "none"]


class Problem(LabelError):
    """A label that was read and is wrong: how the finding is called, and what repairs it."""

    def __init__(self, kind: str, reason: str, repair: Repair = "exclude") -> None:
        super().__init__(reason)
        self.kind = kind
        self.repair: Repair = repair


@dataclass(frozen=True)
class Shown:
    """What one label shows.

    Attributes:
        names: Classes.
        objects: How many; None where it does not separate them.
        annotated: Share of the samples of which it says something; None for what is no mask.
    """

    names: tuple[str, ...]
    objects: int | None
    annotated: float | None = None


def inspect(
    label: Label, case: Case, geometries: Mapping[str, Geometry], classes: Sequence[str]
) -> Shown:
    """What a label shows.

    Args:
        label: One of the labels of ``case``.
        case: Whose images it may name.
        geometries: The grids of the images that could be opened.
        classes: What the cohort can annotate.

    Raises:
        Problem: If it was read and is wrong.
        DataError: If it cannot be read.
    """
    names = label.classes if isinstance(label, MaskLabel) else (label.name,)
    known = (*classes, BACKGROUND, *NO_CLASS)
    strange = [name for name in names if name not in known]
    if strange:
        reason = f"expected a class of {', '.join(classes)}, got {strange[0]!r}"
        raise Problem("unknown class", reason, "import")
    if isinstance(label, BagLabel):
        return Shown((label.name,) if label.present else (), 0)
    if isinstance(label, ValueLabel | SurvivalLabel):
        _require_outcome(label)
        return Shown((), 0)
    if label.image not in case.images:
        reason = f"a label is on image {label.image!r}, the case has {', '.join(case.images)}"
        raise Problem("mismatch", reason, "import")
    geometry = geometries.get(label.image)
    if isinstance(label, MaskLabel):
        return _inspect_mask(label, case, geometry)
    if geometry is not None:
        _require_inside(label, geometry)
    return Shown((), 0) if label.name in NO_CLASS else Shown((label.name,), 1)


def _require_outcome(label: ValueLabel | SurvivalLabel) -> None:
    number = label.value if isinstance(label, ValueLabel) else label.time
    if not np.isfinite(number):
        raise Problem("unexpected values", f"{label.name}: expected a finite number, got {number}")
    if isinstance(label, SurvivalLabel) and number < 0:
        reason = f"{label.name}: expected a time of 0 or more, got {number:g}"
        raise Problem("unexpected values", reason)


def _is_slide(case: Case, image: str) -> bool:
    """Whether an image has levels: its masks may be coarser."""
    if image == SLIDE:
        return True
    with open_case(case, image) as opened:
        return isinstance(opened, Pyramid)


def _inspect_mask(label: MaskLabel, case: Case, geometry: Geometry | None) -> Shown:
    name = label.path.name
    if is_volume(label.path) or label.path.suffix == ".npy":
        if geometry and (off := difference(geometry, mask_geometry(label.path))):
            raise Problem("mismatch", f"{name}: {off}; a mask must lie on the grid of its image")
        return _inspect_codes(label, read_mask(label.path))
    with open_image(label.path) as file:
        off = difference(geometry, file.geometry) if geometry else ""
        if geometry and off and _is_slide(case, label.image):
            _require_proportions(name, geometry.shape, file.geometry.shape)
        elif off:
            raise Problem("mismatch", f"{name}: {off}; a mask must lie on the grid of its image")
        if not isinstance(file, Pyramid):
            return _inspect_codes(label, read_mask(label.path))
        coarse = coarsest(file)
        found = _inspect_codes(label, coarse)
        if found.names or label.kind == "instances" or len(file.levels.shapes) == 1:
            return found
    codes = np.array(sorted(all_codes(label.path)), coarse.dtype)  # a small one may be lost above
    return replace(_inspect_codes(label, codes), annotated=found.annotated)


def _inspect_codes(label: MaskLabel, mask: Mask) -> Shown:
    name, values = label.path.name, np.unique(mask)
    annotated = 1 - float(unlabelled(label, mask).mean())
    if label.extent in ("partial", "correction"):
        values = values[values < np.iinfo(mask.dtype).max]
    values = values[values > 0]
    if label.kind == "instances":
        return Shown(label.classes[:1] if values.size else (), int(values.size), annotated)
    beyond = values[values > len(label.classes)]
    if beyond.size:
        shares = ", ".join(f"{v} ({np.mean(mask == v):.1%} of samples)" for v in beyond[:4])
        known = f"0..{len(label.classes)} ({', '.join(label.classes)})"
        raise Problem(
            "unexpected values", f"{name}: expected values {known}, got {shares}", "import"
        )
    names = dict.fromkeys(label.classes[int(v) - 1] for v in values)
    shown = tuple(name for name in names if name not in (BACKGROUND, *NO_CLASS))
    return Shown(shown, None, annotated)


def coarsest(file: Pyramid) -> Mask:
    """The first plane of the coarsest level of a mask, ``(h, w)``."""
    small = file.as_codes().shrunk(file.downsamples[-1])
    plane: Mask = small.read(small.geometry.full)[0]
    return plane


def _require_proportions(name: str, image: tuple[int, ...], mask: tuple[int, ...]) -> None:
    """The mask of a slide may have any size, but covers the same extent."""
    y, x = (m / n for m, n in zip(mask, image, strict=True))
    if abs(y - x) > max(y, x) * (0.002 + 1.5 / min(*mask, *image)):
        reason = f"{name}: {_times(mask)} has other proportions than the slide, {_times(image)}"
        raise Problem("mismatch", reason, "import")


def _require_inside(
    label: BoxLabel | PointLabel | BallLabel | PolygonLabel, geometry: Geometry
) -> None:
    if isinstance(label, BallLabel):
        corners = geometry.to_indices([label.centre_mm])
    elif isinstance(label, BoxLabel):
        corners = np.array([label.start, label.stop], float)
    elif isinstance(label, PointLabel):
        corners = np.array([label.point], float)
    else:
        corners = np.array([one for rings in label.polygons for one in rings[0]], float)
    what = type(label).__name__.removesuffix("Label").lower()
    if corners.ndim != 2 or corners.shape[1] != len(geometry.shape):
        raise Problem(
            "mismatch",
            f"a {what} of {corners.shape[-1]} coordinates on {len(geometry.shape)} axes",
        )
    low, high = corners.min(0), corners.max(0)
    if (high < 0).any() or (low > np.array(geometry.shape) - 0.5).any():
        raise Problem(
            "mismatch",
            f"a {what} at {tuple(low.tolist())} lies outside the image ({_times(geometry.shape)})",
        )


def difference(image: Geometry, label: Geometry) -> str:
    """How the grid of ``label`` differs from that of its image; empty where it does not.

    Spacing, origin and direction count only where both files state a spacing.
    """
    found = []
    if image.shape != label.shape:
        found.append(f"shape {_times(label.shape)} instead of {_times(image.shape)}")
    elif image.spacing is not None and label.spacing is not None:
        for what in ("spacing", "origin", "direction"):
            mine, other = getattr(image, what), getattr(label, what)
            if mine is None or other is None:
                continue
            off = float(np.abs(np.subtract(mine, other)).max())
            if off > 1e-3:
                unit = "" if what == "direction" else " mm"
                found.append(f"{what} {other} instead of {mine} (off by up to {off:.3g}{unit})")
    return "; ".join(found)


def _times(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))
