"""A number of a bag in a unit: an age, an expression score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from inklings.bags.outcomes.base import Outcome
from inklings.cohorts.case import Case
from inklings.errors import LabelError, SpecError
from inklings.labels.kinds import ValueLabel

_Array = NDArray[np.float64]


class Regression(Outcome):
    """Learnt with mean 0 and spread 1 over the training part, and said in the unit of the label."""

    loss = "value"
    losses = ("huber", "mse")
    monitored = "val_correlation"
    meaning = (
        "The number of an instance is the value that the model would predict for a bag of it "
        "alone, in the unit of the label."
    )

    @classmethod
    def label(cls, case: Case, name: str) -> tuple[float, ...] | None:
        """The value."""
        found = {k.value for k in case.labels if isinstance(k, ValueLabel) and k.name == name}
        if len(found) > 1:
            raise LabelError(f"case {case.id}: {name} has several values, {sorted(found)}")
        return tuple(found) or None

    @classmethod
    def learnt(cls, value: _Array, times: Sequence[float] = ()) -> Self:
        """Mean and spread of the training part."""
        if times:
            raise SpecError("inference.times: does not apply to bags.task regression; leave it out")
        spread = float(value.std())
        if spread == 0:
            raise LabelError(
                f"expected values that differ to learn from, got {value[0, 0]:g} in all "
                f"{len(value)} training bags"
            )
        return cls({"mean": float(value.mean()), "spread": spread})

    def scaled(self, value: _Array) -> _Array:
        """With mean 0 and spread 1."""
        found: _Array = (value - self.facts["mean"]) / self.facts["spread"]
        return found

    def score(self, logits: _Array, value: _Array) -> float:
        """Pearson's correlation; NaN where one side is constant."""
        if len(logits) < 2 or not logits.std() or not value.std():
            return float("nan")
        return float(np.corrcoef(logits, value[:, 0])[0, 1])

    @property
    def told(self) -> dict[str, float]:
        """Its mean, which is the guess of who looks at nothing."""
        return {"training_mean": self.facts["mean"]}

    @property
    def line(self) -> tuple[float, float]:
        """Spread and mean."""
        return self.facts["spread"], self.facts["mean"]
