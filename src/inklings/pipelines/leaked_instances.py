"""Bags of one instance each, labelled by what a weak task must not know.

The reference pretrains its encoder on the labels of the instances. That is no weak supervision
any more; it is here for comparison, under a name that says so, and whatever is trained from it
carries the warning. The clean way is the default: encoder and pooling end to end on bag labels.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from inklings.bags.instances import Instances
from inklings.bags.writer import MadeBag, write_bags
from inklings.cases.bags import spans
from inklings.cases.cohort import Cohort
from inklings.errors import DataError
from inklings.evaluation.instance_truth import instance_truth

WARNING = "the labels of instances were used in training, which a weak task does not have"


def leak_instance_labels(folder: Path, out: Path) -> Cohort:
    """Write every instance of train and val as a bag of its own, with its true label.

    The test part stays out: nothing trained here has seen a test instance.

    Raises:
        DataError: If the cohort has no labels of instances, or is not split.
    """
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
    facts = {**cohort.facts, "warning": WARNING}
    return write_bags(out, f"{cohort.name}, instances", cohort.classes, bags, facts)
