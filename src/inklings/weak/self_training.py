"""Self-training: the predictions of one round become labels of the next.

A round relabels a drawn part of the training images with what the network now predicts, beside
what was annotated; the rest keeps its labels, so that a mistake cannot take over at once. Of
images that were annotated in part every statement stays, that there is nothing too; of complete
masks, which may lack objects, the objects do. The share of positives of each class is watched: a
round that would halve or double one is not begun. Images of which only a part is labelled have no
share: strokes lie where annotators liked to draw. Where there is a validation part, a round that
scores worse on it is the last, and the one before it stands.

Reference:
    Lee, *Pseudo-Label: The Simple and Efficient Semi-Supervised Learning Method for Deep Neural
    Networks*, ICML workshop 2013. Partial replacement follows the usual practice of curriculum
    labelling (Cascante-Bonilla et al., AAAI 2021).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy import ndimage

from inklings import progress
from inklings.data.examples import Examples
from inklings.inference.device import best_device
from inklings.inference.volumes import predict_any
from inklings.losses import LOSSES
from inklings.runs.run import Run, RunRecord
from inklings.spec import SegmentationExperiment
from inklings.supervision.base import Target
from inklings.supervision.channels import core
from inklings.training.fit import FitResult
from inklings.training.validation import SegmentationValidator

_BALANCE = 2.0
_FIRST_WORD = 7  # keeps the draw of a round apart from those of batches


@dataclass(frozen=True)
class Round:
    """What a round changed in the labels.

    Attributes:
        number: From 2; the first round learns from the labels as they are.
        relabelled: Images that got new labels.
        before: Share of positive samples of each class before, over the images that are labelled
            throughout; empty where none is.
        after: The same after.
        merit: On the validation part, more is better; None where there is none, or the round
            was not begun.
        kept: Whether its model stands.
    """

    number: int
    relabelled: int
    before: tuple[float, ...]
    after: tuple[float, ...]
    merit: float | None = None
    kept: bool = True

    @property
    def balanced(self) -> bool:
        """Whether the share of positives of each class stayed within a factor of two."""
        return not self.before or all(
            before / _BALANCE <= after <= before * _BALANCE
            for before, after in zip(self.before, self.after, strict=True)
        )


def self_train(
    experiment: SegmentationExperiment,
    train: Examples,
    val: Examples | None,
    trained_on: Callable[[Examples, Path], FitResult],
    out: Path,
) -> tuple[FitResult, list[Round]]:
    """Train once, and again from the start for every further round, until one is of no use.

    Args:
        experiment: How many rounds, and how much each relabels.
        train: The labels to begin with.
        val: What decides whether a round was better; None leaves it to the balance alone.
        trained_on: Trains on labels and keeps its run in a folder.
        out: Run folder; rounds lie in ``rounds/1``, ``rounds/2`` where there are several.

    Returns:
        The model of the last useful round, and what each round did.
    """
    count = experiment.self_training.iterations
    trained = trained_on(train, out if count == 1 else out / "rounds" / "1")
    current, done = train, []
    best = _merit(experiment, trained, val) if count > 1 else None
    for number in range(2, count + 1):
        following, record = relabel(experiment, trained, train, current, number)
        if not record.balanced:
            progress.note(
                f"round {number} not begun: it would move the share of positives of "
                f"{', '.join(trained.model_config.classes)} from {_said(record.before)} to "
                f"{_said(record.after)}"
            )
            done.append(replace(record, kept=False))
            break
        candidate = trained_on(following, out / "rounds" / str(number))
        merit = _merit(experiment, candidate, val)
        if best is not None and merit is not None and merit < best:
            progress.note(
                f"round {number} fell from {best:.4f} to {merit:.4f} on the validation part; "
                f"round {number - 1} stands"
            )
            done.append(replace(record, merit=merit, kept=False))
            break
        done.append(replace(record, merit=merit))
        trained, current, best = candidate, following, merit
    return trained, done


def _merit(
    experiment: SegmentationExperiment, trained: FitResult, val: Examples | None
) -> float | None:
    if val is None or not len(val):
        return None
    loss = LOSSES.build(experiment.loss.name, experiment.loss.options)
    return (
        SegmentationValidator(val, experiment, trained.model_config)
        .score(trained.model, loss)
        .merit
    )


def relabel(
    experiment: SegmentationExperiment,
    trained: FitResult,
    original: Examples,
    current: Examples,
    number: int,
) -> tuple[Examples, Round]:
    """Labels for round ``number``.

    Args:
        experiment: Share of images to relabel, and the seed of their draw.
        trained: The model of the round before, with its thresholds.
        original: The labels that training began with; their positives always stay.
        current: The labels of the round before.
        number: From 2.
    """
    count = len(current)
    rng = np.random.default_rng([experiment.training.seed, _FIRST_WORD, number])
    drawn = rng.permutation(count)[: max(1, round(experiment.self_training.share * count))].tolist()
    model, record = trained.model.to(best_device()), RunRecord(trained.thresholds)
    run = Run(model, trained.model_config, record, experiment)
    targets = list(current.targets)
    for i in progress.track(sorted(drawn), f"relabel for round {number}"):
        targets[i] = _relabelled(run, current, original.targets[i], i)
    after = current.with_targets(targets)
    classes = len(trained.thresholds)
    return after, Round(number, len(drawn), _shares(current, classes), _shares(after, classes))


def _relabelled(run: Run, examples: Examples, annotated: Target, index: int) -> Target:
    image, grid = examples.images[index], examples.geometry(index)
    dense = predict_any(run, image, grid, scale=examples.scale(index))
    classes = len(run.record.thresholds)
    scores, drawn = dense[:classes], annotated.positives[:classes]
    known = np.broadcast_to(annotated.known, annotated.value.shape)[:classes]
    one_each = (classes, *[1] * (scores.ndim - 1))
    found = scores >= np.float32(255 * np.reshape(run.record.thresholds, one_each))
    whole = known.all(axis=tuple(range(1, known.ndim)), keepdims=True)
    stays = np.where(whole, drawn, known)
    if run.model_config.activation == "softmax":  # what is one class is none of the others
        found &= np.where(found, scores, 0).argmax(0) == np.reshape(range(classes), one_each)
        stays |= drawn.any(0)
    mask = np.where(stays, drawn, found)
    value = np.zeros_like(annotated.value)
    value[:classes] = mask * np.uint8(255)
    if len(value) > classes:
        cores = [core(ndimage.label(one)[0].astype(np.int32)) for one in mask]
        value[-1] = np.any(cores, 0) * np.uint8(255)
    return Target(value, np.ones(annotated.shape, np.bool_))


def _shares(examples: Examples, classes: int) -> tuple[float, ...]:
    whole = [target.positives[:classes] for target in examples.targets if target.known.all()]
    if not whole:
        return ()
    positive = np.sum([one.reshape(classes, -1).sum(1) for one in whole], axis=0)
    size = sum(one[0].size for one in whole)
    return tuple(float(count) / size for count in positive)


def _said(shares: Sequence[float]) -> str:
    return ", ".join(f"{share:.4f}" for share in shares)
