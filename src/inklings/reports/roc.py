"""ROC curves as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from inklings.reports.charts import Chart, chart
from inklings.reports.figures import PRINTED, THEMED, Ink, drawn_in, figure, save

Points = Mapping[str, Sequence[Any]]
"""Columns of `inklings.evaluation.ranking.roc`."""


def roc_picture(points: Points, path: Path) -> Path:
    """Write `roc_figure` as a picture of its own."""
    save(roc_figure(points), path)
    return path


def roc_chart(points: Points) -> Chart:
    """The same for a page."""
    title = "Sensitivity by 1 - specificity"
    return chart(roc_figure(points, THEMED), "roc", title, points)


def roc_figure(points: Points, ink: Ink = PRINTED) -> Figure:
    """Sensitivity over the share of the others that is called, a line and its area a score."""
    names = np.array(points["score"], object)
    with drawn_in(ink):
        canvas, (axis,) = figure(4.4, 4.2)
        axis.plot([0, 1], [0, 1], color=ink.line, ls="--")
        for name, colour in zip(dict.fromkeys(points["score"]), ink.series, strict=False):
            x, y = (
                np.array(points[column], float)[names == name]
                for column in ("false_positive_rate", "sensitivity")
            )
            area = float(np.trapezoid(y, x))
            axis.plot(x, y, color=colour, label=f"{name}, AUC {area:.3f}")
        axis.set(xlabel="1 - specificity", ylabel="sensitivity", xlim=(0, 1), ylim=(0, 1.005))
        axis.set_aspect("equal")
        axis.legend(loc="lower right")
    return canvas
