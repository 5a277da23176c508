"""Which rule puts a threshold: images of discs whose scores are known, full and half labelled."""

import numpy as np
import pytest
from numpy.typing import NDArray

from inklings.supervision.base import Target
from inklings.training.rules import Rule, Sample, decide
from inklings.training.thresholds import counts, dice


def scene(seed: int, keep: float) -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_]]:
    """What a network says of nine discs that learnt from ``keep`` of them, all discs, labels.

    Omission at random multiplies the posterior by the share kept (Elkan and Noto, 2008); rims are
    half sure, and noise of .05 lies over all.
    """
    rng = np.random.default_rng(seed)
    y, x = np.indices((96, 96))
    posterior, every, labelled = np.full((96, 96), 0.03), [], np.zeros((96, 96), bool)
    for i, j in np.ndindex(3, 3):
        centre = np.array([16 + 32 * i, 16 + 32 * j]) + rng.integers(-3, 4, 2)
        depth = rng.uniform(7, 12) - np.hypot(y - centre[0], x - centre[1])
        posterior = np.maximum(posterior, 0.96 / (1 + np.exp(-1.5 * depth)))
        every.append(depth > 0)
    truth = np.any(every, axis=0)
    for disc in every:
        if rng.random() < keep:
            labelled |= disc
    said = np.clip(keep * posterior + rng.normal(0, 0.05, truth.shape), 0, 1)
    return np.rint(255 * said).astype(np.uint8)[None], truth, labelled


def ruled(keep: float, images: int = 12, seed: int = 0, known: bool = True) -> Rule:
    """The rule that a validation part of such images gets."""
    sample, counted = Sample(images, seed), []
    for i in range(images):
        dense, _, labelled = scene(1000 * seed + i, keep)
        target = Target(
            labelled[None].astype(np.uint8) * 255, np.ones_like(labelled) if known else labelled
        )
        counted.append(counts(dense, target))
        sample.add(dense, target)
    (rule,) = decide(np.array(counted), sample, judges=known, pooled=False, in_doubt=False)
    return rule


def true_dice(threshold: float, keep: float, seed: int) -> float:
    """Mean Dice on twenty other images, by their full masks."""
    level = int(np.ceil(threshold * 255))
    found = []
    for i in range(20):
        dense, truth, _ = scene(500_000 + 1000 * seed + i, keep)
        target = Target(truth[None].astype(np.uint8) * 255, np.ones_like(truth))
        found.append(dice(counts(dense, target))[0, level])
    return float(np.mean(found))


@pytest.mark.parametrize("seed", range(4))
def test_on_full_masks_the_threshold_is_never_worse_than_one_half_by_more_than_5_thousandths(
    seed: int,
) -> None:
    rule = ruled(1.0, seed=seed)
    assert rule.rule in ("dice", "half")
    assert true_dice(rule.threshold, 1.0, seed) >= true_dice(0.5, 1.0, seed) - 0.005
    assert rule.prior is not None
    assert rule.prior.value == rule.prior.labelled  # labels that are complete say it themselves


@pytest.mark.parametrize("keep", [0.3, 0.5])
@pytest.mark.parametrize("seed", range(2))
def test_where_objects_are_missing_the_prior_recovers_them(keep: float, seed: int) -> None:
    rule = ruled(keep, seed=seed)
    assert rule.rule == "prior"
    assert "objects are missing among the labels" in rule.reason
    best = max(true_dice(level / 255, keep, seed) for level in range(5, 250, 5))
    assert true_dice(rule.threshold, keep, seed) > best - 0.05
    assert true_dice(0.5, keep, seed) < best - 0.2


def test_positives_alone_are_incomplete_by_their_kind() -> None:
    assert ruled(0.5, known=False).rule == "prior"
    assert ruled(1.0, known=False).rule == "prior"


def test_strokes_of_object_and_background_leave_one_half() -> None:
    dense, truth, _ = scene(0, 1.0)
    known = np.zeros_like(truth)
    known[::8] = True
    target = Target(truth[None].astype(np.uint8) * 255, known)
    sample = Sample(1, 0)
    sample.add(dense, target)
    how = {"judges": False, "pooled": False, "in_doubt": False}
    (rule,) = decide(np.array([counts(dense, target)]), sample, **how)
    assert (rule.threshold, rule.rule, rule.prior) == (0.5, "half", None)


def test_classes_are_judged_each_by_its_own_labels() -> None:
    """The first class is labelled in full, of the second half; a third nobody shows."""
    sample, counted = Sample(12, 0), []
    for i in range(12):
        full, half = scene(i, 1.0), scene(100 + i, 0.5)
        dense = np.concatenate([full[0], half[0], np.zeros_like(full[0])])
        value = np.stack([full[2], half[2], np.zeros_like(full[2])]).astype(np.uint8) * 255
        target = Target(value, np.ones(value.shape[1:], bool))
        counted.append(counts(dense, target))
        sample.add(dense, target)
    rules = decide(np.array(counted), sample, judges=True, pooled=False, in_doubt=False)
    assert [rule.rule == "prior" for rule in rules] == [False, True, False]
    assert rules[2].threshold == 0.5


def test_images_that_do_not_speak_of_a_class_are_no_evidence_that_it_is_missing() -> None:
    sample, counted = Sample(12, 0), []
    for i in range(12):
        dense, truth, _ = scene(i, 1.0)
        spoken = i % 2 == 0
        value = (truth & spoken)[None].astype(np.uint8) * 255
        target = Target(value, np.full(truth.shape, spoken))
        counted.append(counts(dense, target))
        sample.add(dense, target)
    (rule,) = decide(np.array(counted), sample, judges=True, pooled=False, in_doubt=False)
    assert rule.rule != "prior"
