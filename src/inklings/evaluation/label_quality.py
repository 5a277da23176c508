"""How good weak labels are, measured against the truth."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.region import annotate_overview
from inklings.files import written
from inklings.labels.kinds import CaseLabel

MEASURES = ("dice", "iou", "precision", "recall")


@dataclass(frozen=True)
class Agreement:
    """Samples that the labels of one case, or of many, get right and wrong.

    Attributes:
        case: Identifier, or a title of the pool.
        split: Of the case.
        right: Marked with the true class.
        wrong: Marked with another class, or where there is nothing.
        missed: Of a class, but not marked as such; unlabelled samples are missed too.
        known: Share of the samples about which the label says anything.
    """

    case: str
    split: str | None
    right: int
    wrong: int
    missed: int
    known: float

    @property
    def dice(self) -> float:
        """``2 right / (2 right + wrong + missed)``; 1 where nothing is there and none marked."""
        total = 2 * self.right + self.wrong + self.missed
        return 2 * self.right / total if total else 1.0

    @property
    def iou(self) -> float:
        """``right / (right + wrong + missed)``; 1 where nothing is there and none marked."""
        total = self.right + self.wrong + self.missed
        return self.right / total if total else 1.0

    @property
    def precision(self) -> float:
        """Share of the marked samples that are right; NaN where none is marked."""
        marked = self.right + self.wrong
        return self.right / marked if marked else math.nan

    @property
    def recall(self) -> float:
        """Share of the true samples that are marked; NaN where there are none."""
        there = self.right + self.missed
        return self.right / there if there else math.nan


@dataclass(frozen=True)
class LabelQuality:
    """Agreement of all cases that have labels of places."""

    rows: tuple[Agreement, ...]

    def summary(self) -> dict[str, float]:
        """Means over cases (NaN left out), pooled values, and the counts behind them."""
        summary: dict[str, float] = {"cases": len(self.rows)}
        summary["empty"] = sum(not (r.right or r.wrong or r.missed) for r in self.rows)
        if not self.rows:
            return summary
        pool = self.pooled()
        for name in MEASURES:
            values = [v for r in self.rows if not math.isnan(v := getattr(r, name))]
            summary[name] = float(np.mean(values)) if values else math.nan
            summary[f"pooled_{name}"] = getattr(pool, name)
        return summary

    def pooled(self) -> Agreement:
        """All samples of all cases as if of one image."""
        right, wrong, missed = (
            sum(getattr(r, name) for r in self.rows) for name in ("right", "wrong", "missed")
        )
        known = float(np.mean([r.known for r in self.rows])) if self.rows else math.nan
        return Agreement("all", None, right, wrong, missed, known)

    def lines(self) -> list[str]:
        """A table to print: one row a measure."""
        summary = self.summary()
        if not self.rows:
            return ["label quality: no label says anything of places, so there is no overlap"]
        title = f"weak labels of {len(self.rows)} cases, compared with the truth"
        head = f"{'':<12}{'mean':>8}{'pooled':>8}"
        rows = [f"{n:<12}{summary[n]:>8.3f}{summary['pooled_' + n]:>8.3f}" for n in MEASURES]
        empty = int(summary["empty"])
        left = [f"{empty} cases are empty in both and count as 1"] if empty else []
        return [title, head, *rows, *left]

    def write(self, path: Path) -> Path:
        """Write one row a case as CSV."""
        names = ("case", "split", *MEASURES, "right", "wrong", "missed", "known")
        with written(path) as temporary, temporary.open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(names)
            for row in self.rows:
                values = (getattr(row, name) for name in names)
                table.writerow([f"{v:.6g}" if isinstance(v, float) else v for v in values])
        return path


def label_quality(weak: Cohort, reference: Cohort) -> LabelQuality:
    """Compare the labels of ``weak`` with those of ``reference``, case by case.

    Cases that have no label of places in either (bag labels, unlabelled) are left out.
    """
    return LabelQuality(tuple(agreements(weak, reference, weak.classes)))


def agreements(
    weak: Iterable[Case], reference: Iterable[Case], classes: tuple[str, ...]
) -> Iterator[Agreement]:
    """`Agreement` of each case of ``weak`` with the case of the same id in ``reference``."""
    truths = {case.id: case for case in reference}
    for case in weak:
        image = _annotated_image(case)
        if image is None or case.id not in truths or _annotated_image(truths[case.id]) is None:
            continue
        label = annotate_overview(case, image, classes)
        real = annotate_overview(truths[case.id], image, classes).category
        right = (label.category == real) & (real > 0)
        yield Agreement(
            case.id,
            case.split,
            int(right.sum()),
            int(((label.category > 0) & ~right).sum()),
            int(((real > 0) & ~right).sum()),
            float(label.known.mean()),
        )


def _annotated_image(case: Case) -> str | None:
    return next((k.image for k in case.labels if not isinstance(k, CaseLabel)), None)
