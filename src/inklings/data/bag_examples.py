"""What a training on bags is given: where the instances are, and one label a bag.

There is no field for labels of instances, and none is read: where they exist they lie behind
`inklings.evaluation`, which nothing here may import.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inklings.bags.instances import Instances
from inklings.bags.task import Task, target
from inklings.cohorts.bags import common_shape, spans
from inklings.cohorts.case import Case
from inklings.data.packed import budget_bytes
from inklings.errors import LabelError, SpecError


@dataclass(frozen=True)
class BagExamples:
    """Bags and what is known about each, in one order.

    Attributes:
        instances: By bag.
        value: ``(B, K)`` float32 answers.
        known: ``(B, K)`` which of them are facts.
        shape: Of an instance.
        ids: Of the cases.
    """

    instances: Instances
    value: NDArray[np.float32]
    known: NDArray[np.bool_]
    shape: tuple[int, ...]
    ids: tuple[str, ...]

    def __post_init__(self) -> None:
        if not len(self.instances) == len(self.value) == len(self.known) == len(self.ids):
            raise SpecError(
                f"expected as many labels and ids as bags, got {len(self.instances)} bags, "
                f"{len(self.value)} labels, {len(self.ids)} ids"
            )

    def __len__(self) -> int:
        return len(self.instances)

    def some(self, numbers: Sequence[int]) -> BagExamples:
        """Only the bags with these numbers, in this order."""
        rows = list(map(int, numbers))
        ids = tuple(self.ids[i] for i in rows)
        found = self.instances.some(rows)
        return BagExamples(found, self.value[rows], self.known[rows], self.shape, ids)


def gather_bags(
    cases: Sequence[Case], classes: Sequence[str], task: Task, unlabelled: bool = False
) -> BagExamples:
    """The bags of ``cases``; instances beyond the memory budget stay on disk.

    Args:
        cases: Whose bags.
        classes: That labels speak of.
        task: What is asked.
        unlabelled: Whether bags without a label are wanted too, for losses that read them.

    Raises:
        LabelError: If none of them has a label.
        DataError: If instances are missing or differ in shape.
    """
    pairs = [target(case, classes, task) for case in cases]
    kept = [i for i, (_, known) in enumerate(pairs) if known.any()]
    if not kept:
        raise LabelError(
            f"expected bag labels of {', '.join(classes)} in {len(cases)} cases, got none; import "
            "the table of labels too"
        )
    if unlabelled:
        kept = list(range(len(cases)))
    chosen = [cases[i] for i in kept]
    return BagExamples(
        Instances([spans(case) for case in chosen], budget_bytes()),
        np.stack([pairs[i][0] for i in kept]),
        np.stack([pairs[i][1] for i in kept]),
        common_shape(chosen),
        tuple(case.id for case in chosen),
    )
