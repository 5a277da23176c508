"""The table of a label study: runs grouped by weakness, learner and budget.

``study.csv`` has one row a run: ``weakness``, ``learner``, ``seed``, ``budget``, ``dice_mean``,
``dice_pooled`` and, where known, ``label_dice`` (of the weak labels to the truth). The learner
``oracle`` had the full masks; ``naive`` took the labels for the truth. The share of the gap that a
learner recovers is (learner - naive) / (oracle - naive).
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inklings.errors import DataError

ORACLE, NAIVE = "oracle", "naive"
_NEEDED = ("weakness", "learner", "seed", "budget", "dice_mean", "dice_pooled")
_VERBS = {"dilate": "dilated", "erode": "eroded", "jitter": "jittered"}
_NOUNS = {"box": "boxes", "hull": "hulls", "full": "full masks", "scribble": "scribbles"}
SMALLEST_GAP = 0.02
"""Where naive training loses less than this, a share of it would be noise."""


@dataclass(frozen=True)
class TableCell:
    """The runs of one learner on one kind of weakness at one budget.

    Attributes:
        values: Test Dice, one a seed.
        gap: Share of the gap to the oracle that is recovered; None where there is no gap.
    """

    values: tuple[float, ...]
    gap: float | None = None

    @property
    def mean(self) -> float:
        """Over seeds."""
        return float(np.mean(self.values))

    @property
    def spread(self) -> float | None:
        """Standard deviation over seeds; None for a single one."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else None


@dataclass(frozen=True)
class Study:
    """A table of runs, grouped.

    Attributes:
        weaknesses: Kinds of weakness, from weak to strong labels, with the Dice of the label
            where it is known.
        learners: Naive first, then from the weakest to the best.
        budgets: The one that most runs had first.
        cells: By weakness, learner and budget.
        oracle: Runs with full masks.
    """

    weaknesses: Mapping[str, float | None]
    learners: tuple[str, ...]
    budgets: tuple[str, ...]
    cells: Mapping[tuple[str, str, str], TableCell]
    oracle: TableCell | None

    @classmethod
    def read(cls, path: Path, measure: str = "dice_mean") -> Study:
        """Group the rows of a study.

        Raises:
            DataError: If there is no table, or a column is missing.
        """
        try:
            with path.open(newline="", encoding="utf-8") as file:
                rows = [row for row in csv.DictReader(file) if row.get(measure)]
        except FileNotFoundError:
            raise DataError(
                f"expected the table of a study at {path}, got no file; make it with "
                "'inklings study'"
            ) from None
        missing = [name for name in _NEEDED if not rows or name not in rows[0]]
        if missing:
            raise DataError(
                f"{path}: expected a column {missing[0]!r} and at least one finished run"
            )
        return cls._grouped(rows, measure)

    @classmethod
    def _grouped(cls, rows: Sequence[Mapping[str, str]], measure: str) -> Study:
        drawn = [row["budget"] for row in rows]
        budgets = tuple(sorted(set(drawn), key=lambda name: (-drawn.count(name), name)))
        values: dict[tuple[str, str, str], list[float]] = {}
        for row in rows:
            key = (row["weakness"], row["learner"], row["budget"])
            values.setdefault(key, []).append(float(row[measure]))
        full = [v for key, some in values.items() if key[1] == ORACLE for v in some]
        oracle = TableCell(tuple(full)) if full else None
        cells = {
            key: TableCell(tuple(some), _gap(values, key, oracle))
            for key, some in values.items()
            if key[1] != ORACLE
        }
        kinds = dict.fromkeys(weakness for weakness, _, _ in cells)
        learners = dict.fromkeys(learner for _, learner, _ in cells)
        return cls(
            _ordered(rows, list(kinds), cells),
            tuple(sorted(learners, key=lambda name: _rank(name, cells, budgets[0]))),
            budgets,
            cells,
            oracle,
        )

    def cell(self, weakness: str, learner: str, budget: str) -> TableCell | None:
        """The runs of one kind; None where there are none."""
        return self.cells.get((weakness, learner, budget))


def _gap(
    values: Mapping[tuple[str, str, str], Sequence[float]],
    key: tuple[str, str, str],
    oracle: TableCell | None,
) -> float | None:
    """Share of the gap recovered; naive and oracle are those of the first budget there is."""
    naive = next((v for k, v in values.items() if k[:2] == (key[0], NAIVE)), None)
    if oracle is None or naive is None or key[1] == NAIVE:
        return None
    gap = oracle.mean - float(np.mean(naive))
    won = float(np.mean(values[key])) - float(np.mean(naive))
    return won / gap if gap > SMALLEST_GAP else None


def _ordered(
    rows: Sequence[Mapping[str, str]],
    kinds: Sequence[str],
    cells: Mapping[tuple[str, str, str], TableCell],
) -> dict[str, float | None]:
    """Kinds of weakness by the Dice of their labels, or by what naive training makes of them."""
    known: dict[str, list[float]] = {}
    for row in rows:
        if row.get("label_dice"):
            known.setdefault(row["weakness"], []).append(float(row["label_dice"]))
    dice = {name: float(np.mean(known[name])) if name in known else None for name in kinds}
    naive = {k[0]: cell.mean for k, cell in cells.items() if k[1] == NAIVE}

    def strength(name: str) -> float:
        own = dice[name]
        return naive.get(name, 1.0) if own is None else own

    return {name: dice[name] for name in sorted(kinds, key=strength)}


def _rank(
    learner: str, cells: Mapping[tuple[str, str, str], TableCell], budget: str
) -> tuple[bool, float]:
    """Naive first, then by the mean share of the gap, or where there is no gap by Dice."""
    own = [c for (_, name, b), c in cells.items() if name == learner and b == budget]
    gaps = [c.gap for c in own if c.gap is not None]
    return learner != NAIVE, float(np.mean(gaps or [c.mean for c in own] or [0.0]))


def words(weakness: str) -> str:
    """``drop:keep=0.25+dilate:pixels=4`` as ``25 % kept + dilated 4 px``."""
    return " + ".join(_step(step) for step in weakness.split("+"))


def _step(step: str) -> str:
    name, _, options = step.partition(":")
    given = dict(option.partition("=")[::2] for option in options.split(",") if "=" in option)
    if name == "drop" and _is_share(given.get("keep", "")):
        return f"{float(given['keep']):.0%} kept".replace("%", " %")
    if name in _VERBS:
        size = next((v for k, v in given.items() if k in ("pixels", "radius", "by")), "")
        return f"{_VERBS[name]} {size} px" if size else _VERBS[name]
    return f"{_NOUNS.get(name, name)}{' ' + options if options else ''}"


def _is_share(text: str) -> bool:
    return text.replace(".", "", 1).isdigit() and float(text) <= 1
