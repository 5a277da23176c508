"""Held-out bags: how good the weights are, and where to cut."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit, softmax
from sklearn.metrics import roc_auc_score

from inklings.bags.calibration import instance_scale
from inklings.bags.outcomes.base import Outcome
from inklings.bags.task import QUESTIONS, Task
from inklings.calibration.evidence import Choice, Evidence, HeldOut, Question
from inklings.data.bag_examples import BagExamples
from inklings.inference.bag_model import alone, bag_logits, outputs
from inklings.inference.device import device_of
from inklings.losses.base import Loss
from inklings.models.base import Model
from inklings.progress import note
from inklings.tensors import Batch, Output
from inklings.training.thresholds import NO_COUNTS, counted_of


@dataclass(frozen=True)
class BagScore:
    """How good the weights are now.

    Attributes:
        loss: The experiment's own loss of the bags.
        order: How well they put the bags in order: of classes the mean area under the curve of
            the channels. NaN where one side is missing.
        name: Of ``order``, as a column of the history.
        counted: Bags of either answer at and above each level of probability, as of
            `inklings.training.thresholds.counts`; of no channel where numbers are learnt.
        error: Share of single questions answered wrongly at one half; NaN of other tasks.
    """

    loss: float
    order: float
    counted: NDArray[np.int64]
    name: str = "val_auc"
    error: float = math.nan

    @property
    def merit(self) -> float:
        """The loss: unlike the AUC it does not stand still when every pair is in order."""
        return -self.loss

    @property
    def values(self) -> Mapping[str, float]:
        """Columns of the history."""
        wrong = {} if math.isnan(self.error) else {"val_error": self.error}
        return {"val_loss": self.loss, self.name: self.order, **wrong}


class BagValidator:
    """Scores a model on held-out bags.

    Args:
        examples: With labels as the loss is told them.
        outcome: What is learnt, where it is a number.
    """

    def __init__(self, examples: BagExamples, outcome: Outcome | None = None) -> None:
        self.examples, self.outcome = examples, outcome

    def logits(self, model: Model) -> NDArray[np.float64]:
        """``(B, K)``."""
        return bag_logits(model, self.examples.instances)

    def score(self, model: Model, loss: Loss) -> BagScore:
        """Loss, and AUC or the like, over all bags."""
        logits = self.logits(model)
        value, known, there = self.examples.value, self.examples.known, device_of(loss)
        tensors = torch.from_numpy(logits).float().to(there)
        told = Batch(tensors, torch.from_numpy(value).to(there), torch.from_numpy(known).to(there))
        was = loss.training
        loss.eval()
        try:
            with torch.no_grad():
                number = float(loss(Output(tensors), told))
        finally:
            loss.train(was)
        if self.outcome is not None:
            order = self.outcome.score(logits[:, 0], value.astype(np.float64))
            return BagScore(number, order, NO_COUNTS, self.outcome.monitored)
        wrong = ((logits >= 0) != (value >= 0.5))[known]
        error = math.nan if loss.exclusive else float(wrong.mean())
        chance = softmax(logits, 1) if loss.exclusive else expit(logits)
        columns = zip(chance.T, value.T, known.T, strict=True)
        counted = np.concatenate([counted_of(p[k], y[k] >= 0.5) for p, y, k in columns])
        return BagScore(number, _auc(logits, value, known), counted, error=error)

    def thresholds(
        self, model: Model, task: Task, asked: Mapping[str, float] | None = None
    ) -> tuple[float, ...]:
        """The probability of each channel from which the answer is yes.

        Args:
            model: With the weights that are cut.
            task: What is asked of a bag.
            asked: ``sensitivity`` or ``specificity`` to reach (`cut_at`); None for the most right
                answers.
        """
        logits = self.logits(model)
        if task in ("multiclass", "ordinal"):
            return (0.5,) * len(logits[0])
        columns = zip(logits.T, self.examples.value.T, self.examples.known.T, strict=True)
        told = ((x[known], y[known] >= 0.5) for x, y, known in columns)
        return tuple(cut(x, y) if asked is None else cut_at(x, y, asked) for x, y in told)

    def held_out(self, model: Model, task: Task, channels: Sequence[str]) -> HeldOut:
        """What the bags say of the probabilities of classes.

        Args:
            model: With the weights that are calibrated.
            task: What is asked of a bag.
            channels: Of the network.
        """
        own, logits = self.examples, self.logits(model)
        truth = (own.value >= 0.5).astype(np.float64)
        case, asked = np.arange(len(own)), list[Evidence]()
        if task in QUESTIONS:
            for x, y, known in zip(logits.T, truth.T, own.known.T, strict=True):
                asked.append(Question(x[known], y[known], 1 - y[known], case[known]))
        else:
            asked.append(Choice(logits, truth, task == "multiclass", case))
        return HeldOut(tuple(channels), tuple(asked), own.ids)

    def instance_scales(self, model: Model) -> list[tuple[float, float]]:
        """Slope and offset of each channel that turn numbers of instances into probabilities."""
        every: list[NDArray[np.float64]] = []
        for output, _, parts in outputs(model, self.examples.instances):
            every += [one.astype(np.float64) for one in alone(model, output, parts)]
        return [
            instance_scale(
                [bag[:, k] for bag, there in zip(every, known, strict=True) if there],
                self.examples.value[known, k] >= 0.5,
            )
            for k, known in enumerate(self.examples.known.T)
        ]


def cut(logits: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    """The threshold with the most right answers, as a probability.

    Of all gaps between neighbouring logits that are equally right, the middle of the widest is
    taken: it is the one that new bags are least likely to fall into. One half where only one
    answer was seen.
    """
    if truth.all() or not truth.any():
        return 0.5
    order = np.argsort(logits, kind="stable")
    x, y = logits[order], truth[order]
    # Cutting before place i: right are the negatives below it and the positives from it on.
    right = np.concatenate([[0], np.cumsum(~y)]) + np.concatenate([np.cumsum(y[::-1])[::-1], [0]])
    edges = np.clip(np.concatenate([[x[0] - 2], x, [x[-1] + 2]]), -15, 15)
    width = np.diff(edges)
    right = np.where(width > 0, right, -1)
    best = right == right.max()
    place = int(np.argmax(np.where(best, width, -1)))
    return float(1 / (1 + math.exp(-(edges[place] + edges[place + 1]) / 2)))


def cut_at(
    logits: NDArray[np.float64], truth: NDArray[np.bool_], asked: Mapping[str, float]
) -> float:
    """The threshold at a stated sensitivity or specificity, as a probability.

    Sensitivity: the highest that finds the share of the positives; specificity: the lowest that
    leaves the share of the negatives. Half way to the next bag, so that neither is cut. One half,
    with a note, where there is no bag of that kind.
    """
    ((name, share),) = asked.items()
    sign = 1.0 if name == "sensitivity" else -1.0
    own = np.sort(sign * logits[truth == (sign > 0)])
    if not len(own):
        note(f"inference.threshold: no held-out bag to reach a {name} on; one half is used")
        return 0.5
    last = own[math.floor((1 - share) * len(own) + 1e-9) if share < 1 else 0]
    below = sign * logits
    below = below[below < last]
    edge = (last + below.max()) / 2 if len(below) else last - 1
    return float(1 / (1 + math.exp(-float(np.clip(sign * edge, -15, 15)))))


def _auc(
    logits: NDArray[np.float64], value: NDArray[np.float32], known: NDArray[np.bool_]
) -> float:
    found = []
    for x, y, there in zip(logits.T, value.T >= 0.5, known.T, strict=True):
        if there.any() and 0 < y[there].sum() < there.sum():
            found.append(roc_auc_score(y[there], x[there]))
    return float(np.mean(found)) if found else math.nan
