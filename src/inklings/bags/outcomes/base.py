"""What a task of bags is whose answer is a number: labels, scale, and what is said in the end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from inklings.cohorts.case import Case

FACT = "outcome"
"""In the facts of a run: what the training part has told, by name."""
_Array = NDArray[np.float64]


class Outcome(ABC):
    """A number of a bag, from its label to what is reported.

    The network has one channel, in a scale of its own. What leads back to the unit of the label is
    found on the training part (`fitted`) and stays with the run.

    Attributes:
        columns: Numbers of a label.
        loss: What `inklings.losses.base.Loss.target` must be.
        losses: Names of losses that suit, for messages.
        monitored: What `score` is, as a column of the history.
        meaning: What the number of an instance means, in words.
        facts: What `fitted` returned.
    """

    columns: ClassVar[int] = 1
    loss: ClassVar[str]
    losses: ClassVar[tuple[str, ...]]
    monitored: ClassVar[str]
    meaning: ClassVar[str]

    def __init__(self, facts: Mapping[str, Any] | None = None) -> None:
        self.facts = dict(facts or {})

    @classmethod
    @abstractmethod
    def label(cls, case: Case, name: str) -> tuple[float, ...] | None:
        """The numbers of the label of a case; None where it has none.

        Raises:
            LabelError: If it has two that differ.
        """

    @classmethod
    @abstractmethod
    def learnt(cls, value: _Array, times: Sequence[float] = ()) -> Self:
        """What can be known before the training, from labels ``(B, V)`` of the training part.

        Args:
            value: The labels.
            times: At which a probability of survival is asked for.

        Raises:
            LabelError: If nothing can be learnt from them.
            SpecError: If ``times`` mean nothing here, or are later than any that was seen.
        """

    @abstractmethod
    def scaled(self, value: _Array) -> _Array:
        """Labels ``(B, V)`` as the loss is told them."""

    def warnings(self, value: _Array, batch_size: int) -> tuple[str, ...]:  # noqa: ARG002
        """What a reader should know of labels ``(B, V)`` that are learnt in such batches."""
        return ()

    def fitted(self, answers: Callable[[], _Array], value: _Array) -> Self:  # noqa: ARG002
        """With what the trained network adds.

        Args:
            answers: Makes those ``(B,)`` for the bags of the training part.
            value: ``(B, V)`` their labels.
        """
        return self

    @abstractmethod
    def score(self, logits: _Array, value: _Array) -> float:
        """How well answers ``(B,)`` order labels ``(B, V)``; more is better."""

    @property
    @abstractmethod
    def line(self) -> tuple[float, float]:
        """Slope and offset from an answer of the network to the number that is reported."""

    @property
    def told(self) -> dict[str, float]:
        """What a folder of predictions says of the training part, for a plain comparison."""
        return {}

    def names(self, name: str) -> tuple[str, ...]:
        """Of what `values` returns; ``name`` is that of the label."""
        return (name,)

    def values(self, logit: float) -> tuple[float, ...]:
        """What is reported of a bag: the number first."""
        slope, offset = self.line
        return (slope * logit + offset,)
