"""The report of a label study: what each learner makes of each kind of weak label.

Reads ``study.csv``, one row a run: ``weakness``, ``learner``, ``seed``, ``budget``, ``dice_mean``,
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
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from inklings.errors import DataError
from inklings.files import write_text
from inklings.reports.figures import PRINTED, THEMED, Ink, drawn_in, inline, save
from inklings.reports.html import render

STUDY = "study.csv"
ORACLE, NAIVE = "oracle", "naive"
_NEEDED = ("weakness", "learner", "seed", "budget", "dice_mean", "dice_pooled")
_MARKERS = "sD^vh<>"
_VERBS = {"dilate": "dilated", "erode": "eroded", "jitter": "jittered"}
_NOUNS = {"box": "boxes", "hull": "hulls", "full": "full masks", "scribble": "scribbles"}
SMALLEST_GAP = 0.02
"""Where naive training loses less than this, a share of it would be noise."""


@dataclass(frozen=True)
class Cell:
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
    cells: Mapping[tuple[str, str, str], Cell]
    oracle: Cell | None

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
        oracle = Cell(tuple(full)) if full else None
        cells = {
            key: Cell(tuple(some), _gap(values, key, oracle))
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

    def cell(self, weakness: str, learner: str, budget: str) -> Cell | None:
        """The runs of one kind; None where there are none."""
        return self.cells.get((weakness, learner, budget))


def _gap(
    values: Mapping[tuple[str, str, str], Sequence[float]],
    key: tuple[str, str, str],
    oracle: Cell | None,
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
    cells: Mapping[tuple[str, str, str], Cell],
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
    learner: str, cells: Mapping[tuple[str, str, str], Cell], budget: str
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


def draw(study: Study, ink: Ink = PRINTED) -> Figure:
    """The label-quality curve: test Dice of each learner by kind of weakness.

    Means over seeds; bars span the seeds; hollow marks had another budget; the band is the
    oracle's. Lines join naive training and the best learner.
    """
    names = list(study.weaknesses)
    with drawn_in(ink):
        canvas = Figure(figsize=(max(8.0, 1.05 * len(names) + 1.2), 4.8), layout="constrained")
        axis = canvas.add_subplot()
        _draw_oracle(axis, study.oracle, ink)
        shift = np.linspace(-0.2, 0.2, max(2, len(study.learners)))
        for k, learner in enumerate(study.learners):
            _draw_learner(axis, study, k, 0.0 if _leads(study, learner) else float(shift[k]), ink)
        for budget in study.budgets[1:]:
            axis.plot(
                [], [], "o", mfc="none", mec=ink.soft, ms=6, label=f"hollow: {budget} x budget"
            )
        axis.set_xticks(range(len(names)), [_tick(*item) for item in study.weaknesses.items()])
        axis.set_xlim(-0.5, len(names) - 0.5)
        axis.grid(visible=False, axis="x")
        axis.set_ylabel("Dice on test images, mean of cases")
        with_dice = any(dice is not None for dice in study.weaknesses.values())
        axis.set_xlabel("labels, and their own Dice to the truth" if with_dice else "labels")
        canvas.legend(loc="outside upper left", ncols=5, columnspacing=1.6, handletextpad=0.5)
    return canvas


def _tick(weakness: str, dice: float | None) -> str:
    lines = words(weakness).replace(" + ", " +\n")
    return lines if dice is None else f"{lines}\n{dice:.2f}"


def _leads(study: Study, learner: str) -> bool:
    return learner in (NAIVE, study.learners[-1])


def _draw_oracle(axis: Axes, oracle: Cell | None, ink: Ink) -> None:
    if oracle is None:
        return
    low, high = min(oracle.values), max(oracle.values)
    room = max(0.0, 0.012 - (high - low)) / 2
    axis.axhspan(low - room, high + room, color=ink.band, zorder=0, label="full masks (oracle)")
    axis.axhline(oracle.mean, color=ink.soft, lw=1, ls=(0, (4, 3)), zorder=1)


def _draw_learner(axis: Axes, study: Study, k: int, shift: float, ink: Ink) -> None:
    learner, best = study.learners[k], k == len(study.learners) - 1
    colour = ink.soft if learner == NAIVE else ink.series[0 if best else 1 + (k - 1) % 7]
    for budget in study.budgets:
        usual = budget == study.budgets[0]
        there = [
            (x, cell)
            for x, name in enumerate(study.weaknesses)
            if (cell := study.cell(name, learner, budget)) is not None
        ]
        if not there:
            continue
        x = np.array([place for place, _ in there]) + shift
        mean = np.array([cell.mean for _, cell in there])
        low, high = (np.array([f(cell.values) for _, cell in there]) for f in (min, max))
        if usual and _leads(study, learner):
            axis.plot(x, mean, color=colour, lw=2.0 if best else 1.2, zorder=3)
        axis.errorbar(
            x,
            mean,
            [mean - low, high - mean],
            fmt="o" if _leads(study, learner) else _MARKERS[k % len(_MARKERS)],
            color=colour,
            ms=8 if best else 6,
            mfc=colour if usual else "none",
            mec=ink.card if usual else colour,
            mew=0.8 if usual else 1.2,
            elinewidth=1.4,
            zorder=5 if best else 4,
            label=learner if usual else None,
        )


def study_report(folder: Path, out: Path | None = None) -> Path:
    """Write ``study.png``, ``study.svg`` and ``study.html`` for the study in ``folder``.

    Args:
        folder: Holds ``study.csv``.
        out: The page; by default ``study.html`` in the folder, beside which the figures go.

    Raises:
        DataError: If there is no table of runs.
    """
    study = Study.read(folder / STUDY)
    path = out or folder / "study.html"
    for suffix in (".png", ".svg"):
        save(draw(study), path.with_suffix(suffix))
    svg = inline(draw(study, THEMED), "study", "Test Dice by weakness and learner")
    pooled = Study.read(folder / STUDY, "dice_pooled")
    page = render(
        "study.html",
        study=study,
        pooled=pooled,
        figure=Markup(svg),
        runs=sum(len(c.values) for c in (*study.cells.values(), study.oracle) if c is not None),
        gaps=_mean_gaps(study),
        best=_best(study),
        words=words,
        smallest=SMALLEST_GAP,
    )
    write_text(path, page)
    return path


def _mean_gaps(study: Study) -> dict[str, tuple[float, float]]:
    """Mean and smallest share of the gap recovered per learner at the usual budget, best first."""
    found: dict[str, tuple[float, float]] = {}
    for learner in reversed(study.learners):
        cells = [study.cell(name, learner, study.budgets[0]) for name in study.weaknesses]
        gaps = [cell.gap for cell in cells if cell is not None and cell.gap is not None]
        if gaps:
            found[learner] = (float(np.mean(gaps)), min(gaps))
    return found


def _best(study: Study) -> dict[str, str]:
    """The learner with the highest mean at the usual budget, per weakness."""
    best: dict[str, str] = {}
    for name in study.weaknesses:
        cells = {k: study.cell(name, k, study.budgets[0]) for k in study.learners}
        means = {k: cell.mean for k, cell in cells.items() if cell is not None}
        if means:
            best[name] = max(means, key=lambda learner: means[learner])
    return best
