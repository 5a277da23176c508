"""Learning rate as a function of how much of the run is done, so that it can follow a clock.

The one that follows the validation instead is told of each (`ReduceOnPlateau.told`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from inklings.errors import SpecError


class Schedule(Protocol):
    """From progress in [0, 1] to a factor of the experiment's learning rate."""

    def factor(self, progress: float) -> float:
        """Learning rate at ``progress``, as a share of the experiment's ``learning_rate``."""

    def momentum(self, progress: float) -> float | None:
        """Momentum (of Adam, its first beta) at ``progress``; None leaves it alone."""


def _between(start: float, end: float, share: float) -> float:
    """Half a cosine from ``start`` (share 0) to ``end`` (share 1)."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


@dataclass(frozen=True)
class Constant:
    """The same throughout."""

    def factor(self, progress: float) -> float:  # noqa: ARG002
        """One."""
        return 1.0

    def momentum(self, progress: float) -> float | None:  # noqa: ARG002
        """Left alone."""
        return None


@dataclass(frozen=True)
class OneCycle:
    """Up and down once: Smith & Topin, Super-convergence (2018), cosine flanks.

    Attributes:
        warm: Share of the run in which the rate rises.
        start: First rate, as a share of the highest.
        end: Last rate, as a share of the highest.
        low: Momentum where the rate is highest.
        high: Momentum at both ends; equal to ``low`` to keep it constant.
    """

    warm: float = 0.3
    start: float = 0.04
    end: float = 4e-6
    low: float = 0.85
    high: float = 0.95

    def __post_init__(self) -> None:
        if not 0 < self.warm < 1:
            raise SpecError(f"schedule one_cycle: expected warm in (0, 1), got {self.warm}")

    def factor(self, progress: float) -> float:
        """From ``start`` to 1 to ``end``."""
        if progress < self.warm:
            return _between(self.start, 1.0, progress / self.warm)
        return _between(1.0, self.end, (progress - self.warm) / (1 - self.warm))

    def momentum(self, progress: float) -> float | None:
        """From ``high`` to ``low`` and back."""
        if progress < self.warm:
            return _between(self.high, self.low, progress / self.warm)
        return _between(self.low, self.high, (progress - self.warm) / (1 - self.warm))


@dataclass(frozen=True)
class Cosine:
    """A linear rise, then half a cosine down to zero: Loshchilov & Hutter, SGDR (2017).

    Attributes:
        warm: Share of the run in which the rate rises.
    """

    warm: float = 0.0

    def factor(self, progress: float) -> float:
        """From 1 to 0, after the rise."""
        if progress < self.warm:
            return progress / self.warm
        return _between(1.0, 0.0, (progress - self.warm) / max(1 - self.warm, 1e-9))

    def momentum(self, progress: float) -> float | None:  # noqa: ARG002
        """Left alone."""
        return None


@dataclass(frozen=True)
class Poly:
    """``(1 - progress) ** power``, as in DeepLab (Chen 2017)."""

    power: float = 0.9

    def factor(self, progress: float) -> float:
        """From 1 to 0."""
        return float((1 - min(progress, 1.0)) ** self.power)

    def momentum(self, progress: float) -> float | None:  # noqa: ARG002
        """Left alone."""
        return None


@dataclass(frozen=True)
class Step:
    """Times ``factor_each`` after every further ``every`` of the run.

    Attributes:
        every: Share of the run between two drops.
        factor_each: What remains at each.
    """

    every: float = 0.2
    factor_each: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.every <= 1:
            raise SpecError(f"schedule step: expected every in (0, 1], got {self.every}")

    def factor(self, progress: float) -> float:
        """A staircase."""
        # The last step belongs to the last stair, not to one that would begin after it.
        stairs = int(min(progress, 1 - 1e-9) / self.every + 1e-9)
        return float(self.factor_each**stairs)

    def momentum(self, progress: float) -> float | None:  # noqa: ARG002
        """Left alone."""
        return None


@dataclass
class ReduceOnPlateau:
    """Times ``factor_each`` where more than ``patience`` validations in a row were no better.

    What is compared is what the best weights are chosen by, as in torch's `ReduceLROnPlateau` with
    a threshold of 0.

    Attributes:
        factor_each: What remains of the rate at each drop.
        patience: Validations without a new best that are waited for.
        least: The rate does not fall below this share of the first.
        state: Best merit, validations since, drops; kept in checkpoints.
    """

    factor_each: float = 0.1
    patience: int = 10
    least: float = 0.0
    state: dict[str, float] = field(
        default_factory=lambda: {"best": -math.inf, "waited": 0, "drops": 0}, init=False
    )

    def __post_init__(self) -> None:
        if not (0 < self.factor_each < 1 and self.patience >= 0 and 0 <= self.least <= 1):
            raise SpecError(
                "schedule reduce_on_plateau: expected factor_each in (0, 1), patience from 0 and "
                f"least in [0, 1], got {self.factor_each}, {self.patience} and {self.least}"
            )

    def told(self, merit: float) -> None:
        """Take note of a validation; more is better."""
        better = merit > self.state["best"]
        self.state["best"] = max(merit, self.state["best"])
        self.state["waited"] = 0 if better else self.state["waited"] + 1
        if self.state["waited"] > self.patience:
            self.state["waited"] = 0
            self.state["drops"] += 1

    def restore(self, state: Mapping[str, float]) -> None:
        """Go on from a checkpoint."""
        self.state = dict(state)

    def factor(self, progress: float) -> float:  # noqa: ARG002
        """As often reduced as was found necessary."""
        return float(max(self.factor_each ** self.state["drops"], self.least))

    def momentum(self, progress: float) -> float | None:  # noqa: ARG002
        """Left alone."""
        return None
