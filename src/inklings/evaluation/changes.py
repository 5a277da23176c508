"""What a comparison of two runs found, metric by metric, and its lines for people."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from inklings.evaluation.intervals import Difference, holm

_BRIEF = ("0.50", "0.75", "0.90")


class Named(Protocol):
    """What the name, title and direction of a change are taken from."""

    @property
    def name(self) -> str:
        """For files."""

    @property
    def title(self) -> str:
        """For people."""

    @property
    def higher(self) -> bool:
        """Whether more is better."""


@dataclass(frozen=True)
class _Of:
    metric: str
    label: str
    title: str


@dataclass(frozen=True)
class Change(Difference, _Of):
    """A difference between two runs, of one metric and class.

    Attributes:
        metric: Its name.
        label: The class.
        title: Of the metric, for people.
        higher: Whether more is better.
        p_holm: ``p`` corrected for all changes of the table (Holm 1979).
    """

    higher: bool = True
    p_holm: float = math.nan

    @classmethod
    def of(cls, metric: Named, label: str, found: Difference) -> Change:
        """A difference of ``metric``."""
        return cls(
            metric.name, label, metric.title, **dataclasses.asdict(found), higher=metric.higher
        )

    @property
    def verdict(self) -> str:
        """``better`` or ``WORSE`` where the interval leaves out 0; nothing otherwise."""
        if not (self.low > 0 or self.high < 0):
            return ""
        return "better" if (self.value > 0) == self.higher else "WORSE"


def corrected(changes: Sequence[Change]) -> tuple[Change, ...]:
    """Changes with their p-values corrected for how many there are."""
    p = holm([change.p for change in changes])
    return tuple(dataclasses.replace(c, p_holm=float(q)) for c, q in zip(changes, p, strict=True))


def number(value: float | None) -> str:
    """Three decimals below ten, one above; a dash for what is undefined."""
    if value is None or math.isnan(value):
        return "-"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def chance(p: float) -> str:
    """A p-value: three decimals, ``< 0.001`` below them."""
    return "< 0.001" if p < 0.001 else number(p)


def is_brief(metric: str) -> bool:
    """Whether a metric is shown to people, who need no ten thresholds."""
    return not metric.startswith("f1_") or metric.endswith(_BRIEF)


def change_lines(changes: Sequence[Change]) -> list[str]:
    """A line a change, and which are better and which worse."""
    shown = [change for change in changes if is_brief(change.metric)]
    several = len({change.label for change in shown} - {"all"}) > 1
    named = {id(c): f"{c.label}: {c.title}" if several else c.title for c in shown}
    wide = max(map(len, named.values()))
    lines = [
        f"{'difference to the other run':{wide}}     other   change   95 % interval"
        "           p    Holm"
    ]
    for c in shown:
        between = f"{c.low:+.3f} to {c.high:+.3f}" if c.low == c.low else "-"
        change = f"{c.value:+.3f}" if c.value == c.value else "-"
        lines.append(
            f"{named[id(c)]:{wide}}  {number(c.second):>8}  {change:>7}   {between:<18} "
            f"{chance(c.p):>7} {chance(c.p_holm):>7}  {c.verdict}".rstrip()
        )
    for verdict in ("WORSE", "better"):
        if told := [named[id(c)] for c in shown if c.verdict == verdict]:
            lines.append(f"{verdict} than the other run: {'; '.join(told)}")
    return lines
