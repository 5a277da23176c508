"""The front door: score a folder of predictions whatever it holds, or pairs in memory.

Nothing else makes `Scores`, and each has passed the guard against leaks (`cohorts.leaks`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from inklings import __version__
from inklings.cohorts.leaks import Clearance, Training, clear, some
from inklings.datasets.luna_tables import is_of_ratings
from inklings.errors import DataError
from inklings.evaluation.changes import corrected
from inklings.evaluation.family import (
    FAMILIES,
    Family,
    Job,
    ScoredSource,
    Selection,
    Settings,
)
from inklings.evaluation.froc import Reference
from inklings.evaluation.groups import columns_of, group_lines, group_records, grouped
from inklings.evaluation.intervals import BOOTSTRAP, Bootstrap
from inklings.evaluation.metric import DEFAULT, Options
from inklings.evaluation.pairs import Pair
from inklings.evaluation.promises_kept import kept
from inklings.evaluation.results import Results
from inklings.evaluation.scores import Scores
from inklings.evaluation.scoring import choose, measure, require_rows, tabulate
from inklings.predictions.findings import FOLDER
from inklings.predictions.folder import PredictionFolder, holds_predictions
from inklings.predictions.head import CALIBRATION
from inklings.progress import note

SOMEBODY = Training("what predicted the pairs")


def evaluate(
    predictions: Path,
    reference: Path | Reference | None,
    settings: Settings | None = None,
    compare: Path | None = None,
    dense: Path | None = None,
) -> Scores:
    """Score predictions against the reference standard, with intervals over patients.

    What lies in ``predictions`` decides which metrics there are. The reference standard is the
    truth attached to a weakened cohort, and the cohort itself otherwise. Thresholds are those of
    the run: nothing is chosen here. Nothing is written; see `Scores.write`.

    Args:
        predictions: Folder written by ``inklings predict``, or a table of findings (a submission)
            or of rated nodules.
        reference: Folder of the cohort that was predicted; of findings also what is to be found
            itself.
        settings: What to score and how; by default the test part, with every metric.
        compare: Other predictions, for a paired comparison on the same cases.
        dense: A cohort with the same cases and whole references, beside a partial ``reference``.

    Raises:
        SpecError: If patients are scored that a run was trained on, a metric is unknown or an
            option means nothing here.
        DataError: If cases, classes, shapes or labels do not fit together.
    """
    settings = settings or Settings()
    mine, theirs = source(predictions), source(compare) if compare else None
    if theirs and theirs.kind != mine.kind:
        raise DataError(
            f"--compare: expected {mine.kind} as in {mine.path}, got {theirs.kind} in {theirs.path}"
        )
    family: Family = FAMILIES.get(mine.kind)  # type: ignore[assignment]
    job = Job(mine, theirs, reference, settings, dense)
    family.require_meaning(job)
    scoring = family.prepare(job)
    selection = scoring.selection
    cleared = clear(
        [one.training for one in (mine, theirs) if one],
        selection.patients,
        selection.split_hash,
        allow_seen=settings.allow_seen,
    )
    warnings = (*selection.warnings, *cleared.notes)
    for line in warnings:
        note(f"warning: {line}")
    columns = columns_of(selection.cases, settings.by)
    results = scoring.measure()
    if settings.by and results.rows_of:
        groups = list(grouped(results.rows_of, results.scored, selection.cases, columns))
        results = replace(
            results,
            facts={**results.facts, "groups": group_lines(groups)},
            files={**results.files, "groups.csv": group_records(groups)},
        )
    for case, reason in results.failed.items():
        note(f"warning: case {case} is not scored: {reason}")
    results, told = _with_promises(job, selection, results)
    warnings = (*warnings, *told)
    return _scores(results, cleared, {**_origin(job), "warnings": list(warnings)})


def score(
    pairs: Iterable[Pair],
    metrics: Sequence[str] | None = None,
    *,
    classes: Sequence[str] = ("foreground",),
    options: Options = DEFAULT,
    bootstrap: Bootstrap = BOOTSTRAP,
    training: Training = SOMEBODY,
) -> Scores:
    """Score pairs that are in memory, or come one by one.

    Args:
        pairs: May be a generator; only sums are kept.
        metrics: Names such as ``("dice", "dice_pooled")``; None measures everything.
        classes: Names of the channels of the masks.
        options: Policy for empty masks, tolerance and unit of distances.
        bootstrap: How the intervals are drawn.
        training: Whom whatever predicted was trained on; the scores say it where that is unknown.

    Raises:
        SpecError: If there is no metric of a name, or patients are scored that were trained on.
        DataError: If there are no pairs.
    """
    chosen = choose(metrics, classes, options)
    measured = [measure(pair, chosen) for pair in pairs]
    cleared = clear([training], {one.patient for one in measured})
    results = tabulate(measured, chosen, options, bootstrap)
    require_rows(results.rows, measured, chosen)
    return _scores(results, cleared, {"warnings": list(cleared.notes)})


def source(path: Path) -> ScoredSource:
    """What lies at ``path``: a folder of predictions, or a table.

    Raises:
        DataError: If it is neither.
    """
    if path.is_file():
        return ScoredSource(path, "ratings" if is_of_ratings(path) else "findings")
    inner = path.name == FOLDER and not holds_predictions(path)  # found/findings for found
    there = PredictionFolder.open(path.parent if inner else path)
    return ScoredSource(there.path, there.kind, there)


def _with_promises(
    job: Job, selection: Selection, results: Results
) -> tuple[Results, tuple[str, ...]]:
    """The results with what became of the promises about these predictions, and its warnings."""
    rows, lines, warnings = kept(job, selection)
    for line in warnings:
        note(f"warning: {line}")
    if not rows:
        return results, tuple(warnings)
    facts = {**results.facts, "promises": lines}
    return replace(results, facts=facts, files={**results.files, "promises.csv": rows}), tuple(
        warnings
    )


def _origin(job: Job) -> dict[str, Any]:
    """What the head says of where the predictions are from."""
    head = job.mine.folder.head if job.mine.folder else None
    facts: dict[str, Any] = {"predictions": str(job.mine.path), "kind": job.mine.kind}
    if head:
        facts |= {
            "run": head.provenance.run,
            "weights_sha256": head.provenance.weights_sha256,
            "thresholds": list(head.thresholds),
            "calibration": head.settings.get(CALIBRATION),
        }
    if job.theirs:
        other = job.theirs.folder.head.provenance.run if job.theirs.folder else ""
        facts["against"] = other or str(job.theirs.path)
    return {**facts, "version": __version__}


def _scores(results: Results, cleared: Clearance, head: Mapping[str, Any]) -> Scores:
    """The one place where scores come into being."""
    warnings = [*head["warnings"], *results.warnings]
    facts = {**results.facts, **head, "seen": len(cleared.seen)}
    files = {
        name: {**content, "seen_patients": len(cleared.seen)}
        if cleared.seen and name.endswith(".json")
        else content
        for name, content in results.files.items()
    }
    if results.failed:
        many = "1 case" if len(results.failed) == 1 else f"{len(results.failed)} cases"
        warnings.append(f"{many} could not be scored ({some(sorted(results.failed))})")
        facts["failed"] = dict(results.failed)
    return Scores(
        results.rows, results.cases, {**facts, "warnings": warnings}, results.curves,
        corrected(results.changes), files,
    )  # fmt: skip
