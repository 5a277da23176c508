"""Which map a class gets: by log loss on patients that it was not fitted on, and none in doubt.

Held-out patients are few and their samples many, so what counts is the patient: maps are compared
by cross-validation over patients, and one is taken only where it lowers the log loss, a proper
score, by more than chance: a one-sided paired t test over patients at 10 %, which asks the more the
fewer there are. Of those the one with the lowest log loss; one with fewer parameters, where it was
not surely worse, left twice the calibration error (``experiments/calibration``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from inklings.calibration.evidence import Choice, Evidence, HeldOut, Ints
from inklings.calibration.maps import METHODS, Array, Map, Method
from inklings.calibration.measure import brier, expected_error

LEAST = 4
"""Patients without which nothing is fitted."""

SHOWING = 2
"""Of them, those with something to find, and those with something else."""

_FOLDS, _DRAWS = 5, 1000


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval, from a bootstrap over patients."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}]"


@dataclass(frozen=True)
class Quality:
    """How wrong probabilities are: less is better.

    Attributes:
        log_loss: Mean over samples.
        brier: Mean squared distance from the truth.
        ece: Expected calibration error (`inklings.calibration.measure`).
        histogram: ``(512,)`` samples and then positives at each level, for figures.
    """

    log_loss: Estimate
    brier: Estimate
    ece: Estimate
    histogram: tuple[float, ...] = ()


@dataclass(frozen=True)
class Fitted:
    """The map of one class, and what it rests on.

    Attributes:
        name: Of the class.
        change: The map.
        reason: Why this one, in words.
        before: Of the patients that it was fitted on; None where nothing was measured.
        after: The same, each patient with a map that was fitted on others.
    """

    name: str
    change: Map
    reason: str
    before: Quality | None = None
    after: Quality | None = None


def fit(held_out: HeldOut, patient_of: Mapping[str, str]) -> tuple[Fitted, ...]:
    """A map for each class; none, with the reason, where held-out patients do not ask for one.

    Args:
        held_out: What held-out cases say.
        patient_of: Case to patient.
    """
    patients = [patient_of[case] for case in held_out.cases]
    number = np.unique(patients, return_inverse=True)[1].astype(np.int64)
    choice = held_out.asked[0]
    if isinstance(choice, Choice):
        found = _fit(held_out.names[0], choice, number, ("none", "temperature"))
        return tuple(
            Fitted(name, found.change, found.reason, found.before, found.after)
            for name in held_out.names
        )
    return tuple(
        Fitted(name, Map(), f"not calibrated: {held_out.refused[name]}")
        if name in held_out.refused
        else _fit(name, asked, number, METHODS)
        for name, asked in zip(held_out.names, held_out.asked, strict=True)
    )


def _fit(name: str, asked: Evidence, number: Ints, methods: tuple[Method, ...]) -> Fitted:
    """The map of one class; ``number`` is the patient of each case."""
    patient = np.unique(number[asked.case], return_inverse=True)[1].astype(np.int64)
    yes, no = asked.shown()
    count = int(patient.max(initial=-1)) + 1
    with_yes, with_no = (len(set(patient[weight > 0].tolist())) for weight in (yes, no))
    if count < LEAST or min(with_yes, with_no) < SHOWING:
        return Fitted(
            name,
            Map(),
            f"not calibrated: expected {LEAST} held-out patients or more, {SHOWING} with it and "
            f"{SHOWING} without, got {count}, {with_yes} and {with_no}",
        )
    fold = _folds(patient, yes > 0, count)
    tried = {method: _Tried.of(asked, patient, fold, method) for method in methods}
    none, chosen = tried["none"], methods[0]
    gains = {method: none.loss - one.loss for method, one in tried.items()}  # (P,) each
    worth = [m for m in methods if m != "none" and _is_sure(gains[m])]
    if worth:
        chosen = max(worth, key=lambda m: float(gains[m].sum()))
    before, after = none.quality, tried[chosen].quality
    change = asked.fit(np.ones(len(patient), np.bool_), chosen)
    told = f"log loss {before.log_loss.value:.4f} to {after.log_loss.value:.4f} in {count} patients"
    reason = (
        f"{chosen}: {told}, each judged by a map of others"
        if worth
        else f"none of {', '.join(methods[1:])} is surely better in {count} patients"
    )
    return Fitted(name, change, reason, before, after)


@dataclass(frozen=True)
class _Tried:
    """A method after cross-validation.

    Attributes:
        loss: ``(P,)`` summed over the samples of each patient.
        quality: Over all of them.
    """

    loss: Array
    quality: Quality

    @classmethod
    def of(cls, asked: Evidence, patient: Ints, fold: Ints, method: Method) -> _Tried:
        """Each patient with the map that was fitted on the other folds."""
        count = len(fold)
        loss, size, held = np.zeros(count), np.zeros(count), np.zeros((count, 512))
        for k in range(int(fold.max()) + 1):
            mine = fold[patient] == k
            change = asked.fit(~mine, method)
            own, weight = asked.losses(change)
            loss += np.bincount(patient[mine], own[mine], count)
            size += np.bincount(patient[mine], weight[mine], count)
            held[fold == k] = asked.histograms(change, patient, count)[fold == k]
        return cls(loss, _quality(loss, size, held))


def _folds(patient: Ints, shows: NDArray[np.bool_], count: int) -> Ints:
    """``(P,)`` the fold of each patient; those who show the class are spread evenly."""
    showing = np.bincount(patient, shows, count) > 0
    order = np.random.default_rng(0).permutation(count)
    order = order[np.argsort(~showing[order], kind="stable")]
    fold = np.empty(count, np.int64)
    fold[order] = np.arange(count) % min(_FOLDS, count)
    return fold


def _is_sure(gain: Array) -> bool:
    """Whether gains of patients are above 0 on average, by a t test at 10 %."""
    count = len(gain)
    error = gain.std(ddof=1) * count**0.5
    return bool(gain.sum() > stdtrit(count - 1, 0.9) * error)


def _quality(loss: Array, size: Array, held: Array) -> Quality:
    """Each number with its interval; rows are patients."""
    count = len(loss)
    drawn = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), _DRAWS)
    weights = np.concatenate([np.ones((1, count)), drawn])
    sums: NDArray[Any] = weights @ held
    return Quality(
        _estimate((weights @ loss) / (weights @ size)),
        _estimate(brier(sums)),
        _estimate(expected_error(sums)),
        tuple(held.sum(0).tolist()),
    )


def _estimate(values: Array) -> Estimate:
    """The first of ``values`` with the interval of the others, in which it lies itself."""
    value, (low, high) = values[0], np.quantile(values[1:], (0.025, 0.975))
    return Estimate(float(value), float(min(low, value)), float(max(high, value)))
