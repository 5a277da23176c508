"""What a family of metrics hands back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from inklings.evaluation.changes import Change
from inklings.evaluation.groups import RowsOf
from inklings.evaluation.scores import Row


@dataclass(frozen=True)
class Results:
    """What a family of metrics measured; `inklings.evaluation.evaluate` makes `Scores` of it.

    Attributes:
        rows: As of `Scores`, like ``cases``, ``curves``, ``changes`` and ``files``.
        facts: For the head.
        failed: Case to the reason why it could not be scored.
        warnings: Sentences about what was measured.
        rows_of: Rows over some cases alone; None where there are none.
        over: Ids of the cases that ``rows_of`` knows, where these are not all ``cases``.
    """

    rows: tuple[Row, ...]
    cases: tuple[Mapping[str, Any], ...]
    facts: Mapping[str, Any]
    curves: Mapping[str, Any] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    files: Mapping[str, Any] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    rows_of: RowsOf | None = None
    over: frozenset[str] | None = None

    @property
    def scored(self) -> frozenset[str]:
        """Ids of the cases that ``rows_of`` knows."""
        own = frozenset(str(line["case"]) for line in self.cases)
        return own if self.over is None else self.over
