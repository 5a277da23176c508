"""What annotations say of an image that is open: records, and a mask of strokes."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.draw import line

from inklings.datasets.annotated import Piece
from inklings.datasets.dataset import Mask
from inklings.datasets.findings import ImportFinding
from inklings.errors import LabelError
from inklings.labels.annotations import read_outlines
from inklings.labels.kinds import (
    BACKGROUND,
    BoxLabel,
    CaseLabel,
    Label,
    PointLabel,
    PolygonLabel,
)
from inklings.labels.outlines import Drawing, Origin, Outline, labels_of, lines_of

Codes = NDArray[np.unsignedinteger[Any]]
_FAR = 1e12
"""Samples from the image beyond which nobody asks where exactly a stroke ends."""
_PIECE = 256
"""Samples of a wide stroke that are drawn at once."""


@dataclass(frozen=True)
class Reading:
    """How annotations of all images are read.

    Attributes:
        names: What the annotators' names mean; see `inklings.labels.outlines.labels_of`.
        origin: Where coordinates count from; None as their programs do.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    origin: Origin | None = None


@dataclass(frozen=True)
class OnImage:
    """What annotations are compared with.

    Attributes:
        case: Id, for findings.
        shape: Of the image, its finest level.
        corner: Pixel ``(y, x)`` from which programs count that know what was scanned.
        strokes: Whether lines can be kept, as statements of the samples under them.
    """

    case: str
    shape: tuple[int, ...]
    corner: tuple[float, float] = (0, 0)
    strokes: bool = True


def labels_in(
    piece: Piece, on: OnImage, reading: Reading, image: str, findings: list[ImportFinding]
) -> list[Label | Mask]:
    """Records of what was drawn, and a mask of strokes; what is wrong is told."""
    name = piece.path.name
    try:
        drawing = read_outlines(piece.path, piece.part)
        outlines = _fitting(drawing, on)
        corner = on.corner if (reading.origin or drawing.origin) == "bounds" else (0, 0)
        labels = labels_of(outlines, image, reading.names, corner)
        lines = lines_of(outlines, reading.names, corner)
    except LabelError as error:
        findings.append(ImportFinding(on.case, "unread outlines", str(error)))
        return []
    odd = list(drawing.odd)
    if lines and not on.strokes:
        odd += [f"{one.name}: a line, which has no inside" for one in lines]
        lines = []
    if odd:
        said = "; ".join(odd[:5]) + ("; ..." if len(odd) > 5 else "")
        findings.append(ImportFinding(on.case, "odd outlines", f"{name}: {said}", len(odd)))
    if drawing.lost:
        detail = f"{name}: {', '.join(drawing.lost)}"
        findings.append(ImportFinding(on.case, "not kept", detail, len(drawing.lost)))
    reaching = _inside([*labels, *lines], on, name, findings)
    kept: list[Label | Mask] = [one for one in reaching if not isinstance(one, Outline)]
    if strokes := [one for one in reaching if isinstance(one, Outline)]:
        kept.append(_stroked(strokes, on.shape))
    if not kept and not drawing.outlines:
        findings.append(ImportFinding(on.case, "no label", f"{name}: holds no outline"))
    return kept


def _fitting(drawing: Drawing, on: OnImage) -> tuple[Outline, ...]:
    """Outlines in samples of the image.

    Raises:
        LabelError: If they are those of an image of another size, or of a plane in a volume.
    """
    if len(on.shape) != 2:
        raise LabelError("annotations of planes do not say on which plane of a volume they lie")
    if drawing.size is not None and drawing.relative:
        step = max(1, round(on.shape[0] / drawing.size[0]))
        if any(abs(n / step - m) >= 1 for n, m in zip(on.shape, drawing.size, strict=True)):
            raise LabelError(
                f"a grid of {drawing.size[1]} x {drawing.size[0]} pixels, which is no level of the "
                f"image of {on.shape[1]} x {on.shape[0]}"
            )
        return replace(drawing, size=None).on(tuple(step * n for n in drawing.size))
    if drawing.size not in (None, on.shape):
        height, width = drawing.size or (0, 0)
        turned = "; turned upright, or not, they would be alike" * ((width, height) == on.shape)
        raise LabelError(
            f"annotations of an image of {width} x {height} pixels, the image has "
            f"{on.shape[1]} x {on.shape[0]}{turned}"
        )
    return drawing.on(on.shape)


