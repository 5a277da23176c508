"""The patient in a path, found by an expression that the user gives."""

from __future__ import annotations

import re

from inklings.errors import DataError, SpecError


def patient_of(expression: str | None, place: str) -> str | None:
    """What the one group of ``expression`` finds in ``place``; None if there is no expression.

    Raises:
        DataError: If it is found nowhere.
        SpecError: If it does not parse, or has not one group.
    """
    if expression is None:
        return None
    try:
        match = re.search(expression, place)
    except re.error as error:
        raise SpecError(f"--patient: {expression!r} does not parse: {error}") from None
    if match is None:
        raise DataError(
            f"--patient: {expression!r} is found nowhere in {place!r}; it has to fit every image"
        )
    if len(match.groups()) != 1:
        raise SpecError(f"--patient: expected one group, such as '(P\\d+)_', got {expression!r}")
    return str(match[1])
