"""Several cohorts as one: classes by name, each case annotating what its cohort could."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError, SpecError
from inklings.labels.kinds import CaseLabel, MaskLabel
from inklings.labels.marks import Claims
from inklings.progress import note

FACT = "cohort"
"""Fact of a case that says which cohort it came from."""


def joined(cohorts: Sequence[Cohort], name: str) -> Cohort:
    """The cases of all of ``cohorts``; a class is one wherever it has the same name.

    A case annotates what it did before: of the classes of other cohorts nothing is known. Patients
    of one name are one patient. A case of one id and the same images in several cohorts is one
    case, with the labels of all, if these are complete or of the same classes; if they are not, or
    of other images, it is called after its cohort as well. A case in which a cohort drew nothing
    annotates none of its classes, if another drew something. A split is kept if every case has one
    and no patient is parted by it. Of all this a note says what was done.

    Args:
        cohorts: Two or more, of different names.
        name: Of the result.

    Raises:
        SpecError: If there are fewer than two cohorts, or two of one name.
        DataError: If one case has two patients or two answers of one name, or ids collide even
            with the names of cohorts.
    """
    names = [cohort.name for cohort in cohorts]
    if len(set(names)) < 2 or len(set(names)) < len(names):
        raise SpecError(
            f"join: expected two cohorts or more, each of its own name, got {', '.join(names)}; "
            "names stand in cohort.yaml"
        )
    classes = tuple(dict.fromkeys(name for cohort in cohorts for name in cohort.classes))
    found: dict[str, list[Case]] = {}
    for cohort in cohorts:
        for case in cohort:
            found.setdefault(case.id, []).append(_of(case, cohort, classes))
    cases = [one for same in found.values() for one in _together(same)]
    _note_patients(cases)
    split = _kept_split(cases)
    facts = {"joined": {cohort.name: dict(cohort.facts) for cohort in cohorts}}
    return Cohort(name, tuple(sorted(split, key=lambda case: case.id)), classes, facts)


def _of(case: Case, cohort: Cohort, classes: Sequence[str]) -> Case:
    """With its cohort as a fact, and annotating what its cohort did."""
    spoken = case.annotates if case.annotates is not None else cohort.classes
    return dataclasses.replace(
        case,
        annotates=None if set(spoken) >= set(classes) else spoken,
        facts={**case.facts, FACT: cohort.name},
    )


def _together(same: Sequence[Case]) -> Sequence[Case]:
    """Cases of one id: one case of those that show the same, each other named after its cohort."""
    if len(same) == 1:
        return same
    alike: dict[Any, list[Case]] = {}
    for case in same:
        shown = frozenset(case.images.items()), frozenset(case.choices.items())
        alike.setdefault(shown, []).append(case)
    found = [one for group in alike.values() for one in _merged(group)]
    if len(found) == 1:
        return found
    renamed = [dataclasses.replace(case, id=f"{_prefix(case)}-{case.id}") for case in found]
    note(f"case {same[0].id} differs between cohorts: {', '.join(c.id for c in renamed)}")
    return renamed


def _prefix(case: Case) -> str:
    """Its cohort, as ids may begin."""
    return re.sub(r"[^\w.+-]+", "_", case.facts[FACT])


def _merged(same: Sequence[Case]) -> Sequence[Case]:
    """Cases of the same images as one; apart where nobody could say what is known of which class.

    Of strokes of one class and strokes of another, say: where only the first were drawn, nothing is
    known of the second.
    """
    if len(same) == 1:
        return same
    first = same[0]
    if len({case.patient for case in same}) > 1:
        who = ", ".join(f"{case.patient} in {case.facts[FACT]}" for case in same)
        raise DataError(
            f"case {first.id}: expected one patient of the same images, got {who}; import one of "
            "them again with the patients of the other"
        )
    _require_one_answer(same)
    drawn = [case for case in same if any(not isinstance(k, CaseLabel) for k in case.labels)]
    spoken = [case.annotates for case in drawn or same]
    sets = {None if names is None else frozenset(names) for names in spoken}
    if len(sets) > 1 and not all(_complete(case) for case in drawn):
        note(
            f"case {first.id} shows the same in {len(same)} cohorts, which annotate different "
            "classes, and not all of them completely: its labels are not put together"
        )
        return same
    splits = {case.split for case in same}
    every = tuple(dict.fromkeys(name for names in spoken if names for name in names))
    note(f"case {first.id} has the same images in {len(same)} cohorts: its labels are combined")
    return [
        dataclasses.replace(
            first,
            labels=tuple(dict.fromkeys(label for case in same for label in case.labels)),
            split=splits.pop() if len(splits) == 1 else None,
            annotates=None if None in spoken else every,
            facts={**first.facts, FACT: "+".join(case.facts[FACT] for case in same)},
        )
    ]


def _require_one_answer(same: Sequence[Case]) -> None:
    """Refuse cohorts that answer differently for a case as a whole: one would overrule another."""
    said: dict[tuple[type[CaseLabel], str], tuple[CaseLabel, str]] = {}
    for case in same:
        for label in case.labels:
            if not isinstance(label, CaseLabel):
                continue
            first, who = said.setdefault((type(label), label.name), (label, case.facts[FACT]))
            if label != first:
                raise DataError(
                    f"case {case.id}: expected one answer for {label.name} of the same images, "
                    f"got {first} in {who}, {label} in {case.facts[FACT]}; correct one of them "
                    "and import it again"
                )


def _complete(case: Case) -> bool:
    """Whether what is drawn says of every sample what it is."""
    if any(isinstance(k, MaskLabel) and k.extent == "complete" for k in case.labels):
        return True
    claims = Claims.of([k for k in case.labels if not isinstance(k, MaskLabel | CaseLabel)])
    return claims.exhaustive and not claims.limited


def _note_patients(cases: Sequence[Case]) -> None:
    """Say which patients are in several cohorts: of one name, they may be different people."""
    of: dict[str, set[str]] = {}
    for case in cases:
        of.setdefault(case.patient, set()).add(case.facts[FACT])
    shared = sorted(name for name, cohorts in of.items() if len(cohorts) > 1)
    if shared:
        some = ", ".join(shared[:5]) + (", ..." if len(shared) > 5 else "")
        note(
            f"{len(shared)} patients are in several cohorts by name and will share a split: {some}"
        )


def _kept_split(cases: Sequence[Case]) -> Sequence[Case]:
    """The cases as they are split; with none where some are not, or a patient would be parted."""
    parts: dict[str, set[str | None]] = {}
    for case in cases:
        parts.setdefault(case.patient, set()).add(case.split)
    open_ = sum(case.split is None for case in cases)
    parted = sorted(name for name, splits in parts.items() if len(splits) > 1)
    if not open_ and not parted:
        return cases
    if open_ < len(cases):
        why = (
            f"{open_} of {len(cases)} cases have none"
            if open_
            else f"it would part patient {parted[0]}"
        )
        note(f"the split is not kept, since {why}: run 'inklings split'")
    return [dataclasses.replace(case, split=None) for case in cases]


def joined_text(cohort: Cohort) -> str:
    """How many cases came from where."""
    counts = Counter(case.facts[FACT] for case in cohort)
    return ", ".join(f"{n} of {name}" for name, n in counts.items())
