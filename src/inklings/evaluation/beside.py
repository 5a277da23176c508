"""Dense references of the same cases beside sparse ones: ``--dense``."""

from __future__ import annotations

from dataclasses import replace

from inklings.cohorts.leaks import some
from inklings.errors import DataError
from inklings.evaluation import annotated
from inklings.evaluation.family import Job, Selection
from inklings.evaluation.metric import Options
from inklings.evaluation.results import Results
from inklings.evaluation.truth import truth

_ANNOTATED = tuple(metric.name for metric in annotated.metrics(Options()))


def beside(job: Job, selection: Selection) -> Selection:
    """The same cases with the references of another cohort, those that it has.

    Raises:
        DataError: If it has none of them, or lacks a predicted class.
    """
    assert job.dense is not None
    standard = truth(job.dense.resolve())
    if lost := [name for name in job.mine.head.classes if name not in standard.classes]:
        raise DataError(
            f"--dense: predicted class {lost[0]!r} is not annotated in cohort {standard.name} "
            f"(classes: {', '.join(standard.classes)}); give the same cases with whole references"
        )
    there = {case.id: case for case in standard if case.labels}
    cases = [replace(there[c.id], patient=c.patient) for c in selection.cases if c.id in there]
    if not cases:
        raise DataError(
            f"--dense: none of the {len(selection.cases)} scored cases is labelled in cohort "
            f"{standard.name} ({some([c.id for c in selection.cases])}); give the same cases with "
            "whole references"
        )
    facts = {"cohort": standard.name, "cohort_folder": str(job.dense.resolve())}
    return replace(selection, facts=facts, classes=standard.classes).only(cases)


def joined(part: Results, whole: Results, dense: Selection) -> Results:
    """One table: what is said of annotated samples, and all else by the dense reference.

    Raises:
        DataError: If that is sparse itself.
    """
    if sparse := whole.facts.get("judged", {}).get("sparse_cases"):
        raise DataError(
            f"--dense: expected dense references, got {sparse} sparse ones in "
            f"{dense.facts['cohort_folder']}; give the cohort with complete masks"
        )
    own = [row for row in part.rows if row.metric in _ANNOTATED]
    lines = {line["case"]: line for line in whole.cases}
    kept = {"share_judged", *_ANNOTATED}
    cases = tuple(
        {
            **{k: line[k] for k in ("case", "patient")},
            **lines.get(line["case"], {}),
            **{k: v for k, v in line.items() if k.split(":")[0] in kept},
        }
        for line in part.cases
    )
    facts = {"cohort": dense.facts["cohort"], "folder": dense.facts["cohort_folder"]}
    facts |= {"cases": whole.facts["cases"], "patients": whole.facts["patients"]}
    return replace(
        part,
        rows=(*own, *(row for row in whole.rows if row.metric not in _ANNOTATED)),
        cases=cases,
        facts={**part.facts, "empty": whole.facts["empty"], "dense": facts},
        curves=whole.curves,
        rows_of=whole.rows_of,
        over=whole.scored,
        changes=(
            *(c for c in part.changes if c.metric in _ANNOTATED),
            *(c for c in whole.changes if c.metric not in _ANNOTATED),
        ),
        failed={**whole.failed, **part.failed},
    )
