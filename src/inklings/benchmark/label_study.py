"""The label study: what each kind of weak label costs, and what of it each learner wins back.

Every combination of weakness, learner, seed and budget is one cell
(`inklings.benchmark.engine`); ``study.csv`` is the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inklings import recipes
from inklings.benchmark.engine import Row, StudyTable, claim, run_cells
from inklings.benchmark.label_cell import LEARNERS, LabelCell, LabelStudy
from inklings.changes import change
from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError, SpecError
from inklings.machine import cores
from inklings.simulation.chain import Chain
from inklings.spec import SegmentationExperiment

WEAKNESSES = (
    "full",
    "drop:keep=0.5",
    "drop:keep=0.25",
    "drop:keep=0.1",
    "dilate:pixels=4",
    "dilate:pixels=8",
    "box",
    "hull",
    "erode:depth=0.5",
    "drop:keep=0.5+dilate:pixels=4",
)
"""Kinds of weak labels that are compared by default."""

LONG = ("drop:keep=0.25", "drop:keep=0.1")
"""Kinds for which the other learners also get three times the budget."""

COLUMNS = (
    "weakness",
    "learner",
    "seed",
    "budget",
    "dice_mean",
    "dice_low",
    "dice_high",
    "dice_pooled",
    "label_dice",
    "corrected_dice",
    "threshold",
    "prior_true_val",
    "prior_labelled",
    "prior_estimated",
    "prior_low",
    "prior_high",
    "images",
    "train_seconds",
)


def default_experiment(changes: Sequence[str] = ()) -> SegmentationExperiment:
    """Network and budget of a cell, half a minute of one core: those of the recipe ``weak``.

    How labels are corrected and where to cut is what the learners differ in.

    Args:
        changes: ``key.key=value`` each.
    """
    record = {**recipes.record("weak"), "cohort": "."}
    del record["correction"], record["inference"]
    for one in changes:
        change(record, one)
    return SegmentationExperiment.check(record, "study")


@dataclass(frozen=True)
class LabelStudyPlan:
    """What a study compares.

    Attributes:
        weaknesses: Chains of weakenings; ``full`` is added where it is missing, since the
            oracle is naive training on full masks.
        learners: Names in `LEARNERS`; naive and inklings run on every seed, others on one.
        seeds: How many.
        long: Weaknesses for which the other learners also run at three times the budget.
    """

    weaknesses: Sequence[str] = WEAKNESSES
    learners: Sequence[str] = tuple(LEARNERS)
    seeds: int = 3
    long: Sequence[str] = LONG

    def __post_init__(self) -> None:
        for name in self.learners:
            if name not in LEARNERS:
                raise SpecError(f"no learner named {name!r}; known: {', '.join(LEARNERS)}")
        for weakness in self.weaknesses:
            if weakness != "full" and Chain.parse(weakness).form != "mask":
                raise SpecError(
                    f"a study compares masks, and {weakness!r} leaves none; use drop, dilate, "
                    "erode, box, hull, jitter or chains of them"
                )

    def cells(self) -> Iterator[LabelCell]:
        """All cells, those first that others or the headline need."""
        kinds = list(dict.fromkeys(["full", *self.weaknesses]))
        main = [name for name in ("naive", "inklings") if name in {*self.learners, "naive"}]
        for seed in range(self.seeds):
            for kind in kinds:
                yield from (
                    LabelCell(kind, name, seed)
                    for name in main
                    if seed == 0 or name == "inklings" or kind == "full"
                )
        others = [name for name in self.learners if name not in main]
        for kind in kinds:
            yield from (LabelCell(kind, name, 0) for name in others)
        for kind in self.long:
            if kind in kinds:
                yield from (LabelCell(kind, name, 0, 3) for name in ("naive", *others))


def study(
    cohort: Path,
    out: Path,
    plan: LabelStudyPlan | None = None,
    experiment: SegmentationExperiment | None = None,
    workers: int | None = 1,
    scheduler: str | None = None,
) -> list[Row]:
    """Run what is missing of a study and write ``study.csv``.

    Args:
        cohort: Folder of a cohort with full masks, split.
        out: Folder of the study.
        plan: What is compared.
        experiment: Network and training of every cell; None for the default.
        workers: Processes that run cells side by side, one thread each; see
            `inklings.executors.processes`. None: one a core.
        scheduler: Address of a Dask scheduler instead.

    Returns:
        The rows of the table.

    Raises:
        DataError: If the cohort is not split, or ``out`` holds another study.
    """
    plan = plan or LabelStudyPlan()
    setting = LabelStudy(cohort.resolve(), out.resolve(), experiment or default_experiment())
    content = Cohort.read(setting.cohort)
    if not content.is_split:
        raise DataError(
            f"{setting.cohort}: expected a split cohort, got cases without a split; run "
            f"'inklings split {setting.cohort}' first"
        )
    base = setting.experiment.model_dump(mode="json", exclude={"cohort"}, exclude_defaults=True)
    mine = {"cohort": content.name, "split_hash": content.split_hash, "experiment": base}
    claim(out / "study.yaml", mine, "study")
    table = StudyTable(out / "study.csv", COLUMNS, _shown)
    if workers is None and scheduler is None:
        workers = cores()  # a cell is half a minute, so even two are worth a process each
    return run_cells(setting, list(plan.cells()), out, table, workers, scheduler)


def _shown(row: Row) -> Row:
    """Naive training on full masks is the oracle."""
    oracle = row["weakness"] == "full" and row["learner"] == "naive"
    return {**row, "learner": "oracle"} if oracle else row


@dataclass(frozen=True)
class Line:
    """One weakness in the summary: Dice means over seeds, and the share of the gap won back."""

    weakness: str
    label_dice: float
    naive: float
    corrected: float
    spread: float
    oracle: float

    @property
    def retained(self) -> float:
        """Of the Dice with full masks."""
        return self.corrected / self.oracle

    @property
    def gap(self) -> float:
        """(corrected - naive) / (oracle - naive); not a number where naive loses nothing."""
        lost = self.oracle - self.naive
        return (self.corrected - self.naive) / lost if lost > 0.01 else float("nan")


def summary(rows: Sequence[Row]) -> list[Line]:
    """One line for each weakness that has a naive and a corrected result."""

    def values(weakness: str, learner: str, what: str = "dice_mean") -> NDArray[np.float64]:
        return np.array(
            [
                row[what]
                for row in rows
                if (row["weakness"], row["learner"], row["budget"]) == (weakness, learner, 1)
                and "refused" not in row
            ]
        )

    lines = []
    oracle = values("full", "naive")
    for weakness in dict.fromkeys(row["weakness"] for row in rows):
        naive, ours = values(weakness, "naive"), values(weakness, "inklings")
        if naive.size and ours.size and oracle.size:
            lines.append(
                Line(
                    weakness,
                    float(values(weakness, "naive", "label_dice").mean()),
                    float(naive.mean()),
                    float(ours.mean()),
                    float(ours.std(ddof=1)) if ours.size > 1 else 0.0,
                    float(oracle.mean()),
                )
            )
    return lines
