"""Bags that an import makes: their instances lie in one file of the cohort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np

from inklings.bags.instance_truth import keep_instance_truth
from inklings.bags.summary import summary
from inklings.bags.writer import STORE, MadeBag, ranges
from inklings.cohorts.bags import ROWS
from inklings.cohorts.case import Split
from inklings.cohorts.cohort import Cohort
from inklings.datasets.dataset import Converted, Plain, Stored
from inklings.datasets.findings import ImportFinding
from inklings.errors import DataError
from inklings.labels.kinds import CaseLabel
from inklings.readers.bag_files import write


@dataclass(frozen=True)
class MadeBags:
    """All bags of a dataset.

    Attributes:
        bags: In their order.
        classes: Which their labels speak of.
        facts: Of the cohort, the task among them.
        words: What was guessed or passed over, a line each.
    """

    bags: Sequence[MadeBag]
    classes: tuple[str, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class BagItem:
    """One bag, and where its instances lie in the file of all."""

    id: str
    store: Path
    rows: str
    patient: str
    labels: tuple[CaseLabel, ...]
    split: Split | None
    facts: Mapping[str, str]
    findings: tuple[ImportFinding, ...] = ()

    @property
    def stamp(self) -> str:
        """Changes with its rows and with what is said of it."""
        return f"{self.rows} {self.patient} {self.split} {self.labels} {sorted(self.facts.items())}"


class BagCohort(Plain):
    """What datasets of made bags have in common; `made` is left to write.

    Attributes:
        tells_unlabelled: Whether a bag without a label is a finding, rather than what is wanted.
    """

    noun: str = "bags"
    tells_unlabelled: ClassVar[bool] = True

    def made(self) -> MadeBags:
        """All bags, the same each time it is called.

        Raises:
            DataError: If they cannot be made.
        """
        raise NotImplementedError

    def items(self, scratch: Path) -> Sequence[BagItem]:
        """Bags, whose instances are written beside the cohort."""
        made, store = self.made(), scratch.parent / STORE
        if not made.bags:
            raise DataError("expected at least one bag, got none")
        write(store, np.concatenate([bag.instances for bag in made.bags]))
        items = [
            BagItem(
                id=bag.id,
                store=store,
                rows=rows,
                patient=bag.patient or bag.id,
                labels=bag.labels(made.classes),
                split=bag.split,
                facts=bag.facts,
            )
            for bag, rows in zip(made.bags, ranges(made.bags), strict=True)
        ]
        require_whole_patients(items)
        told = tuple(
            ImportFinding(self.told_of, "table", word.removeprefix(f"{self.told_of}: "))
            for word in made.words
        )
        unsaid = [
            ImportFinding(i.id, "no label", "no row of the bag has one")
            for i in items
            if self.tells_unlabelled and not i.labels
        ]
        own = {finding.case: (finding,) for finding in unsaid}
        items = [replace(item, findings=own.get(item.id, ())) for item in items]
        return [replace(items[0], findings=(*items[0].findings, *told)), *items[1:]]

    def convert(self, item: BagItem) -> Converted:
        """One bag."""
        return Converted(
            {"instances": Stored(item.store)},
            item.labels,
            patient=item.patient,
            split=item.split,
            facts={**item.facts, ROWS: item.rows},
            findings=item.findings,
        )

    def finish(self, cohort: Cohort, out: Path) -> tuple[Cohort, Sequence[str]]:
        """With classes, task and, apart from both, labels of instances."""
        made = self.made()
        here = {case.id for case in cohort}
        known = {b.id: b.truth for b in made.bags if b.truth is not None and b.id in here}
        if known:
            keep_instance_truth(out, known)
        whole = replace(cohort, classes=made.classes, facts={**cohort.facts, **made.facts})
        return whole, (*made.words, *summary(whole))

    @property
    def told_of(self) -> str:
        """What findings about the whole source are told of."""
        return "source"


class _Parted(Protocol):
    @property
    def id(self) -> str:
        """Of the bag."""

    @property
    def patient(self) -> str:
        """Whose it is."""

    @property
    def split(self) -> Split | None:
        """Its part."""


def require_whole_patients(bags: Sequence[_Parted]) -> None:
    """Check that no patient is in two parts: such a one would be learnt from and scored.

    Raises:
        DataError: If one is; the message names two of the bags.
    """
    part: dict[str, _Parted] = {}
    for bag in bags:
        before = part.setdefault(bag.patient, bag)
        if before.split != bag.split:
            raise DataError(
                f"patient {bag.patient}: expected all bags in one part, got {before.id} in "
                f"{before.split or 'none'} and {bag.id} in {bag.split or 'none'}"
            )
