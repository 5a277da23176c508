"""Bags in memory become a cohort folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.bags.instance_truth import keep_instance_truth
from inklings.cohorts.bags import ROWS
from inklings.cohorts.case import Case, Split
from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError
from inklings.labels.kinds import BagLabel, CaseLabel, SurvivalLabel, ValueLabel
from inklings.readers.bag_files import write

STORE = "instances.h5"


@dataclass(frozen=True)
class MadeBag:
    """One bag.

    Attributes:
        id: Of the case.
        instances: ``(N, D)`` or ``(N, C, H, W)``.
        present: For each class, whether it is there; None where that is not known. Empty where
            the bag has a number.
        patient: Bags of one patient share a split.
        split: None to split later.
        truth: ``(N,)`` labels of the instances, for evaluation only; None where unknown.
        facts: What else is known of the bag.
        outcome: Its number, or its time and whether that is an event; None where there is none.
    """

    id: str
    instances: NDArray[Any]
    present: tuple[bool | None, ...] = ()
    patient: str = ""
    split: Split | None = None
    truth: NDArray[np.uint8] | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    outcome: ValueLabel | SurvivalLabel | None = None

    def labels(self, classes: Sequence[str]) -> tuple[CaseLabel, ...]:
        """What is known of it, as its case holds it."""
        if not self.present:
            return () if self.outcome is None else (self.outcome,)
        pairs = zip(classes, self.present, strict=True)
        return tuple(BagLabel(name, bool(there)) for name, there in pairs if there is not None)


def ranges(bags: Sequence[MadeBag]) -> list[str]:
    """The fact ``rows`` of each bag, where all lie one after the other."""
    stops = np.cumsum([len(bag.instances) for bag in bags]).tolist()
    return [f"{start}:{stop}" for start, stop in zip([0, *stops], stops, strict=False)]


def write_bags(
    out: Path, name: str, classes: Sequence[str], bags: Sequence[MadeBag], facts: Mapping[str, Any]
) -> Cohort:
    """Write the cohort, one file of instances, and their labels apart from both.

    Raises:
        DataError: If there are no bags, or ``out`` holds something else.
    """
    if not bags:
        raise DataError("expected at least one bag, got none")
    if out.exists() and any(out.iterdir()) and not (out / STORE).exists():
        raise DataError(f"{out} is not empty; give a new folder")
    out.mkdir(parents=True, exist_ok=True)
    (out / "cohort.yaml").unlink(missing_ok=True)  # what is half written is no cohort
    write(out / STORE, np.concatenate([bag.instances for bag in bags]))
    cases = tuple(
        Case(
            id=bag.id,
            patient=bag.patient or bag.id,
            images={"instances": out / STORE},
            labels=bag.labels(classes),
            split=bag.split,
            facts={**bag.facts, ROWS: rows},
        )
        for bag, rows in zip(bags, ranges(bags), strict=True)
    )
    known = {bag.id: bag.truth for bag in bags if bag.truth is not None}
    if known:
        keep_instance_truth(out, known)
    cohort = Cohort(name, cases, tuple(classes), facts)
    cohort.write(out)
    return cohort
