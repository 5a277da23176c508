"""Whole images through a model in training: the score of the validation part."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inklings.calibration.evidence import REPRESENTS, HeldOut, of_maps
from inklings.data import INTENSITIES
from inklings.data.examples import Examples, exclusive
from inklings.data.intensity import apply
from inklings.inference.device import device_of
from inklings.inference.volumes import predict_any
from inklings.losses.base import Loss
from inklings.models.base import Model
from inklings.refinement.masks import at_least
from inklings.refinement.pieces import largest_piece
from inklings.runs.run import ModelConfig, Run, RunRecord
from inklings.spec import SegmentationExperiment
from inklings.supervision.base import HALF, Target
from inklings.supervision.prior import Prior, estimate_prior, threshold_at
from inklings.tensors import Batch, Output
from inklings.training.rules import Rule, Sample, decide
from inklings.training.thresholds import counts, dice


@dataclass(frozen=True)
class SegmentationScore:
    """How good the weights are now.

    Attributes:
        loss: The experiment's own loss, averaged over images.
        dice: Mean over images and channels at 0.5, of tiles that of all samples together; NaN
            where labels are not complete.
        counted: Known positives and negatives of all images, as of `counts`.
    """

    loss: float
    dice: float
    counted: NDArray[np.int64]

    @property
    def merit(self) -> float:
        """What is compared: Dice where it can be known, else the loss; more is better."""
        return -self.loss if math.isnan(self.dice) else self.dice

    @property
    def values(self) -> dict[str, float]:
        """Columns of the history; NaN where unknown."""
        return {"val_loss": self.loss, "val_dice": self.dice}


@dataclass(frozen=True)
class Judged:
    """What labels of held-out images say of the probabilities.

    Attributes:
        rules: Where to cut each class.
        held_out: What its probabilities are worth.
    """

    rules: tuple[Rule, ...]
    held_out: HeldOut


class SegmentationValidator:
    """Predicts whole images just as `inklings predict` will, and scores them.

    Args:
        examples: Images at their original size, with targets of the classes (and ``core``).
        experiment: Window, overlap and precision.
        model_config: What the model takes and returns.
    """

    def __init__(
        self, examples: Examples, experiment: SegmentationExperiment, model_config: ModelConfig
    ) -> None:
        self.examples, self.experiment, self.model_config = examples, experiment, model_config
        # Thresholds are chosen on what the network says, and pieces after them.
        self._settings = experiment.inference.model_copy(update={"components": "all"})

    def dense(self, model: Model, index: int) -> NDArray[np.uint8]:
        """``(K, *S)`` quantised probabilities of one image, background left out."""
        record = RunRecord((0.5,) * len(self.model_config.classes))
        run = Run(model, self.model_config, record, self.experiment)
        own, how = self.examples, self._settings
        return predict_any(run, own.images[index], own.geometry(index), how, own.scale(index))

    def score(self, model: Model, loss: Loss) -> SegmentationScore:
        """Loss and Dice over all images; unknown samples count for neither."""
        losses, counted = [], []
        for i, target in enumerate(self.examples.targets):
            dense = self.dense(model, i)
            losses.append(self._loss(loss, dense, i))
            counted.append(counts(dense, target))
        table = dice(self._together(np.array(counted)))[..., HALF]
        found = table[~np.isnan(table)]
        judged = self.examples.judges and len(found)
        return SegmentationScore(
            float(np.mean(losses)),
            float(found.mean()) if judged else math.nan,
            np.sum(counted, 0),
        )

    def judged(self, model: Model, seed: int) -> Judged:
        """Where to cut each class, by what its labels look like (`training.rules`), and why.

        Where objects are missing among the labels, their Dice would put the threshold too high.
        """
        own, classes = self.examples, len(self.model_config.classes)
        sample, counted = Sample(len(own), seed), []
        for i, target in enumerate(own.targets):
            dense = self.dense(model, i)[:classes]
            counted.append(counts(dense, target)[:classes])
            sample.add(dense, target)
        table = np.array(counted)
        rules = decide(table, sample, own.judges, bool(own.groups), own.in_doubt)
        return Judged(tuple(rules), self._held_out(table, rules))

    def _held_out(self, counted: NDArray[np.int64], rules: Sequence[Rule]) -> HeldOut:
        """What the labels say of the probabilities, as far as they stand for their images."""
        own, names = self.examples, self.model_config.classes
        sizes, refused = np.array([math.prod(one.shape) for one in own.targets]), {}
        for k, (name, rule) in enumerate(zip(names, rules, strict=True)):
            known = counted[:, k, :, 0]
            spoken = known.sum(1)
            counted[(known[:, 1] == 0) & (spoken < sizes), k] = 0  # only what was drawn is known
            share = spoken.sum() / max(1, sizes[spoken > 0].sum())
            if rule.rule == "prior":
                refused[name] = rule.reason
            elif not spoken.any():
                refused[name] = "nobody looked for it in the validation part"
            elif not counted[:, k, 1].any() and share < 1:
                refused[name] = "its labels are positives alone"
            elif share < REPRESENTS:
                refused[name] = (
                    f"its labels speak of {share:.1%} of the samples: strokes and the like are "
                    "drawn where it is plain what is there"
                )
        return of_maps(names, own.groups or own.ids, counted, refused)

    def in_one_piece(self, model: Model, thresholds: Sequence[float]) -> tuple[int, ...]:
        """Classes whose mean Dice does not fall where their largest piece alone is kept.

        Dice over what is known: where a few slices are outlined, they decide; where only
        positives are, none of them may be lost.
        """
        own, classes = self.examples, len(thresholds)
        return in_one_piece(
            [
                dices_of(self.dense(model, i)[:classes], thresholds, target)
                for i, target in enumerate(own.targets)
            ]
        )

    def priors(self, model: Model, seed: int) -> list[tuple[Prior, float]]:
        """The estimated share of positives of each class, and the threshold that agrees with it.

        Of images that say nothing of a class only where none says of every sample what it is.
        """
        own, result = self.examples, []
        dense = [self.dense(model, i) for i in range(len(own))]
        for k in range(len(self.model_config.classes)):
            pairs = [
                (image[k].astype(np.float32) / 255, target.positive(k))
                for image, target in zip(dense, own.targets, strict=True)
                if not own.judges or target.known_of(k).any()
            ]
            scores, labelled = [score for score, _ in pairs], [mask for _, mask in pairs]
            prior = estimate_prior(scores, labelled, seed=seed)
            result.append((prior, threshold_at(scores, labelled, prior.value)))
        return result

    def _together(self, counted: NDArray[np.int64]) -> NDArray[np.int64]:
        """Counts ``(N, K, 2, 256)`` of images; of tiles their sum: most show nothing."""
        return counted.sum(0, keepdims=True) if self.examples.groups else counted

    def _loss(self, loss: Loss, dense: NDArray[np.uint8], index: int) -> float:
        """The loss of quantised probabilities, through the logits that they stand for."""
        device, target = device_of(loss), self.examples.targets[index]
        p = _scaled(dense, device).clamp(1 / 510, 1 - 1 / 510)
        inputs, objects = p, None
        if target.objects is not None:  # what is inside of them is for the loss to judge
            inputs = _batched(self._inputs(index), device)
            objects = _batched(target.objects, device)
        if self.model_config.activation == "softmax":
            p, target = _with_rest(p).clamp(min=1 / 510), exclusive(target)
            logits = p.log()
        else:
            logits = torch.logit(p)
        value, known = _scaled(target.value, device), _batched(target.known, device)
        if objects is not None and objects.ndim == 5 and self.experiment.volumes.view != "3d":
            # Boxes are those of slices where slices are learnt.
            logits, inputs, value, known, objects = (
                one[0].movedim(1, 0) for one in (logits, inputs, value, known, objects)
            )
        was = loss.training
        loss.eval()
        try:
            with torch.no_grad():
                return float(loss(Output(logits), Batch(inputs, value, known, objects=objects)))
        finally:
            loss.train(was)

    def _inputs(self, index: int) -> NDArray[np.float32]:
        """An image ``(C, *S)`` as the network sees it."""
        asked, image = self.experiment.intensity, self.examples.images[index]
        intensity = INTENSITIES.build(asked.name, asked.options)
        return apply(image, self.examples.scale(index) or intensity.scale(image))


Dices = tuple[list[float], list[float]]
"""Of each class in a case: of all its components, and of the largest alone."""


def dices_of(dense: NDArray[np.uint8], thresholds: Sequence[float], target: Target) -> Dices:
    """Dice of classes ``(K, *S)`` cut at thresholds, over what is known of a case."""
    whole = [at_least(p, t) for p, t in zip(dense, thresholds, strict=True)]
    return _dices(whole, target), _dices([largest_piece(mask) for mask in whole], target)


def in_one_piece(cases: Sequence[Dices]) -> tuple[int, ...]:
    """Classes whose mean Dice over cases does not fall where the largest component is kept."""
    wholes, parts = (np.array([one[way] for one in cases]) for way in (0, 1))
    shown = ~np.isnan(wholes).all(0)
    return tuple(np.flatnonzero(shown & (np.nansum(parts - wholes, 0) >= 0)).tolist())


def _dices(masks: Sequence[NDArray[np.bool_]], target: Target) -> list[float]:
    """Dice of each class over its known samples; NaN where there is nothing to find."""
    found = []
    for k, mask in enumerate(masks):
        truth, called = target.positive(k), int((mask & target.known_of(k)).sum())
        size, both = int(truth.sum()), int((mask & truth).sum())
        found.append(2 * both / (called + size) if size else math.nan)
    return found


def _batched(array: NDArray[Any], device: torch.device) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array))[None].to(device)


def _scaled(levels: NDArray[np.uint8], device: torch.device) -> Tensor:
    return _batched(levels, device).float() / 255


def _with_rest(p: Tensor) -> Tensor:
    """``(B, K, H, W)`` to ``(B, 1 + K, H, W)``: what remains is the background."""
    return torch.cat([(1 - p.sum(1, keepdim=True)).clamp(0, 1), p], 1)
