"""The first screen of a report: is it good enough, for whom not, and what next.

Sentences from numbers that stand further down; nothing here is judged that is not measured.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from inklings.evaluation.changes import chance, is_brief, number
from inklings.evaluation.head_lines import of_patients
from inklings.evaluation.intervals import FEW
from inklings.evaluation.scores import Row, Scores
from inklings.predictions.likeness_table import read_likeness, unlike
from inklings.reports.examples import RANKED_BY, is_number, mean_over
from inklings.reports.material import Material

_WHOLE = ("auc", "accuracy", "kappa", "concordance", "mae")
"""What says most of a run that answers for whole cases; the first that is there.

Where none of these was scored, it is what stands first in the table."""
_NAMED = 3
_MANY = 10

Glance = dict[str, list[str]]
"""Heading to sentences."""


def glance(material: Material) -> Glance | None:
    """Sentences under three headings; None where nothing was scored."""
    table = material.table
    if table is None or not table.rows:
        return None
    by = next(
        (name for name in RANKED_BY if any(name in mean_over(x, name) for x in table.cases)), ""
    )
    lines = [mean_over(line, by) for line in table.cases] if by else []
    scored = [line for line in lines if is_number(line.get(by))]
    found = {
        "Is it good enough?": list(_how_good(table, by, scored)),
        "For whom not?": list(_for_whom(material, table, by, scored)),
        "What next?": list(_next(material, table)),
    }
    return {heading: said for heading, said in found.items() if said}


def _how_good(table: Scores, by: str, lines: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    main = [row for row in table if row.metric == by] or _of_whole(table)
    for row in main:
        of = "" if row.label == "all" or len(main) == 1 else f" of {row.label}"
        if math.isnan(row.value):
            yield f"{row.title}{of}: not defined for any of these cases."
            continue
        yield (
            f"{row.title}{of}: {number(row.value)}{_unit(row)} over {row.n} case"
            f"{'s' if row.n != 1 else ''} of {of_patients(row.patients)}{_between(row)}."
        )
    if len(lines) >= _MANY:
        tenth, half = np.quantile([line[by] for line in lines], (0.1, 0.5))
        name = RANKED_BY[by]
        yield f"Half of the cases reach a {name} of {half:.2f}; one in ten stays below {tenth:.2f}."
    yield from _against(table)
    few = min((row.patients for row in main), default=0)
    if 1 < few < FEW:
        yield (
            f"{few} patients are few: with others the result may be anywhere in that interval, "
            "and beyond it."
        )


def _against(table: Scores) -> Iterator[str]:
    """What is surely worse than the other run, and then what is better, in the same words."""
    shown = [change for change in table.changes if is_brief(change.metric)]
    several = len({change.label for change in shown} - {"all"}) > 1
    for verdict, told in (("WORSE", "Worse"), ("better", "Better")):
        found = [
            f"{change.title}{f' of {change.label}' if several else ''} "
            f"{number(change.second)} to {number(change.first)} "
            f"(p {chance(change.p)})"
            for change in shown
            if change.verdict == verdict
        ]
        if found:
            more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
            yield f"{told} than the other run: {', '.join(found[:_NAMED])}{more}."


def _of_whole(table: Scores) -> list[Row]:
    name = next((name for name in _WHOLE if name in table), table.rows[0].metric)
    return [row for row in table if row.metric == name]


def _unit(row: Row) -> str:
    return f" {row.unit}" if row.unit else ""


def _between(row: Row) -> str:
    if math.isnan(row.low) or math.isnan(row.high):
        return ", which is too few for an interval"
    return f", {number(row.low)} to {number(row.high)} with 95 % confidence"


def _for_whom(
    material: Material, table: Scores, by: str, lines: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    patients: dict[str, list[float]] = defaultdict(list)
    for line in lines:
        patients[str(line.get("patient", line["case"]))].append(float(line[by]))
    means = {who: math.fsum(values) / len(values) for who, values in patients.items()}
    if len(means) > 1:
        worst = min(means, key=lambda who: means[who])
        count = len(patients[worst])
        yield (
            f"Worst patient: {worst}, {RANKED_BY[by]} {means[worst]:.2f} in the mean of {count} "
            f"case{'s' if count != 1 else ''}; of all others {_others(means, worst):.2f}."
        )
    if len(lines) > 1:
        ordered = sorted(lines, key=lambda line: float(line[by]))[:_NAMED]
        named = ", ".join(f"{line['case']} ({line[by]:.2f})" for line in ordered)
        yield f"Worst cases: {named}."
    for said in table.head.get("groups", ()):
        yield f"{str(said)[:1].upper()}{str(said)[1:]}."
    if far := _unlike(material):
        named = ", ".join(far[:_NAMED]) + (", ..." if len(far) > _NAMED else "")
        yield f"Unlike the training images: {len(far)} images ({named})."


def _others(means: Mapping[str, float], worst: str) -> float:
    others = [value for who, value in means.items() if who != worst]
    return math.fsum(others) / len(others)


def _unlike(material: Material) -> list[str]:
    return unlike(read_likeness(material.predictions)) if material.predictions else []


def _next(material: Material, table: Scores) -> Iterator[str]:
    scored = int(table.head.get("patients") or 0)
    learnt = 0
    if material.cohort is not None:
        learnt = len({case.patient for case in material.cohort.part("train")})
    if 0 < scored < FEW:
        yield (
            f"Score more patients: {scored} were scored, and intervals narrow with patients, "
            "not with images."
        )
    if 0 < learnt < FEW:
        yield f"Train on more patients: it was trained on {of_patients(learnt)}."
    if _unlike(material):
        yield "Look at the images that are unlike the training images before you trust them."
    if table.head.get("split") == "test":
        yield (
            "Correct training cases: 'inklings predict --split train', then 'inklings suggest' for "
            "the least certain, then 'inklings view'. With test cases the scores would be too "
            "optimistic."
        )
