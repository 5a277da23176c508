"""Bags of vectors with a known answer: quick to make, quick to learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from inklings.bags.writer import MadeBag, write_bags
from inklings.cohorts.case import SPLITS
from inklings.cohorts.cohort import Cohort

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
