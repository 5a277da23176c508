"""A part of a cohort, by the facts of its cases."""

from __future__ import annotations

from collections.abc import Sequence

from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError, SpecError


def select_cases(cohort: Cohort, conditions: Sequence[str]) -> Cohort:
    """The cases whose facts are as said; their split stays.

    Args:
        cohort: Any.
        conditions: ``fact=value`` each; all of them must hold.

    Raises:
        SpecError: If a condition is not ``fact=value``.
        DataError: If no case has such a fact, or none such a value.
    """
    wanted = {}
    for condition in conditions:
        name, equals, value = condition.partition("=")
        if not name or not equals:
            raise SpecError(f"expected fact=value, got {condition!r}; such as modality=stained")
        known = sorted({str(case.facts[name]) for case in cohort if name in case.facts})
        if value not in known:
            facts = ", ".join(sorted({key for case in cohort for key in case.facts})) or "none"
            have = ", ".join(known[:12]) if known else f"no case with it; facts there are: {facts}"
            raise DataError(f"expected a value of {name!r} that a case has, got {value!r}: {have}")
        wanted[name] = value
    chosen = cohort.where(lambda case: all(str(case.facts.get(k)) == v for k, v in wanted.items()))
    if not len(chosen):
        raise DataError(f"expected cases where {' and '.join(conditions)}, got none")
    return chosen
