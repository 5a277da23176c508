"""Which cases are scored: those of a part of the cohort that are predicted."""

from __future__ import annotations

from pathlib import Path

from inklings.cohorts.case import SPLITS
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.leaks import some
from inklings.errors import DataError
from inklings.evaluation.family import Job, ScoredSource, Selection
from inklings.evaluation.truth import truth
from inklings.labels.kinds import CaseLabel, Label


def select(job: Job) -> Selection:
    """The cases of the part that is asked for and predicted, by both where two are compared.

    Raises:
        DataError: If cases or classes do not fit together, or there is none.
    """
    standard = truth(job.cohort.resolve())
    asked = part_of(job.cohort, standard, job.part)
    mine = _predicted(job.mine, standard, asked)
    if job.theirs is None:
        return mine
    if job.mine.head.classes != job.theirs.head.classes:
        one, other = (", ".join(side.head.classes) for side in (job.mine, job.theirs))
        raise DataError(f"expected two runs that predict the same classes, got {one} and {other}")
    theirs = _predicted(job.theirs, standard, asked)
    ids = {case.id for case in theirs.cases}
    cases = [case for case in mine.cases if case.id in ids]
    if not cases:
        raise DataError("the two folders of predictions have no common case")
    left = len(mine.cases) + len(theirs.cases) - 2 * len(cases)
    lost = (f"{left} cases predicted by one run only were left out",) if left else ()
    return mine.only(cases, *lost)


def part_of(folder: Path, standard: Cohort, part: str) -> Selection:
    """All cases of a part of a cohort with their true labels, and the split that they are of.

    Args:
        folder: Of the cohort.
        standard: Its truth.
        part: Asked for; a cohort without splits has only ``all``.
    """
    labelled = Cohort.read(folder.resolve())
    split = labelled if labelled.is_split else standard
    part = part if split.is_split else "all"
    wanted = {case.id for case in split if part in ("all", case.split)}
    facts = {
        "cohort": standard.name,
        "cohort_folder": str(folder.resolve()),
        "split": part,
        "split_hash": split.split_hash,
    }
    every = Selection(frozenset(), (), split.split_hash, facts, classes=standard.classes)
    return every.only(case for case in standard if case.id in wanted)


def _predicted(source: ScoredSource, standard: Cohort, asked: Selection) -> Selection:
    unknown = [name for name in source.head.classes if name not in standard.classes]
    if unknown:
        raise DataError(
            f"predicted class {unknown[0]!r} is not annotated in cohort {standard.name} "
            f"(classes: {', '.join(standard.classes)}); give the cohort that was predicted"
        )
    predicted = set(source.there.cases)
    foreign = sorted(predicted - {case.id for case in standard})
    if foreign:
        raise DataError(
            f"{len(foreign)} of {len(predicted)} predicted cases are not in cohort "
            f"{standard.name} ({some(foreign)}); give the cohort that was predicted"
        )
    part, total = asked.facts["split"], len(asked.cases)
    what = "cases" if part == "all" else f"{part} cases"
    cases = [case for case in asked.cases if case.id in predicted]
    if not cases:
        raise DataError(
            f"none of the {total} {what} of cohort {standard.name} is predicted in "
            f"{source.path}; predict them, or choose a part with --split {'|'.join(SPLITS)}|all"
        )
    missing = total - len(cases)
    lost = (f"{missing} of {total} {what} are not predicted",) if missing else ()
    return _annotated(source, asked.only(cases, *lost), what)


def _annotated(source: ScoredSource, predicted: Selection, what: str) -> Selection:
    """Without the pictures that nobody annotated: nothing can be said of them.

    Slides that cannot be scored are told apart one by one, and bags have labels as a whole.
    """
    if source.kind != "dense":
        return predicted
    slides, every = source.there.slides, predicted.cases
    bare = [c.id for c in every if c.id not in slides and not any(map(_lies_in_an_image, c.labels))]
    if not bare:
        return predicted
    said = f"{len(bare)} of {len(every)} {what} have no annotation to score against ({some(bare)})"
    if len(bare) == len(every):
        raise DataError(f"{said}; annotate some, choose another part with --split, or split again")
    return predicted.only((c for c in every if c.id not in set(bare)), f"{said} and are left out")


def _lies_in_an_image(label: Label) -> bool:
    return not isinstance(label, CaseLabel)
