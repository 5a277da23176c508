"""The report of a label study: what each learner makes of each kind of weak label."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from inklings.reports.charts import Numbers, chart
from inklings.reports.figures import PRINTED, THEMED, Ink, drawn_in, save
from inklings.reports.html import write_page
from inklings.reports.study_table import NAIVE, SMALLEST_GAP, Study, TableCell, words

STUDY = "study.csv"
_MARKERS = "sD^vh<>"


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
        axis.set_xlabel("labels, and their own Dice with the reference" if with_dice else "labels")
        canvas.legend(loc="outside upper left", ncols=5, columnspacing=1.6, handletextpad=0.5)
    return canvas


def _tick(weakness: str, dice: float | None) -> str:
    lines = words(weakness).replace(" + ", " +\n")
    return lines if dice is None else f"{lines}\n{dice:.2f}"


def _leads(study: Study, learner: str) -> bool:
    return learner in (NAIVE, study.learners[-1])


def _draw_oracle(axis: Axes, oracle: TableCell | None, ink: Ink) -> None:
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
    title = "Test Dice by label noise and method"
    pooled = Study.read(folder / STUDY, "dice_pooled")
    return write_page(
        path,
        "study.html",
        study=study,
        pooled=pooled,
        figure=chart(draw(study, THEMED), "study", title, numbers(study)),
        runs=sum(len(c.values) for c in (*study.cells.values(), study.oracle) if c is not None),
        gaps=_mean_gaps(study),
        best=_best(study),
        words=words,
        smallest=SMALLEST_GAP,
    )


def numbers(study: Study) -> Numbers:
    """What the curve draws: a row for each kind of labels, learner and budget."""
    rows: list[dict[str, Any]] = [
        {
            "labels": words(weakness),
            "label_dice": study.weaknesses[weakness],
            "learner": learner,
            "budget": budget,
            "dice": cell.mean,
            "least": min(cell.values),
            "most": max(cell.values),
            "seeds": len(cell.values),
            "gap_recovered": cell.gap,
        }
        for weakness in study.weaknesses
        for learner in study.learners
        for budget in study.budgets
        if (cell := study.cell(weakness, learner, budget)) is not None
    ]
    if (full := study.oracle) is not None:
        known = {"labels": "full masks", "learner": "oracle", "dice": full.mean}
        spread = {"least": min(full.values), "most": max(full.values), "seeds": len(full.values)}
        rows.append({**dict.fromkeys(rows[0] if rows else ()), **known, **spread})
    return {name: [row.get(name) for row in rows] for name in rows[0]} if rows else {}


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
