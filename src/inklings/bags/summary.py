"""A cohort of bags in a line: how many of each class, how large, in which parts."""

from __future__ import annotations

from collections import Counter

from inklings.bags.label_words import counted
from inklings.cohorts.bags import spans
from inklings.cohorts.cohort import Cohort


def summary(cohort: Cohort) -> tuple[str, ...]:
    """One line; none where there is no bag.

    Raises:
        DataError: If instances cannot be counted.
    """
    if not len(cohort):
        return ()
    sizes = sorted(sum(map(len, spans(case))) for case in cohort)
    parts = Counter(case.split or "not split" for case in cohort)
    return (
        f"{len(cohort)} bags of {sizes[0]} to {sizes[-1]} instances ({sum(sizes)} in all; "
        f"{', '.join(counted(cohort))}; "
        + ", ".join(f"{count} {part}" for part, count in parts.items())
        + ")",
    )
