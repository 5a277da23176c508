"""What held-out cases say: logits beside the truth, of single questions or of a choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, softmax

from inklings.calibration.maps import LEVELS, Array, Map, Method, level_logits

Ints = NDArray[np.int64]
REPRESENTS = 0.5
"""Labels stand for their images where they speak of at least this share of the samples."""

_PULL = 0.1  # towards no change, in nats at a factor of e: bags told apart ask for infinity
_STEEP, _SHIFT = (-4.0, 4.0), (-20.0, 20.0)  # bounds of the logs of a and b, and of c


class Evidence(Protocol):
    """One question, or one choice, to held-out cases."""

    @property
    def case(self) -> Ints:
        """``(n,)`` number of the case of each row."""

    def fit(self, chosen: NDArray[np.bool_], method: Method) -> Map:
        """The map of the lowest log loss on chosen rows."""

    def losses(self, change: Map) -> tuple[Array, Array]:
        """Log loss of each row after a map, summed over its samples, and how many these are."""

    def histograms(self, change: Map, of: Ints, count: int) -> Array:
        """Samples, then positives, at each level after a map: ``(count, 512)``.

        Args:
            change: The map.
            of: ``(n,)`` group of each row.
            count: Groups.
        """

    def shown(self) -> tuple[Array, Array]:
        """Positives and negatives of each row."""


@dataclass(frozen=True)
class Question:
    """Is it there? One row a sample, or for all alike samples of a case.

    Attributes:
        logit: ``(n,)`` of what was predicted.
        positive: ``(n,)`` how many samples are.
        negative: ``(n,)`` how many are not.
        case: ``(n,)`` number of the case.
    """

    logit: Array
    positive: Array
    negative: Array
    case: Ints

    def fit(self, chosen: NDArray[np.bool_], method: Method) -> Map:
        """Maximum likelihood; what was seen of few is softened as Platt (1999) does."""
        x, where = np.unique(self.logit[chosen], return_inverse=True)
        yes, no = (
            np.bincount(where, weight[chosen], len(x)).astype(np.float64)
            for weight in (self.positive, self.negative)
        )
        return _fitted(x, yes, no, method)

    def losses(self, change: Map) -> tuple[Array, Array]:
        """Cross-entropy."""
        y = change.logit(self.logit)
        loss = self.positive * np.logaddexp(0, -y) + self.negative * np.logaddexp(0, y)
        return loss, self.positive + self.negative

    def histograms(self, change: Map, of: Ints, count: int) -> Array:
        """By the level that each sample has after the map."""
        level = _level(expit(change.logit(self.logit)))
        return _counted(of, level, self.positive, self.negative, count)

    def shown(self) -> tuple[Array, Array]:
        """As they were given."""
        return self.positive, self.negative


@dataclass(frozen=True)
class Choice:
    """Which of several, or how high a grade: one row a case, one temperature for all channels.

    Attributes:
        logits: ``(n, C)``.
        truth: ``(n, C)`` 1 and 0.
        exclusive: Whether the channels are a softmax; else each is a question of its own, as
            "at least this grade" is.
        case: ``(n,)`` number of the case.
    """

    logits: Array
    truth: Array
    exclusive: bool
    case: Ints

    def fit(self, chosen: NDArray[np.bool_], method: Method) -> Map:
        """The temperature of the lowest log loss (Guo et al., 2017)."""
        if method == "none":
            return Map()

        def cost(at: Array) -> float:
            loss = self._loss(Map("temperature", a := float(np.exp(at[0])), a))[chosen]
            return float(loss.sum() + _PULL * at[0] ** 2)

        found = minimize(cost, np.zeros(1), method="L-BFGS-B", bounds=[_STEEP])
        a = float(np.exp(found.x[0]))
        return Map("temperature", a, a)

    def losses(self, change: Map) -> tuple[Array, Array]:
        """Cross-entropy over the channels."""
        return self._loss(change), np.ones(len(self.logits))

    def _loss(self, change: Map) -> Array:
        y = change.logit(self.logits)
        if self.exclusive:
            return np.asarray(-(self.truth * log_softmax(y, 1)).sum(1))
        each = self.truth * np.logaddexp(0, -y) + (1 - self.truth) * np.logaddexp(0, y)
        return np.asarray(each.sum(1))

    def histograms(self, change: Map, of: Ints, count: int) -> Array:
        """Of all channels together."""
        y = change.logit(self.logits)
        level = _level(softmax(y, 1) if self.exclusive else expit(y))
        truth, groups = self.truth.ravel(), np.repeat(of, self.logits.shape[1])
        return _counted(groups, level.ravel(), truth, 1 - truth, count)

    def shown(self) -> tuple[Array, Array]:
        """Cases with some channel there, and with some not."""
        return self.truth.max(1), 1 - self.truth.min(1)


@dataclass(frozen=True)
class HeldOut:
    """What held-out cases say of all classes.

    Attributes:
        names: Of the classes, or of the channels of a choice.
        asked: A question a class, or one choice for all.
        cases: Names of the cases, by number.
        refused: Class to why its labels are no evidence.
    """

    names: tuple[str, ...]
    asked: tuple[Evidence, ...]
    cases: tuple[str, ...]
    refused: Mapping[str, str] = field(default_factory=dict)


def of_maps(
    names: Sequence[str],
    cases: Sequence[str],
    counted: NDArray[np.int64],
    refused: Mapping[str, str],
) -> HeldOut:
    """What dense predictions say.

    Args:
        names: Of the classes, ``K``.
        cases: Of the images, ``N``; those of one case have one name.
        counted: ``(N, K, 2, 256)`` known positives and negatives at and above each level.
        refused: Class to why its labels are no evidence.
    """
    known = tuple(dict.fromkeys(cases))
    numbers = {case: i for i, case in enumerate(known)}
    summed = np.zeros((len(known), *counted.shape[1:]), np.int64)
    np.add.at(summed, [numbers[case] for case in cases], counted)
    at = (summed - np.concatenate([summed[..., 1:], np.zeros_like(summed[..., :1])], -1)).astype(
        np.float64
    )
    case = np.repeat(np.arange(len(known)), LEVELS)
    logit = np.tile(level_logits(), len(known))
    asked: list[Evidence] = []
    for k in range(len(names)):
        some = at[:, k].sum(1).ravel() > 0
        yes, no = (at[:, k, i].ravel()[some] for i in (0, 1))
        asked.append(Question(logit[some], yes, no, case[some]))
    return HeldOut(tuple(names), tuple(asked), known, refused)


def _fitted(x: Array, yes: Array, no: Array, method: Method) -> Map:
    """The map of the lowest log loss of ``yes`` and ``no`` samples at logits ``x``."""
    if method == "none":
        return Map()
    positives, negatives = yes.sum(), no.sum()
    total = positives + negatives
    up, down = (positives + 1) / (positives + 2), 1 / (negatives + 2)
    target = (yes * up + no * down) / total
    rest = (yes + no) / total - target
    sure, unsure = -np.logaddexp(0, -x), -np.logaddexp(0, x)
    three = _THREE[method]

    def cost(at: Array) -> tuple[float, Array]:
        log_a, log_b, c = three @ at
        a, b = np.exp(log_a), np.exp(log_b)
        y = a * sure - b * unsure + c
        loss = float((target * np.logaddexp(0, -y) + rest * np.logaddexp(0, y)).sum())
        wrong = (target + rest) * expit(y) - target
        pull = _PULL / total
        slope = np.array([
            a * (wrong * sure).sum() + pull * log_a,
            -b * (wrong * unsure).sum() + pull * log_b,
            wrong.sum(),
        ])  # fmt: skip
        return scale * (loss + pull / 2 * (log_a**2 + log_b**2)), scale * (slope @ three)

    scale = 1.0
    bounds = [_STEEP, _STEEP, _SHIFT] if method == "beta" else [_STEEP, _SHIFT]
    start = np.zeros(three.shape[1])
    scale = 1 / max(cost(start)[0], 1e-12)
    found = minimize(
        cost, start, jac=True, method="L-BFGS-B", bounds=bounds[: len(start)],
        options={"ftol": 1e-12, "gtol": 1e-8, "maxiter": 500},
    )  # fmt: skip
    log_a, log_b, c = three @ found.x
    return Map(method, float(np.exp(log_a)), float(np.exp(log_b)), float(c))


_THREE: Mapping[Method, Array] = {
    "temperature": np.array([[1.0], [1.0], [0.0]]),
    "scale and shift": np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]),
    "beta": np.eye(3),
}
"""From the numbers that a method is free to choose to log a, log b and c."""


def _level(probability: Array) -> Ints:
    return np.rint(probability * 255).astype(np.int64)


def _counted(of: Ints, level: Ints, yes: Array, no: Array, count: int) -> Array:
    """``(count, 512)`` samples and positives."""
    key = of * LEVELS + level
    both, true = (
        np.bincount(key, weight, count * LEVELS).reshape(count, LEVELS)
        for weight in (yes + no, yes)
    )
    return np.concatenate([both, true], 1)
