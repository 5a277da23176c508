"""What annotations say of an image that is open: records, and a mask of strokes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from skimage.draw import disk, line

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

_NOTHING = 255


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
    kept: list[Label | Mask] = [*_inside(labels, on, name, findings)]
    if lines:
        kept.append(_stroked(lines, on.shape))
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
    codes = np.full(shape, _NOTHING, np.uint8)
    for one in lines:
        code = names.index(one.name) + 1 if one.name in names else 0
        for a, b in zip(one.rings[0], one.rings[0][1:] or one.rings[0], strict=False):
            _stamp(codes, np.array(a), np.array(b), one.width, code)
    return Mask(codes, "classes", names, "partial")


def _stamp(
    codes: NDArray[np.uint8],
    start: NDArray[np.float64],
    stop: NDArray[np.float64],
    width: float,
    code: int,
) -> None:
    rows, columns = line(*np.rint(start).astype(int), *np.rint(stop).astype(int))  # type: ignore[no-untyped-call]
    shape = codes.shape
    inside = (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
    codes[rows[inside], columns[inside]] = code
    if width > 1:
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            around = disk((row, column), width / 2, shape=shape)  # type: ignore[no-untyped-call]
            codes[around] = code


def _inside(
    labels: Sequence[Label], on: OnImage, name: str, findings: list[ImportFinding]
) -> list[Label]:
    """Those that reach the image; what lies beyond its border is told."""
    size = np.array(on.shape[-2:], float)
    kept: list[Label] = []
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


def _extent(label: Label) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """First and last corner, from the centre of the first sample."""
    if isinstance(label, BoxLabel):
        return np.asarray(label.start, float) - 0.5, np.asarray(label.stop, float) - 0.5
    if isinstance(label, PointLabel):
        return np.asarray(label.point, float), np.asarray(label.point, float)
    assert isinstance(label, PolygonLabel)
    ys, xs = zip(*(corner for rings in label.polygons for corner in rings[0]), strict=True)
    return np.array((min(ys), min(xs))), np.array((max(ys), max(xs)))
