"""Strokes as people drew them: each class in its colour, background in its own, the rest clear."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image as Pillow
from scipy import ndimage

from inklings.labels.marks import Annotation

Colours = Sequence[tuple[int, int, int]]
BACKGROUND = (255, 45, 85)
"""Of strokes that say that nothing is there; told from all colours of classes, and from grey."""


def is_strokes(annotation: Annotation) -> bool:
    """Whether some places say what is there and some that nothing is, and most say nothing."""
    known = annotation.known
    nothing = bool((known & (annotation.category == 0)).any())
    return nothing and bool(2 * np.count_nonzero(known) <= known.size)


def plane(array: NDArray[Any], annotation: Annotation) -> tuple[NDArray[Any], Annotation]:
    """Of a volume ``(C, Z, Y, X)`` the slice with most strokes of classes, with its annotation."""
    marked = (annotation.category > 0).sum((1, 2))
    at = int((marked if marked.any() else annotation.known.sum((1, 2))).argmax())
    parts = (annotation.objects[at], annotation.category[at], annotation.known[at])
    return array[:, at], Annotation(*parts, annotation.exhaustive, annotation.separated)


def painted(
    picture: NDArray[np.uint8], annotation: Annotation, colours: Colours
) -> NDArray[np.uint8]:
    """``picture`` ``(h, w, 3)`` of any size with strokes on it, none lost where it is smaller."""
    codes = np.where(annotation.known, annotation.category.astype(np.int32) + 1, 0)
    step = math.ceil(max(codes.shape[0] / picture.shape[0], codes.shape[1] / picture.shape[1]))
    if step > 1:
        codes = ndimage.grey_dilation(codes, (step, step))
    size = (picture.shape[1], picture.shape[0])
    large = np.asarray(Pillow.fromarray(codes).resize(size, Pillow.Resampling.NEAREST))
    table = np.array([(0, 0, 0), BACKGROUND, *colours], np.uint8)
    last = len(table) - 2
    painted_ = picture.copy()
    drawn = large > 0
    place = np.where(large > 1, 2 + (large - 2) % last, large)
    painted_[drawn] = table[place[drawn]]
    return painted_


def legend(
    figure: Figure, classes: Sequence[str], colours: Colours, y: float, strokes: bool
) -> None:
    """Names of the classes in their colours; with strokes also that of drawn background."""
    if len(classes) == 1 and not strokes:
        text = f"each {classes[0]} in its own colour"
        figure.text(0.015, y, text, size=7.5, color="#777777")
        return
    own = [(name, colours[place % len(colours)]) for place, name in enumerate(classes)]
    own += [("background, drawn", BACKGROUND)] if strokes else []
    for place, (name, colour) in enumerate(own):
        x = 0.015 + place / max(5, len(own))
        figure.text(x, y, f"■ {name}", size=8, color="#{:02x}{:02x}{:02x}".format(*colour))
