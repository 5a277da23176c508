"""How good a judge is on validation boxes: what its best weights and its threshold go by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from inklings.applications.lung_nodules.examples import CandidateBoxes
from inklings.applications.lung_nodules.judge import probabilities
from inklings.applications.lung_nodules.spec import BoxSection
from inklings.data.boxes import middle_of
from inklings.losses.base import Loss
from inklings.models.base import Model
from inklings.training.thresholds import counted_of


@dataclass(frozen=True)
class BoxScore:
    """On all validation boxes.

    Attributes:
        f1: At the threshold where it is highest.
        auc: Area under the ROC curve.
        sensitivity: At the asked-for number of false positives a scan.
        by: Which of these is compared.
        counted: Boxes of either class at and above each level of probability, ``(1, 2, 256)``.
    """

    f1: float
    auc: float
    sensitivity: float
    by: str
    counted: NDArray[np.int64]

    @property
    def merit(self) -> float:
        """What the best weights are chosen by."""
        return {"f1": self.f1, "auc": self.auc, "sensitivity": self.sensitivity}[self.by]

    @property
    def values(self) -> Mapping[str, float]:
        """Columns of the history."""
        return {"val_f1": self.f1, "val_auc": self.auc, "val_sensitivity": self.sensitivity}


class BoxValidator:
    """Scores a classifier or a malignancy model on boxes of validation cases.

    Args:
        boxes: Of the validation cases.
        asked: Sides of the boxes, and what is compared (`BoxSection.monitor`).
    """

    def __init__(self, boxes: CandidateBoxes, asked: BoxSection) -> None:
        self.boxes, self.asked = boxes, asked

    def probabilities(self, model: Model) -> NDArray[np.float64]:
        """``(n,)`` of the boxes."""
        cubes = [middle_of(cube, self.asked.sides) for cube in self.boxes.cubes]
        was = model.training
        model.eval()
        try:
            return probabilities(model, cubes, self.boxes.diameter_mm.tolist())
        finally:
            model.train(was)

    def score(self, model: Model, loss: Loss) -> BoxScore:  # noqa: ARG002
        """F1, AUC and sensitivity of these weights."""
        said, positive = self.probabilities(model), self.boxes.positive
        allowed = self.asked.false_positives * len(np.unique(self.boxes.case))
        return BoxScore(
            float(f1_of_the_best(said, positive).max(initial=0.0)),
            float(roc_auc_score(positive, said)),
            sensitivity_at(said, positive, allowed),
            self.asked.monitor,
            counted_of(said, positive),
        )


def f1_of_the_best(
    chance: NDArray[np.float64], positive: NDArray[np.bool_], missed: int = 0
) -> NDArray[np.float64]:
    """F1 ``(n,)`` if the most probable 1, 2, ... n are called.

    Args:
        chance: ``(n,)``.
        positive: ``(n,)``.
        missed: Positive ones that have no probability at all.
    """
    hits = np.cumsum(positive[np.argsort(-chance, kind="stable")])
    called = np.arange(1, len(hits) + 1)
    f1: NDArray[np.float64] = 2 * hits / (called + positive.sum() + missed)
    return f1


def best_threshold(
    chance: NDArray[np.float64], positive: NDArray[np.bool_], missed: int = 0
) -> float:
    """Where F1 is highest; one half where there is nothing to choose by.

    Args:
        chance: ``(n,)``.
        positive: ``(n,)``.
        missed: Positive ones that have no probability at all.
    """
    if not 0 < positive.sum() < len(positive):
        return 0.5
    ranked = np.sort(chance)[::-1]
    k = int(f1_of_the_best(chance, positive, missed).argmax())
    after = ranked[k + 1] if k + 1 < len(ranked) else 0.0
    return float(np.clip((ranked[k] + after) / 2, 1e-4, 1 - 1e-4))


def sensitivity_at(
    chance: NDArray[np.float64], positive: NDArray[np.bool_], false_positives: float
) -> float:
    """Share of the positive ones above the threshold that lets so many others through."""
    others = np.sort(chance[~positive])[::-1]
    place = int(false_positives)
    cut = others[place] if place < len(others) else -np.inf
    return float((chance[positive] > cut).mean()) if positive.any() else 0.0
