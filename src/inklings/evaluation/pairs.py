"""What is compared: one case, as predicted and as it should be."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from inklings.errors import DataError, GeometryError

_ROUNDING = 1e-3  # of float16; what lies so far beyond [0, 1] is clipped
T = TypeVar("T")
P = ParamSpec("P")


@dataclass(frozen=True, eq=False)
class Segmentation:
    """One opinion about one image.

    Attributes:
        mask: ``(K, *S)`` bool, one channel per class; background is no class.
        instances: ``(*S)`` numbers of the objects of the first class, 0 is background; None
            where objects are not told apart.
        probability: ``(K, *S)`` uint8, 255 is certainty; None for annotators.
    """

    mask: NDArray[np.bool_]
    instances: NDArray[Any] | None = None
    probability: NDArray[np.uint8] | None = None

    @classmethod
    def of(
        cls,
        mask: NDArray[Any],
        instances: NDArray[Any] | None = None,
        probability: NDArray[Any] | None = None,
    ) -> Segmentation:
        """A segmentation of one class from arrays ``(*S)``; a float probability is quantised.

        Raises:
            DataError: If a mask of floats holds others than 0 and 1, or a probability lies outside
                of [0, 1].
        """
        mask = np.asarray(mask)
        if mask.dtype.kind == "f" and not ((mask == 0) | (mask == 1)).all():
            raise DataError(
                "expected a mask of 0 and 1, got other floats; cut probabilities at a threshold "
                "first (p >= 0.5), and give them as the probability"
            )
        if probability is not None and probability.dtype != np.uint8:
            if not ((probability > -_ROUNDING) & (probability < 1 + _ROUNDING)).all():
                raise DataError(
                    "expected probabilities in [0, 1], or uint8 where 255 is certain, got "
                    f"{probability.dtype} beyond that or NaN"
                )
            probability = np.rint(np.clip(probability, 0, 1) * 255).astype(np.uint8)
        return cls(
            mask.astype(bool)[None],
            instances,
            None if probability is None else probability[None],
        )


@dataclass(frozen=True, eq=False)
class Pair:
    """Prediction and reference standard of one case.

    Attributes:
        patient: Resampled as a whole for intervals.
        case: Identifier, for tables.
        predicted: What the model said.
        reference: What is held to be true.
        known: ``(*S)``, False where the reference says nothing, which is then not scored;
            None where it speaks everywhere.
        spacing: Millimetres between samples, array order; None where unknown.
        axes: Directions of the x, y[, z] index axes as columns, where they lean against each
            other (a tilted gantry); None at right angles.
        boxed: Whether the reference is of boxes, whose inside is known in the middle alone.
        annotated: Whether the reference speaks of each class at all: what it never looked for is
            not judged. None where it does of all.
        called: Of a partial reference: samples predicted of each class, judged or not.

    Raises:
        GeometryError: If the arrays do not lie on one grid.
    """

    patient: str
    case: str
    predicted: Segmentation
    reference: Segmentation
    known: NDArray[np.bool_] | None = None
    spacing: tuple[float, ...] | None = None
    axes: NDArray[np.float64] | None = None
    boxed: bool = False
    annotated: tuple[bool, ...] | None = None
    called: tuple[int, ...] = field(default=(), init=False)

    def scale(self, unit: str) -> tuple[tuple[float, ...], NDArray[np.float64] | None]:
        """Spacing and leaning axes for distances in ``mm``; of samples otherwise."""
        if unit == "mm" and self.spacing:
            return self.spacing, self.axes
        return (1.0,) * (self.reference.mask.ndim - 1), None

    def __post_init__(self) -> None:
        one, other = self.predicted.mask.shape, self.reference.mask.shape
        if one != other:
            raise GeometryError(
                f"case {self.case}: predicted on a grid of {one}, but the reference has {other} "
                "(classes, samples); predict this cohort again"
            )
        if self.known is not None and not self.known.all():
            called = tuple(int(np.count_nonzero(mask)) for mask in self.predicted.mask)
            object.__setattr__(self, "called", called)
            for side in ("predicted", "reference"):
                object.__setattr__(self, side, _hidden(getattr(self, side), self.known))

    @property
    def partial(self) -> bool:
        """Whether the reference says nothing of some samples: then it has no size and no border."""
        return judgement(self).partial


def _hidden(opinion: Segmentation, known: NDArray[np.bool_]) -> Segmentation:
    """The opinion with nothing said where nothing is known."""
    instances = opinion.instances
    return Segmentation(
        opinion.mask & known,
        None if instances is None else np.where(known, instances, 0),
        opinion.probability,
    )


class Remembered(Generic[P, T]):
    """A function of a pair that answers once while the pair lives."""

    def __init__(self, function: Callable[Concatenate[Pair, P], T]) -> None:
        functools.update_wrapper(self, function)
        self._function = function
        self._memo: WeakKeyDictionary[Pair, dict[Any, T]] = WeakKeyDictionary()

    def __call__(self, pair: Pair, /, *args: P.args, **kwargs: P.kwargs) -> T:
        """The answer, worked out when it is asked for first."""
        answers = self._memo.setdefault(pair, {})
        key = (args, tuple(sorted(kwargs.items())))
        if key not in answers:
            answers[key] = self._function(pair, *args, **kwargs)
        return answers[key]

    def put(self, answer: T, pair: Pair, /, *args: P.args, **kwargs: P.kwargs) -> None:
        """Say what the answer is, for a pair that was too large to be held and came in parts."""
        self._memo.setdefault(pair, {})[args, tuple(sorted(kwargs.items()))] = answer


def once(function: Callable[Concatenate[Pair, P], T]) -> Remembered[P, T]:
    """Remember ``function(pair, ...)`` while the pair lives, since several metrics ask the same."""
    return Remembered(function)


@dataclass(frozen=True)
class Judgement:
    """How much of a case a reference speaks of.

    Attributes:
        samples: That it speaks of, as this class, another or background.
        total: All samples; of a slide those of its map.
        negatives: Whether it says anywhere that nothing is; positives alone do not.
        sparse: Whether it is a sample of a reference: strokes, points, boxes, positives, or
            anything that says nothing of half or more. One with some places left out, which
            nobody could tell or that do not count, is a reference of the rest.
        called: Of a partial reference: samples predicted of each class, judged or not.
    """

    samples: int = 1
    total: int = 1
    negatives: bool = True
    sparse: bool = False
    called: tuple[int, ...] = ()

    @classmethod
    def of(
        cls,
        samples: int,
        total: int,
        negatives: bool,
        boxed: bool,
        called: tuple[int, ...],
        wanted: int | None = None,
    ) -> Judgement:
        """From counts; ``wanted`` are samples of which something should be said, if not all."""
        if samples == total:
            return cls(samples, total)
        sparse = not negatives or boxed or 2 * samples <= (total if wanted is None else wanted)
        return cls(samples, total, negatives, sparse, called)

    @property
    def partial(self) -> bool:
        """Whether nothing is said of some samples."""
        return self.samples < self.total

    @property
    def share(self) -> float:
        """Of the samples that are judged."""
        return self.samples / max(self.total, 1)


@once
def judgement(pair: Pair) -> Judgement:
    """How much of a case its reference speaks of."""
    total = int(np.prod(pair.reference.mask.shape[1:]))
    if pair.known is None:
        return Judgement(total, total)
    samples = int(np.count_nonzero(pair.known))
    negatives = samples > int(np.count_nonzero(pair.reference.mask.any(axis=0) & pair.known))
    return Judgement.of(samples, total, negatives, pair.boxed, pair.called)
