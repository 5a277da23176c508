"""Bags of vectors with a known answer: quick to make, quick to learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inklings.bags.writer import MadeBag, write_bags
from inklings.cohorts.case import SPLITS
from inklings.cohorts.cohort import Cohort
from inklings.labels.kinds import SurvivalLabel, ValueLabel

_PARTS = (0, 0, 0, 0, 1, 2)  # of six neighbours, four are train, one val, one test


def vector_bags(folder: Path, bags: int = 60, seed: int = 0, width: int = 4) -> Cohort:
    """A cohort of bags of 1 to 7 vectors; in every other bag one vector is 4 further along.

    The first feature of an instance is normal around 0, or around 4 where it is positive; the
    others are noise. Instance labels lie apart, as with every cohort of bags.
    """
    rng = np.random.default_rng(seed)
    made = []
    for i in range(bags):
        count = int(rng.integers(1, 8))
        values = rng.normal(size=(count, width)).astype(np.float32)
        truth = np.zeros(count, np.uint8)
        if i % 2:
            truth[rng.integers(count)] = 1
        values[:, 0] += 4 * truth
        split = SPLITS[_PARTS[i // 2 % 6]]
        made.append(MadeBag(f"bag{i:04d}", values, (bool(i % 2),), split=split, truth=truth))
    return write_bags(folder, "vectors", ("hit",), made, {"task": "binary"})


def value_bags(folder: Path, bags: int = 120, seed: int = 0, width: int = 4) -> Cohort:
    """A cohort whose bags carry a number: 40, and 30 times the share of instances further along.

    Noise of spread 1 is added; two bags of a patient follow each other.
    """
    rng = np.random.default_rng(seed)
    made = []
    for i in range(bags):
        values, truth = _shared(rng, width)
        score = 40 + 30 * float(truth.mean()) + float(rng.normal())
        made.append(_labelled(i, values, truth, ValueLabel("score", score)))
    return write_bags(folder, "values", ("score",), made, {"task": "regression"})


def survival_bags(folder: Path, bags: int = 160, seed: int = 0, width: int = 4) -> Cohort:
    """A cohort of times: the log hazard is 5 times the share of instances further along.

    Times are exponential, of mean 60 where no instance is; a third of them is censored.
    """
    rng = np.random.default_rng(seed)
    made = []
    for i in range(bags):
        values, truth = _shared(rng, width)
        time = float(rng.exponential(60 * np.exp(-5 * truth.mean())))
        event = bool(rng.random() > 1 / 3)
        time = round(time if event else time * float(rng.random()), 2)
        made.append(_labelled(i, values, truth, SurvivalLabel("months", time, event)))
    return write_bags(folder, "survival", ("months",), made, {"task": "survival"})


def _shared(rng: np.random.Generator, width: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Instances of a bag, some of which are 4 further along, and which those are."""
    count = int(rng.integers(4, 9))
    truth = (rng.permutation(count) < rng.integers(0, count)).astype(np.uint8)
    values = rng.normal(size=(count, width)).astype(np.float32)
    values[:, 0] += 4 * truth
    return values, truth


def _labelled(
    i: int,
    values: NDArray[np.float32],
    truth: NDArray[np.uint8],
    outcome: ValueLabel | SurvivalLabel,
) -> MadeBag:
    split = SPLITS[_PARTS[i // 2 % 6]]
    return MadeBag(f"bag{i:04d}", values, (), f"p{i // 2:04d}", split, truth, outcome=outcome)
