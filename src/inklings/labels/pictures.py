"""What is written for other programs: pictures with what is drawn on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inklings.labels.marks import draw_marks
from inklings.labels.outlines import Kind, Outline, labels_of

NOT_HELD: Mapping[Kind, str] = {
    "polygon": "outlines, which the format does not hold",
    "point": "points, which the format does not hold",
    "box": "boxes, which the format does not hold",
    "line": "strokes, which the format does not hold",
    "choice": "labels of the whole image, which the format does not hold",
}
"""What is left out of a format that does not know a kind."""


@dataclass(frozen=True)
class Picture:
    """One image and what is drawn on it.

    Attributes:
        id: Of its case.
        file: Name of the image file.
        size: ``(H, W)``.
        outlines: In samples of it.
        path: Of the image, for objects that refer to it.
        corner: Pixel ``(y, x)`` from which programs count that show only what was scanned.
        when: The outlines were put down, in seconds since 1970.
        predicted: Whether a model made them.
    """

    id: str
    file: str
    size: tuple[int, int]
    outlines: tuple[Outline, ...]
    path: Path | None = None
    corner: tuple[float, float] = (0, 0)
    when: float = 0.0
    predicted: bool = False

    def mask(self, one: Outline) -> NDArray[np.bool_]:
        """Samples ``(H, W)`` whose centres lie in a polygon or a box (`labels.fill`)."""
        mask = np.zeros(self.size, np.bool_)
        where, inside = self.window(one)
        mask[where] = inside
        return mask

    def window(self, one: Outline) -> tuple[tuple[slice, slice], NDArray[np.bool_]]:
        """The part of the image around an outline, and which of its samples lie inside."""
        x0, y0, x1, y1 = bounds(one)
        (top, left), (bottom, right) = (
            (int(np.clip(v, 0, n)) for v, n in zip(pair, self.size, strict=True))
            for pair in ((np.floor(y0), np.floor(x0)), (np.ceil(y1), np.ceil(x1)))
        )
        (placed,) = labels_of([one], "", {}, (-top, -left))
        drawn = draw_marks([placed], (bottom - top, right - left), [one.name], "filled")
        return (slice(top, bottom), slice(left, right)), drawn.objects > 0


@dataclass(frozen=True)
class Files:
    """What a format writes.

    Attributes:
        content: Name below the folder to the bytes of each file.
        lost: What the format does not hold, in words.
    """

    content: Mapping[str, bytes]
    lost: tuple[str, ...] = field(default=())


Writer = Callable[[Sequence[Picture]], Files]


def dropped(lost: Mapping[str, int]) -> tuple[str, ...]:
    """What was left out, with how often."""
    return tuple(f"{what} ({count})" for what, count in lost.items())


def rounded(values: Sequence[float]) -> tuple[float, ...]:
    """Numbers as files have them: to a thousandth of a pixel, whole ones as whole."""
    near = [round(float(value), 3) for value in values]
    return tuple(int(value) if value == int(value) else value for value in near)


def bounds(one: Outline) -> tuple[float, float, float, float]:
    """The box around an outline, ``(x0, y0, x1, y1)`` from the corner of the image."""
    corners = [corner for rings in one.polygons for corner in rings[0]]
    ys, xs = [c[0] + 0.5 for c in corners], [c[1] + 0.5 for c in corners]
    return min(xs), min(ys), max(xs), max(ys)
