"""Which cases are scored: those of a part that are predicted, and that the run has not seen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol

from inklings import __version__
from inklings.cohorts.case import SPLITS, Case
from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError, SpecError
from inklings.evaluation.truth import truth
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.head import Head
from inklings.progress import note

Part = Literal["test", "val", "train", "all"]


class Asked(Protocol):
    """What a selection goes by; see `inklings.evaluation.folders.Settings`."""

    @property
    def split(self) -> Part:
        """Which part of the cohort."""

    @property
    def allow_seen(self) -> bool:
        """Score also patients that the run learnt from."""


@dataclass(frozen=True)
class Selection:
    """Cases of the reference standard that are predicted and asked for."""

    cases: tuple[Case, ...]
    part: str
    split_hash: str | None
    cohort: str
    folder: Path
    warnings: tuple[str, ...]


def select(predictions: Path, cohort: Path, head: Head, settings: Asked) -> Selection:
    """Which cases are scored, after all that could spoil a score was looked for.

    Raises:
        SpecError: If patients are scored that the run learnt from.
        DataError: If cases or classes do not fit together.
    """
    labelled, standard = Cohort.read(cohort), truth(cohort)
    unknown = [name for name in head.classes if name not in standard.classes]
    if unknown:
        raise DataError(
            f"predicted class {unknown[0]!r} is not annotated in cohort {standard.name} "
            f"(classes: {', '.join(standard.classes)}); give the cohort that was predicted"
        )
    split = labelled if labelled.is_split else standard
    part = settings.split if split.is_split else "all"
    wanted = {case.id for case in split if part == "all" or case.split == part}
    predicted = set(PredictionFolder.open(predictions).cases)
    foreign = sorted(predicted - {case.id for case in standard})
    if foreign:
        raise DataError(
            f"{len(foreign)} of {len(predicted)} predicted cases are not in cohort "
            f"{standard.name} ({_some(foreign)}); give the cohort that was predicted"
        )
    cases = tuple(case for case in standard if case.id in wanted & predicted)
    what = "cases" if part == "all" else f"{part} cases"
    if not cases:
        raise DataError(
            f"none of the {len(wanted)} {what} of cohort {standard.name} is predicted in "
            f"{predictions}; predict them, or choose a part with --split {'|'.join(SPLITS)}|all"
        )
    _refuse_seen(cases, head, settings)
    warnings = []
    if len(cases) < len(wanted):
        warnings.append(f"{len(wanted) - len(cases)} of {len(wanted)} {what} are not predicted")
    trained = head.provenance.split_hash
    if trained and split.split_hash and trained != split.split_hash:
        warnings.append(
            f"run {Path(head.provenance.run).name} was trained on split {trained}, but the cohort "
            f"now has split {split.split_hash}"
        )
    for line in warnings:
        note(f"warning: {line}")
    return Selection(cases, part, split.split_hash, standard.name, cohort, tuple(warnings))


def _refuse_seen(cases: Iterable[Case], head: Head, settings: Asked) -> None:
    seen = sorted({case.patient for case in cases} & set(head.trained_on or ()))
    if seen and not settings.allow_seen:
        raise SpecError(
            f"the run learnt from {len(seen)} of the patients to be scored ({_some(seen)}), so the "
            "numbers would flatter; score the test part, or say --allow-seen"
        )


def common(mine: Selection, theirs: Selection) -> Selection:
    """The cases that both runs predicted.

    Raises:
        DataError: If there is none.
    """
    ids = {case.id for case in theirs.cases}
    cases = tuple(case for case in mine.cases if case.id in ids)
    left = len(mine.cases) + len(theirs.cases) - 2 * len(cases)
    if not cases:
        raise DataError("the two folders of predictions have no case in common")
    warnings = (f"{left} cases predicted by one run only were left out",) if left else ()
    for line in warnings:
        note(f"warning: {line}")
    return replace(mine, cases=cases, warnings=mine.warnings + warnings)


def require_same_classes(head: Head, other: Head) -> None:
    """Raise DataError unless two runs answer the same questions."""
    if head.classes != other.classes:
        raise DataError(
            f"expected two runs that predict the same classes, got {', '.join(head.classes)} "
            f"and {', '.join(other.classes)}"
        )


def facts_of(predictions: Path, head: Head, selection: Selection) -> dict[str, Any]:
    """What a table of scores says of its origin."""
    return {
        "cohort": selection.cohort,
        "cohort_folder": str(selection.folder.resolve()),
        "split": selection.part,
        "split_hash": selection.split_hash,
        "predictions": str(predictions),
        "run": head.provenance.run,
        "weights_sha256": head.provenance.weights_sha256,
        "thresholds": list(head.thresholds),
        "seen": len({case.patient for case in selection.cases} & set(head.trained_on or ())),
        "warnings": list(selection.warnings),
        "version": __version__,
    }


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
