"""Bags of one instance each, labelled by what a weak task must not know.

The reference pretrains its encoder on the labels of the instances. That is no weak supervision
any more; it is here for comparison, under a name that says so, and whatever is trained from it
carries the warning. The clean way is the default: encoder and pooling end to end on bag labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from inklings.bags.instances import Instances
from inklings.bags.writer import MadeBag
from inklings.cohorts.bags import spans
from inklings.cohorts.cohort import Cohort
from inklings.datasets.bag_cohort import BagCohort, MadeBags
from inklings.datasets.dataset import Argument, stamp_of
from inklings.errors import DataError
from inklings.evaluation.instance_truth import instance_truth

WARNING = "the labels of instances were used in training, which a weak task does not have"


@dataclass(frozen=True)
class LeakedInstances(BagCohort):
    """LEAKS LABELS: every instance a bag of its own, with its true label, for comparison.

    The reference pretrains its encoder like this. Runs that begin with such weights say so.
    """

    source: Annotated[Path, Argument("Cohort of bags whose instances have labels.")]
    classes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """After the cohort."""
        return f"{self.source.absolute().name}, instances"

    @property
    def facts(self) -> dict[str, Any]:
        """The warning."""
        return {"warning": WARNING}

    def made(self) -> MadeBags:
        """Every instance of train and val; the test part stays out, so that none of it is seen.

        Raises:
            DataError: If the cohort has no labels of instances, or is not split.
        """
        return _leaked(self.source, stamp_of(self.source))


@lru_cache(maxsize=1)
def _leaked(folder: Path, stamp: str) -> MadeBags:  # noqa: ARG001
    cohort, truth = Cohort.read(folder), instance_truth(folder)
    cases = [case for case in cohort if case.split in ("train", "val") and case.id in truth]
    if not cases:
        raise DataError(f"{folder}: expected a split cohort with labels of instances, got none")
    instances = Instances([spans(case) for case in cases], 2**40)
    bags = [
        MadeBag(
            id=f"{case.id}-{row:04d}",
            instances=values[row : row + 1],
            present=tuple(bool(labels[row] == k + 1) for k in range(len(cohort.classes))),
            patient=case.patient,
            split=case.split,
        )
        for i, case in enumerate(cases)
        for values, labels in [(instances.take(i), truth[case.id])]
        for row in range(len(np.atleast_1d(labels)))
    ]
    return MadeBags(bags, cohort.classes, {**cohort.facts, "warning": WARNING})
