"""Tasks of bags whose answer is a number and not a class: a file each, a line here."""

from __future__ import annotations

from typing import Any

from inklings.bags.outcomes.base import Outcome
from inklings.registry import Registry

OUTCOMES: Registry[Outcome] = Registry(
    "outcome",
    {
        "regression": "inklings.bags.outcomes.regression:Regression",
        "survival": "inklings.bags.outcomes.survival:Survival",
    },
)
"""By the name of the task; each is built with the facts that its training has left, if any."""


def outcome_of(task: str | None) -> type[Outcome] | None:
    """The outcome of a task; None where its answer is a class."""
    if task is None or task not in OUTCOMES:
        return None
    found: Any = OUTCOMES.get(task)
    kind: type[Outcome] = found
    return kind
