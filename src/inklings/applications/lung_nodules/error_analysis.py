"""What became of the nodules of a cohort, stage by stage, and the score of the field beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.applications.lung_nodules.cascade import MALIGNANCY
from inklings.applications.lung_nodules.error_table import ErrorTable, Rule, error_table
from inklings.applications.lung_nodules.malignancy import compare
from inklings.applications.lung_nodules.report import CascadeScores
from inklings.applications.lung_nodules.search import write_report
from inklings.applications.lung_nodules.stages import Cascade
from inklings.cohorts.case import Case, Split
from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError
from inklings.evaluation.evaluate import evaluate
from inklings.evaluation.family import Settings
from inklings.evaluation.intervals import Bootstrap
from inklings.evaluation.ranking import ROC, roc
from inklings.files import write_json, write_text
from inklings.findings.finding import Finding
from inklings.labels.kinds import BallLabel
from inklings.predictions import findings as files
from inklings.predictions.findings import Findings
from inklings.reports.roc import roc_chart, roc_picture

FILE = "error_analysis.json"
RULES: tuple[Rule, ...] = ("reference", "luna16")
_NODULE = "nodule"


def error_analysis(
    out: Path, inputs: Sequence[Path], run: Path, split: Split | None = None
) -> Iterator[str]:
    """Score the findings in ``out`` against the cohort; yields the lines of it.

    Writes ``error_analysis.json`` (what each stage lost, by the rule of the reference and that of
    LUNA16), the scores of `inklings evaluate`, and ``roc.csv`` and ``roc.png`` of malignancy beside
    the diameter where it was asked for.

    Args:
        out: Folder that `inklings nodules` wrote.
        inputs: One cohort.
        run: The stages, whose thresholds count.
        split: The part that was searched.

    Raises:
        DataError: If there is no single cohort, or nothing was searched.
    """
    folders = [path for path in inputs if (path / "cohort.yaml").is_file()]
    if len(folders) != 1:
        raise DataError(f"--validation: expected one cohort, got {len(folders)} of {len(inputs)}")
    cohort, cascade = Cohort.read(folders[0]), Cascade.load(run)
    cases = cohort.cases if split is None else cohort.part(split)
    balls = {case.id: balls_of(case) for case in cases}
    found = {one.case: one for one in files.read_all(out) if one.case in balls}
    if not found:
        raise DataError(f"{out}: expected findings of cases of {folders[0]}, got none")
    settings = Settings(split=split or "all", bootstrap=Bootstrap(1000))
    table = evaluate(out, folders[0], settings)
    record: dict[str, object] = {"run": str(run), "cohort": str(folders[0])}
    lines: list[str] = []
    tables: list[ErrorTable] = []
    for rule in RULES:
        total: ErrorTable = reduce(
            add,
            [
                error_table(one.found, balls[case], cascade.threshold, cascade.suspicious, rule)
                for case, one in found.items()
            ],
        )
        tables.append(total)
        record[rule] = total.record()
        lines += [*total.text().splitlines(), ""]
    notes: list[str] = []
    curves: dict[str, list[Any]] | None = None
    if cascade.malignancy is None:
        notes.append("no stage was asked for malignancy: every nodule counts as called benign")
        lines += [*notes, ""]
    table.write(out)
    lines += table.text().splitlines()
    if (asked := rated(found, cases)) is not None:
        verdict = compare(asked.said, asked.diameter_mm, asked.malignant, asked.patient)
        record["malignancy"] = verdict.sentence
        notes.append(verdict.sentence)
        lines += ["", verdict.sentence]
        ranked = {"model": asked.said, "diameter": asked.diameter_mm}
        curves = roc(ranked, asked.malignant)
        write_text(out / ROC, roc_chart(curves).csv())
        roc_picture(curves, out / "roc.png")
    write_json(out / FILE, record)
    scores = CascadeScores(tuple(tables), table, tuple(notes), curves)
    write_report(out, list(found.values()), run, scores)
    yield from ("", *lines, "")
    yield f"error analysis -> {out / FILE}, {out / 'froc.json'}"


@dataclass(frozen=True)
class Rated:
    """The nodules that were found and that somebody rated.

    Attributes:
        said: ``(n,)`` probability of malignancy.
        diameter_mm: ``(n,)`` as annotated.
        malignant: ``(n,)`` bool.
        patient: Of each.
    """

    said: NDArray[np.float64]
    diameter_mm: NDArray[np.float64]
    malignant: NDArray[np.bool_]
    patient: tuple[str, ...]


def rated(found: Mapping[str, Findings], cases: Sequence[Case]) -> Rated | None:
    """None where no malignancy was asked, or one of the two kinds was not found."""
    rows = [
        (mine.number(MALIGNANCY), float(ball.diameter_mm or 0), ball.malignant, case.patient)
        for case in cases
        if case.id in found
        for ball in balls_of(case)
        if ball.malignant is not None
        and (mine := _on(ball, found[case.id].found)) is not None
        and mine.number(MALIGNANCY) is not None
    ]
    if len({row[2] for row in rows}) < 2:
        return None
    said, size, malignant, who = zip(*rows, strict=True)
    return Rated(np.array(said, float), np.array(size), np.array(malignant, bool), who)


def balls_of(case: Case) -> list[BallLabel]:
    """The nodules of a case, without what counts neither for nor against anybody."""
    return [b for b in case.labels if isinstance(b, BallLabel) and b.name == _NODULE]


def _on(ball: BallLabel, found: Sequence[Finding]) -> Finding | None:
    """The most probable finding inside a nodule."""
    reach = (ball.diameter_mm or 0) / 2
    inside = [
        one for one in found if np.linalg.norm(np.subtract(one.centre_mm, ball.centre_mm)) < reach
    ]
    return max(inside, key=lambda one: one.score, default=None)
