"""Balls of known place and size in small volumes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.data.examples import Examples
from inklings.geometry import Geometry
from inklings.labels.files import write_mask
from inklings.labels.kinds import MaskLabel
from inklings.readers.nifti import write_nifti
from inklings.supervision.base import Target

GRID = Geometry((8, 24, 28), (3.0, 1.0, 1.0))


def ball(seed: int, grid: Geometry = GRID) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
    """``(Z, Y, X)`` int16 and its mask: a ball of 7 mm in the upper half of the planes."""
    rng = np.random.default_rng(seed)
    points = grid.to_points(np.stack(np.indices(grid.shape), -1))
    high = np.array([grid.shape[2] / 2, grid.shape[1] / 2, 15]) + rng.uniform(-4, 4, 3)
    mask = np.linalg.norm(points - high, axis=-1) < 7
    noisy = 100 + 400 * mask + rng.normal(0, 40, grid.shape)
    return noisy.astype(np.int16), mask


def ball_examples(seeds: range) -> Examples:
    pairs = [ball(seed) for seed in seeds]
    targets = [
        Target(mask[None] * np.uint8(255), np.ones(mask.shape, np.bool_)) for _, mask in pairs
    ]
    images = tuple(image[None] for image, _ in pairs)
    return Examples(
        images,
        tuple(targets),
        tuple(f"v{seed}" for seed in seeds),
        geometries=tuple(GRID for _ in pairs),
    )


def ball_cohort(folder: Path, count: int = 6) -> Path:
    """Four cases to train on, one to validate, one to test; NIfTI with masks of classes."""
    (folder / "files").mkdir(parents=True)
    cases = []
    for i in range(count):
        image, mask = ball(i)
        path, label = folder / "files" / f"{i}.nii.gz", folder / "files" / f"{i}-mask.nii.gz"
        write_nifti(path, image, GRID)
        write_mask(label, mask.astype(np.uint8), GRID)
        labels = (MaskLabel(label, "image", "classes", ("ball",)),)
        split = "train" if i < count - 2 else "val" if i < count - 1 else "test"
        cases.append(Case(f"c{i}", f"p{i}", {"image": path}, labels, split))
    Cohort("balls", tuple(cases), ("ball",)).write(folder)
    return folder


def partly_known(examples: Examples, every: int) -> Examples:
    """Only each ``every``-th plane is annotated."""
    targets = []
    for target in examples.targets:
        known = np.zeros_like(target.known)
        known[:, ::every] = True
        targets.append(Target(target.value * known, known))
    return replace(examples, targets=tuple(targets))