def _stroked(lines: Sequence[Outline], shape: tuple[int, ...]) -> Mask:
    """The samples under strokes as codes; all others are not known. Later strokes lie on top."""
    names = tuple(dict.fromkeys(one.name for one in lines if one.name != BACKGROUND))
    kind = np.uint8 if len(names) < 255 else np.uint16
    codes: Codes = np.full(shape, np.iinfo(kind).max, kind)
    for one in lines:
        code = names.index(one.name) + 1 if one.name in names else 0
        reach = min(one.width / 2, _FAR) if one.width > 1 else 0.0
        places = np.clip(np.array(one.rings[0]), -_FAR, _FAR)
        for start, stop in zip(places, places[1:] if len(places) > 1 else places, strict=False):
            if (ends := _clipped(start, stop, shape, _PIECE)) is not None:
                _along(codes, *ends, code)
            if reach and (ends := _clipped(start, stop, shape, reach)) is not None:
                _near(codes, *ends, reach, code)
    return Mask(codes, "classes", names, "partial")


def _clipped(
    start: NDArray[np.float64], stop: NDArray[np.float64], shape: tuple[int, ...], margin: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """The part of a segment not farther from an image than a margin (Liang and Barsky 1984)."""
    low, high = -margin - 0.5, np.array(shape) + margin - 0.5
    way, enter, leave = stop - start, 0.0, 1.0
    for k in (0, 1):
        if way[k] == 0:
            if not low <= start[k] <= high[k]:
                return None
        else:
            first, last = sorted(((low - start[k]) / way[k], (high[k] - start[k]) / way[k]))
            enter, leave = max(enter, first), min(leave, last)
    if enter > leave:
        return None
    return start + enter * way, stop - (1 - leave) * way


def _along(codes: Codes, start: NDArray[np.float64], stop: NDArray[np.float64], code: int) -> None:
    """Samples on a segment."""
    shape = codes.shape
    rows, columns = line(*np.rint(start).astype(int), *np.rint(stop).astype(int))  # type: ignore[no-untyped-call]
    inside = (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
    codes[rows[inside], columns[inside]] = code


def _near(
    codes: Codes,
    start: NDArray[np.float64],
    stop: NDArray[np.float64],
    reach: float,
    code: int,
) -> None:
    """Samples nearer to a segment than ``reach``, piece by piece."""
    shape = np.array(codes.shape)
    pieces = int(np.hypot(*(stop - start)) / max(_PIECE, reach)) + 1
    corners = np.linspace(start, stop, pieces + 1)
    for a, b in itertools.pairwise(corners):
        low = np.clip(np.floor(np.minimum(a, b) - reach), 0, shape).astype(int)
        high = np.clip(np.ceil(np.maximum(a, b) + reach) + 1, 0, shape).astype(int)
        ys, xs = np.ogrid[low[0] : high[0], low[1] : high[1]]
        dy, dx = b - a
        share = ((ys - a[0]) * dy + (xs - a[1]) * dx) / max(dy * dy + dx * dx, 1e-12)
        share = np.clip(share, 0, 1)
        near = np.hypot(ys - a[0] - share * dy, xs - a[1] - share * dx) < reach
        codes[low[0] : high[0], low[1] : high[1]][near] = code


def _inside(
    labels: Sequence[Label | Outline], on: OnImage, name: str, findings: list[ImportFinding]
) -> list[Label | Outline]:
    """Those that reach the image; what lies beyond its border is told."""
    size = np.array(on.shape[-2:], float)
    kept: list[Label | Outline] = []
    beyond, cut, turned = 0, 0, 0
    first = ""
    for label in labels:
        if isinstance(label, CaseLabel):
            kept.append(label)
            continue
        low, high = _extent(label)
        if (high < -0.5).any() or (low > size - 0.5).any():
            beyond += 1
            turned += bool((high[::-1] >= 0).all() and (low[::-1] <= size).all())
            first = first or f"({low[1] + 0.5:g}, {low[0] + 0.5:g})"
            continue
        cut += bool((low < -1.5).any() or (high > size + 0.5).any())
        kept.append(label)
    if beyond:
        swapped = "; with x and y exchanged they would lie inside" if turned == beyond else ""
        detail = (
            f"{name}: {beyond} of {len(labels)} begin beyond the {size[1]:g} x {size[0]:g} pixels "
            f"of the image, the first at {first} (x, y){swapped}"
        )
        findings.append(ImportFinding(on.case, "outlines outside", detail, beyond))
    if cut:
        detail = f"{name}: {cut} of {len(labels)}"
        findings.append(ImportFinding(on.case, "outlines cut", detail, cut))
    return kept


def _extent(label: Label | Outline) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """First and last corner, from the centre of the first sample."""
    if isinstance(label, BoxLabel):
        return np.asarray(label.start, float) - 0.5, np.asarray(label.stop, float) - 0.5
    if isinstance(label, PointLabel):
        return np.asarray(label.point, float), np.asarray(label.point, float)
    assert isinstance(label, PolygonLabel | Outline)
    ys, xs = zip(*(corner for rings in label.polygons for corner in rings[0]), strict=True)
    reach = label.width / 2 if isinstance(label, Outline) and label.width > 1 else 0
    return np.array((min(ys), min(xs))) - reach, np.array((max(ys), max(xs))) + reach
