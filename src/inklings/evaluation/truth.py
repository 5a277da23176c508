"""The reference standard of a cohort whose labels were weakened.

This is the one door to it. Training, supervision, sampling, correction and inference may not
import this module, and the test of the architecture sees to it.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError
from inklings.simulation.weaken import TRUTH_FILE, origin


def is_weakened(folder: Path) -> bool:
    """Whether the cohort in ``folder`` has its truth elsewhere."""
    return (folder / TRUTH_FILE).exists()


def truth(folder: Path) -> Cohort:
    """The cohort in ``folder`` with the labels it had before they were weakened.

    Ids, patients, splits and images are those of ``folder``; a cohort that was not weakened is
    its own reference standard.

    Raises:
        DataError: If the full cohort is gone, or lacks a case.
    """
    cohort = Cohort.read(folder)
    if not is_weakened(folder):
        return cohort
    source = folder / origin(folder)["cohort"]
    try:
        full = truth(source)
    except DataError as error:
        raise DataError(
            f"{folder / TRUTH_FILE} points at the full cohort {source}, which cannot be read: "
            f"{error}; put it back, or correct the path in the file"
        ) from None
    true = {case.id: case for case in full}
    lost = [case.id for case in cohort if case.id not in true]
    if lost:
        raise DataError(
            f"expected the truth of all {len(cohort)} cases in {source}, got none of {len(lost)} "
            f"({', '.join(lost[:3])}{', ...' if len(lost) > 3 else ''}); weaken the cohort again"
        )
    cases = tuple(
        dataclasses.replace(case, labels=true[case.id].labels, annotates=true[case.id].annotates)
        for case in cohort
    )
    return dataclasses.replace(full, cases=cases)
