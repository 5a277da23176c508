"""How figures look: one palette, on a page that may be light or dark, and on paper.

In a page, a figure is inline SVG whose colours are CSS variables, so that it follows the theme of
its reader. Matplotlib knows no variables; it draws with colours that stand for them, and they are
replaced in the SVG it writes. The same figure drawn with `PRINTED` is a file of its own.
"""

from __future__ import annotations

import io
import re
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from inklings.files import written


@dataclass(frozen=True)
class Ink:
    """The colours of a figure.

    Attributes:
        text: Titles and numbers.
        soft: Labels of axes, notes.
        line: Axes and grid.
        card: What the figure lies on.
        band: Fill behind a reference value.
        series: One colour after the other, told apart by colour-blind eyes too (Okabe, Ito).
    """

    text: str
    soft: str
    line: str
    card: str
    band: str
    series: tuple[str, ...]


PRINTED = Ink(
    text="#1b2430",
    soft="#5d6875",
    line="#dedbd2",
    card="#ffffff",
    band="#dfe8f3",
    series=("#1f5fa8", "#d9660f", "#1a8a6a", "#a3498c", "#b08900", "#4b9cd3", "#7a828c", "#8c4a2f"),
)
THEMED = Ink(
    text="#010101",
    soft="#010102",
    line="#010103",
    card="#010104",
    band="#010105",
    series=tuple(f"#0102{k:02x}" for k in range(1, 9)),
)
"""Colours that stand for CSS variables."""

_VARIABLES = {
    THEMED.text: "var(--ink)",
    THEMED.soft: "var(--soft)",
    THEMED.line: "var(--line)",
    THEMED.card: "var(--card)",
    THEMED.band: "var(--band)",
    **{colour: f"var(--s{k})" for k, colour in enumerate(THEMED.series, 1)},
}


def drawn_in(ink: Ink, salt: str = "") -> AbstractContextManager[None]:
    """Settings of matplotlib for a figure in this ink; ``salt`` keeps references apart."""
    return mpl.rc_context({**_style(ink), "svg.hashsalt": salt})


def _style(ink: Ink) -> dict[Any, Any]:
    return {
        "svg.fonttype": "none",
        "font.family": "DejaVu Sans",
        "font.size": 9.5,
        "axes.titlesize": 10.5,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.titlepad": 10,
        "axes.edgecolor": ink.line,
        "axes.labelcolor": ink.soft,
        "axes.titlecolor": ink.text,
        "axes.facecolor": "none",
        "figure.facecolor": "none",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": ink.line,
        "grid.linewidth": 0.7,
        "text.color": ink.text,
        "xtick.color": ink.soft,
        "ytick.color": ink.soft,
        "xtick.major.size": 0,
        "ytick.major.size": 0,
        "xtick.minor.size": 0,
        "lines.linewidth": 1.8,
        "lines.solid_capstyle": "round",
        "patch.linewidth": 0,
        "legend.frameon": False,
        "legend.fontsize": 9,
    }


def figure(width: float, height: float, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """An empty figure of ``width`` x ``height`` inches and its axes, from left to right."""
    canvas = Figure(figsize=(width, height), layout="constrained")
    return canvas, [canvas.add_subplot(1, columns, k + 1) for k in range(columns)]


_REM_AN_INCH = 7.0
"""At most, on a page: ten inches are its full width."""


def inline(canvas: Figure, name: str, title: str) -> str:
    """The figure as an SVG element for a page.

    Args:
        canvas: Drawn in `THEMED` ink.
        name: Unique in the page, so that references within figures do not meet.
        title: For readers who cannot see it.
    """
    text = io.StringIO()
    with drawn_in(THEMED, name):
        canvas.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    widest = canvas.get_figwidth() * _REM_AN_INCH  # or its letters would outgrow their neighbours'
    limit = f' style="max-width: {widest:.4g}rem"'
    svg = re.sub(r' width="[\d.]+pt" height="[\d.]+pt"', limit, svg, count=1)
    svg = re.sub(r' id="[a-zA-Z0-9.]+_\d+"', "", svg)
    svg = svg.replace("'DejaVu Sans'", "inherit").replace("DejaVu Sans", "inherit")
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, variable)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{title}" class="figure" ', 1)


def save(canvas: Figure, path: Path) -> None:
    """Write the figure, drawn in `PRINTED` ink, as PNG or SVG."""
    with drawn_in(PRINTED, path.stem), written(path) as temporary:
        canvas.savefig(
            temporary,
            format=path.suffix[1:],
            dpi=160,
            facecolor=PRINTED.card,
            metadata={"Date": None} if path.suffix == ".svg" else None,
        )
