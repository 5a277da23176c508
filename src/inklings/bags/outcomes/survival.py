"""How long until an event, where some are only known to have lived so long without it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from inklings.bags.outcomes.base import Outcome
from inklings.cohorts.case import Case
from inklings.errors import LabelError, SpecError
from inklings.labels.kinds import SurvivalLabel

_Array = NDArray[np.float64]
_MOST = 50.0  # of a log hazard: beyond it nobody lives, or nobody dies


class Survival(Outcome):
    """Proportional hazards (Cox 1972) whose log hazard is a network (Katzman 2018).

    The log hazard is relative to the mean over the training part. With the baseline hazard of the
    training part (Breslow 1972) it gives the probability to live longer than a time ``t``,
    ``S(t) = exp(-H(t) exp(log hazard))``; nothing is said of times after the last one seen.
    """

    columns = 2
    loss = "survival"
    losses = ("cox",)
    monitored = "val_concordance"
    meaning = (
        "The number of an instance is the log hazard that the model would predict for a bag of it "
        "alone, relative to the mean of the training part; higher is a shorter life."
    )

    @classmethod
    def label(cls, case: Case, name: str) -> tuple[float, ...] | None:
        """Time, and 1 for an event or 0."""
        found = {
            (k.time, float(k.event))
            for k in case.labels
            if isinstance(k, SurvivalLabel) and k.name == name
        }
        if len(found) > 1:
            raise LabelError(f"case {case.id}: {name} has several times and events that differ")
        return next(iter(found), None)

    @classmethod
    def learnt(cls, value: _Array, times: Sequence[float] = ()) -> Self:
        """The times that are asked for.

        Without any, those by which a quarter, half and three quarters of the events were seen.
        """
        if not value[:, 1].any():
            raise LabelError(
                f"expected events to learn from, got {len(value)} training bags that are all "
                "censored"
            )
        last = float(value[:, 0].max())
        if late := [time for time in times if time > last]:
            raise SpecError(
                f"inference.times: expected times up to {last:g}, the last of the training part, "
                f"got {late[0]:g}"
            )
        seen = value[value[:, 1] == 1, 0]
        asked = times or np.unique(np.quantile(seen, [0.25, 0.5, 0.75], method="lower")).tolist()
        return cls({"times": [float(time) for time in asked]})

    def warnings(self, value: _Array, batch_size: int) -> tuple[str, ...]:
        """Where most batches hold fewer than two events."""
        held = float(value[:, 1].mean()) * min(batch_size, len(value))
        if held >= 2:
            return ()
        return (
            f"a batch of {batch_size} bags holds {held:.1f} events on average, and only events "
            "teach; raise training.batch_size",
        )

    def scaled(self, value: _Array) -> _Array:
        """As they are: the loss looks at their order alone."""
        return value

    def fitted(self, answers: Callable[[], _Array], value: _Array) -> Self:
        """The mean log hazard and the baseline hazard."""
        logits = answers()
        centre = float(logits.mean())
        when, hazard = baseline_hazard(logits - centre, value[:, 0], value[:, 1] == 1)
        facts = {
            **self.facts,
            "centre": centre,
            "baseline_times": when.tolist(),
            "baseline_hazard": hazard.tolist(),
        }
        return type(self)(facts)

    def score(self, logits: _Array, value: _Array) -> float:
        """Harrell's concordance."""
        one = np.ones((1, len(logits)))
        return float(concordance(logits, value[:, 0], value[:, 1] == 1, one)[0])

    @property
    def line(self) -> tuple[float, float]:
        """The log hazard, relative to the mean of the training part."""
        return 1.0, -self.facts["centre"]

    def names(self, name: str) -> tuple[str, ...]:
        """Log hazard, and survival at each time."""
        return ("log hazard", *(f"{name} > {time:g}" for time in self.facts["times"]))

    def values(self, logit: float) -> tuple[float, ...]:
        """Log hazard, and the probability to live longer than each time."""
        (risk,) = super().values(logit)
        return (risk, *(self.survival(risk, time) for time in self.facts["times"]))

    def survival(self, risk: float, time: float) -> float:
        """Probability to live longer than ``time``, of a log hazard ``risk``."""
        place = int(np.searchsorted(self.facts["baseline_times"], time, side="right"))
        hazard = self.facts["baseline_hazard"][place - 1] if place else 0.0
        return math.exp(-hazard * math.exp(min(max(risk, -_MOST), _MOST)))


def baseline_hazard(risk: _Array, time: _Array, event: NDArray[np.bool_]) -> tuple[_Array, _Array]:
    """Times of events, ascending, and the cumulative hazard at and after each (Breslow 1972).

    ``H(t) = sum over event times u <= t of (events at u) / sum(exp(risk) of those at risk at u)``.

    Args:
        risk: ``(n,)`` log hazards.
        time: ``(n,)``.
        event: ``(n,)``.
    """
    when, count = np.unique(time[event], return_counts=True)
    weight = np.exp(np.clip(risk, -_MOST, _MOST))
    at_risk = np.array([weight[time >= u].sum() for u in when])
    return when, np.cumsum(count / at_risk)


def concordance(
    risk: _Array, time: _Array, event: NDArray[np.bool_], weights: _Array, ipcw: bool = False
) -> _Array:
    """Share of comparable pairs in which the one with the earlier event has the higher risk.

    A pair is comparable if the earlier time is an event; of two equal times, if one is an event
    and the other is censored (who is censored lived longer). Equal risks count one half
    (Harrell 1996). With ``ipcw`` a pair weighs ``1 / G(t)^2``, where ``G`` is the Kaplan-Meier
    estimate of not being censored before the earlier time (Uno 2011), so that the share does not
    depend on how many are censored.

    Args:
        risk: ``(n,)``.
        time: ``(n,)``.
        event: ``(n,)``.
        weights: ``(R, n)``: how often each case counts.
        ipcw: Weigh pairs against the censoring.

    Returns:
        ``(R,)``; NaN where no pair is comparable.
    """
    first = time[:, None] < time[None]
    first |= (time[:, None] == time[None]) & ~event[None]
    pair = (first & event[:, None]).astype(float)
    if ipcw:
        pair /= uncensored(time, event)[:, None] ** 2
    right = pair * ((risk[:, None] > risk[None]) + 0.5 * (risk[:, None] == risk[None]))
    of, total = ((weights * (weights @ each.T)).sum(1) for each in (right, pair))
    found: _Array = np.divide(of, total, out=np.full(len(weights), np.nan), where=total > 0)
    return found


def uncensored(time: _Array, event: NDArray[np.bool_]) -> _Array:
    """``(n,)`` Kaplan-Meier probability of not being censored before each case's own time."""
    found = np.ones(len(time))
    for u in np.unique(time[~event]):
        # Events at the same time come first: they are not at risk of being censored then.
        at_risk = ((time > u) | ((time == u) & ~event)).sum()
        share = 1 - ((time == u) & ~event).sum() / at_risk
        found[time > u] *= share
    return found
