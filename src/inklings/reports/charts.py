"""Figures of a page together with the numbers they draw: to read, and as CSV to take away."""

from __future__ import annotations

import base64
import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from inklings.files import write_text
from inklings.reports.figures import inline

Numbers = Mapping[str, Sequence[Any]]
"""Columns of equal length, by title."""


@dataclass(frozen=True)
class Chart:
    """A figure of a page; a template shows it with a link to its numbers, which the page holds.

    Attributes:
        name: Unique in the page; names the file of the numbers.
        picture: SVG or ``img`` element.
        numbers: What it draws.
    """

    name: str
    picture: Markup
    numbers: Numbers

    def csv(self) -> str:
        """The numbers, a column each; what is not known is empty.

        Raises:
            ValueError: If columns differ in length.
        """
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.numbers)
        writer.writerows(map(_cell, row) for row in zip(*self.numbers.values(), strict=True))
        return text.getvalue()

    def __html__(self) -> str:
        """The element that templates write."""
        data = base64.b64encode(self.csv().encode()).decode("ascii")
        return Markup(
            '<figure class="chart">{picture}<figcaption><a class="csv" download="{name}.csv" '
            'href="data:text/csv;charset=utf-8;base64,{data}">Numbers (CSV)</a></figcaption>'
            "</figure>"
        ).format(picture=self.picture, name=self.name, data=data)


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        if not math.isfinite(value):
            return ""
        return int(value) if value.is_integer() else f"{value:.6g}"
    return value


def chart(canvas: Figure, name: str, title: str, numbers: Numbers) -> Chart:
    """A figure drawn in `THEMED` ink as a chart of a page; ``title`` is read out."""
    return Chart(name, Markup(inline(canvas, name, title)), numbers)


def charts_in(value: Any) -> Iterator[Chart]:
    """All charts among what a template is filled with."""
    if isinstance(value, Chart):
        yield value
    elif isinstance(value, Mapping):
        for inside in value.values():
            yield from charts_in(inside)
    elif isinstance(value, list | tuple):
        for inside in value:
            yield from charts_in(inside)


def write_numbers(page: Path, values: Mapping[str, Any]) -> None:
    """Write ``<page>-numbers/<chart>.csv`` beside a page for each chart in it."""
    for chart in charts_in(values):
        write_text(page.with_name(f"{page.stem}-numbers") / f"{chart.name}.csv", chart.csv())
