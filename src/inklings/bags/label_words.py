"""Labels of bags in words: of one bag, and counted over a cohort."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.labels.kinds import BagLabel, CaseLabel, SurvivalLabel, ValueLabel


def word(label: CaseLabel) -> str:
    """``tumour``, ``no tumour``, ``age 61``, ``os_months 12 (event)``."""
    if isinstance(label, BagLabel):
        return f"{'' if label.present else 'no '}{label.name}"
    if isinstance(label, ValueLabel):
        return f"{label.name} {label.value:g}"
    return f"{label.name} {label.time:g} ({'event' if label.event else 'censored'})"


def counted(cohort: Cohort) -> list[str]:
    """What the labels of a cohort say, class by class; how many cases have none."""
    by_class: dict[str, list[CaseLabel]] = {name: [] for name in cohort.classes}
    without = 0
    for case in cohort:
        mine = [label for label in _of(case) if label.name in by_class]
        without += not mine
        for label in mine:
            by_class[label.name].append(label)
    told = [line for name, labels in by_class.items() for line in _told(name, labels)]
    return told + ([f"{without} without a label"] if without else [])


def _of(case: Case) -> Iterator[CaseLabel]:
    return (label for label in case.labels if isinstance(label, CaseLabel))


def _told(name: str, labels: Iterable[CaseLabel]) -> Iterator[str]:
    values = [k.value for k in labels if isinstance(k, ValueLabel)]
    times = [k for k in labels if isinstance(k, SurvivalLabel)]
    if values:
        yield f"{name} {_range(values)} in {len(values)}"
    if times:
        events = sum(k.event for k in times)
        yield f"{name} {_range([k.time for k in times])} in {len(times)}, {events} with the event"
    if not values and not times:
        yield f"{name} in {sum(isinstance(k, BagLabel) and k.present for k in labels)}"


def _range(numbers: list[float]) -> str:
    low, middle, high = np.quantile(numbers, [0, 0.5, 1])
    return f"{low:g} to {high:g} (median {middle:g})"
