"""Masks of slides at a glance, 5 by 3: what was annotated, and how each slide was graded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from inklings.cohorts.case import Case
from inklings.cohorts.opening import SLIDE, open_case
from inklings.cohorts.region import mask_region
from inklings.errors import DataError
from inklings.labels.kinds import MaskLabel
from inklings.readers.pyramid import Pyramid
from inklings.reports.gallery import thumbnail_grid

COLOURS = ("black", "gray", "green", "yellow", "orange", "red")
"""Of the codes 0 to 5, as in the notebooks of the PANDA challenge."""

GRID = (5, 3)
"""Rows and columns of the gallery."""

_SIDE = 500


def mask_gallery(cases: Sequence[Case]) -> Figure:
    """Masks as their providers left them, under ID, source, ISUP and Gleason.

    Codes keep the meaning of their provider: 2 is cancer with Karolinska and benign epithelium
    with Radboud; the source stands in each title, and the legend says it for both.
    """
    rows, columns = GRID
    figure = Figure(figsize=(3.4 * columns, 3.9 * rows + 0.7), dpi=110)
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False)
    figure.subplots_adjust(0.02, 0.05, 0.98, 0.965, 0.06, 0.22)
    norm = BoundaryNorm([k - 0.5 for k in range(len(COLOURS) + 1)], len(COLOURS))
    for axis in axes.flat:
        axis.axis("off")
    for axis, case in zip(axes.flat, cases, strict=False):
        codes = _codes(case)
        if codes is None:
            axis.text(0.5, 0.5, "cannot be read: inklings check", ha="center", size=8)
        else:
            axis.imshow(codes, cmap=ListedColormap(COLOURS), norm=norm, interpolation="nearest")
        axis.set_title(title(case), size=8)
    figure.text(0.02, 0.012, _meanings(cases), size=8, color="#555555")
    return figure


def graded(cases: Sequence[Case]) -> list[Case]:
    """The cases that this gallery can show: slides with a mask of few codes."""
    return [
        case
        for case in cases
        if SLIDE in case.images and (label := _mask(case)) and len(label.classes) < len(COLOURS)
    ]


def spread(cases: Sequence[Case]) -> list[Case]:
    """As many as fit, in turn from each source and grade."""
    groups: dict[tuple[str, str], list[Case]] = {}
    for case in cases:
        key = (case.facts.get("provider", ""), case.facts.get("isup", ""))
        groups.setdefault(key, []).append(case)
    queues = [groups[key] for key in sorted(groups)]
    most = max(map(len, queues), default=0)
    turns = [queue[turn] for turn in range(most) for queue in queues if turn < len(queue)]
    return turns[: math.prod(GRID)]


def title(case: Case) -> str:
    """ID, source, ISUP grade group and Gleason score, as far as they are known."""
    facts = case.facts
    lines = [f"ID: {case.id if len(case.id) <= 34 else case.id[:33] + '…'}"]
    if "provider" in facts:
        lines.append(
            f"Source: {facts['provider']}  ISUP: {facts.get('isup', '?')}  "
            f"Gleason: {facts.get('gleason', '?')}"
        )
    return "\n".join(lines)


def _mask(case: Case) -> MaskLabel | None:
    return next((k for k in case.labels if isinstance(k, MaskLabel) and k.kind == "classes"), None)


def _codes(case: Case) -> NDArray[Any] | None:
    label = _mask(case)
    try:
        with open_case(case, SLIDE) as slide:
            if label is None or not isinstance(slide, Pyramid):
                return None
            grid = thumbnail_grid(slide, _SIDE).geometry
        return np.asarray(mask_region(label.path, grid, grid.full))
    except DataError:
        return None


def _meanings(cases: Sequence[Case]) -> str:
    found: dict[tuple[str, ...], str] = {}
    for case in cases:
        label = _mask(case)
        if label is not None:
            found.setdefault(label.classes, case.facts.get("provider", "masks"))
    lines = [
        f"{who}: " + ", ".join(f"{k} {COLOURS[k]} = {name}" for k, name in enumerate(names, 1))
        for names, who in found.items()
    ]
    return "\n".join(lines)
