"""Templates to one self-contained page: nothing is fetched, everything is escaped.

All reports share ``templates/page.html``: one look, light and dark, for screens, phones and paper;
tables that are sorted by a click; figures with their numbers.
"""

from __future__ import annotations

import datetime
import math
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from inklings import __version__
from inklings.evaluation.changes import chance, number
from inklings.files import write_text
from inklings.reports.charts import write_numbers


def render(template: str, **values: Any) -> str:
    """Fill a template of ``inklings/reports/templates``."""
    pages = Environment(
        loader=PackageLoader("inklings.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters.update(
        number=number, chance=chance, interval=interval, duration=duration, short=short
    )
    styles, script = (
        Markup(pages.get_template(name).render()) for name in ("style.css", "sort.js")
    )
    today = datetime.datetime.now().astimezone().strftime("%d %B %Y, %H:%M").lstrip("0")
    common = {"styles": styles, "script": script, "version": __version__, "today": today}
    return pages.get_template(template).render(**common, **values)


def write_page(path: Path, template: str, **values: Any) -> Path:
    """Write a page, and the numbers of its charts into ``<page>-numbers`` beside it."""
    write_text(path, render(template, **values))
    write_numbers(path, values)
    return path


def interval(row: Any) -> str:
    """``[0.884, 0.921]``; nothing where there is no interval."""
    if math.isnan(row.low):
        return ""
    return f"[{number(row.low)}, {number(row.high)}]"


def duration(seconds: float) -> str:
    """``45 s``, ``4 min 10 s``, ``2 h 05 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.0f} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def short(name: str, length: int = 14) -> str:
    """A long name with its middle left out."""
    if len(name) <= length:
        return name
    keep = (length - 1) // 2
    return f"{name[: length - 1 - keep]}…{name[-keep:]}"
