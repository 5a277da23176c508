"""The experiment of pictures and volumes with drawn labels, line by line."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from inklings.planning.augmentation import augment, mirrors
from inklings.planning.budget import Budget
from inklings.planning.fingerprint import CohortFingerprint
from inklings.planning.labels import (
    WEAK_PASSES,
    intensity,
    is_weak,
    kind,
    loss,
    supervision,
    weak_steps,
)
from inklings.planning.look import SIDES
from inklings.planning.plan import Choice, Reasoned
from inklings.planning.sizes import (
    ENOUGH_STEPS_3D,
    RARE,
    WHOLE,
    about,
    area,
    context,
    crop,
    depth_of,
    fitting,
    foreground_planes,
    grid,
    grid_3d,
    patch_of,
    stride_of,
    view,
    width_of,
)


def segmentation(seen: CohortFingerprint, budget: Budget) -> Iterator[Choice]:
    """The experiment of pictures or volumes with drawn labels, line by line."""
    weak = is_weak(seen)
    if weak and seen.kind != "points":
        yield Choice("correction", "auto", f"labels are {kind(seen)}: borders follow the image")
    yield Choice("supervision", *supervision(seen))
    yield Choice("intensity", *intensity(seen))
    how, why = view(seen)
    if seen.volumes:
        yield Choice("volumes.view", how, why)
    if how == "3d":
        yield from _patches(seen, budget)
        return
    if how == "2.5d":
        yield Choice("volumes.context", *context(seen))
    scale, *rest = grid(seen)
    if seen.volumes:
        yield from rest
        yield Choice("volumes.foreground", *foreground_planes(seen))
    stride, told = stride_of(seen, scale)
    side, reason = crop(seen, scale, stride)
    yield Choice("sampling.size", side, reason)
    if not seen.volumes:
        yield from _foreground(seen, side)
    batch = 8
    whole = area(seen, scale)
    width, why_width = width_of(budget, side * side * batch, stride, whole)
    steps = budget.steps(side * side * batch, width, stride)
    passes = steps * batch * side**2 / whole
    if weak:
        width, why_width = 16, "a wide network learns by heart which objects were marked"
    yield from augment(seen, passes if not weak else WEAK_PASSES, 2)
    depth, why_depth = depth_of(side, stride)
    yield Choice("model.name", "unet", "pictures and planes: a network of two dimensions")
    yield Choice("model.width", width, why_width)
    yield Choice("model.depth", depth, why_depth)
    yield Choice("model.stride", stride, told)
    yield Choice("loss", *loss(seen))
    if weak:
        yield Choice("training.steps", *weak_steps(seen, side, batch))
    yield from _training(budget, fitting(batch, side * side // stride**2, width, budget))
    yield from _inference(seen, side)


def _foreground(seen: CohortFingerprint, side: int) -> Iterator[Choice]:
    """Crops that must show an object, where few would by themselves."""
    share = float(np.mean([np.interp(side, SIDES, one.hits) for one in seen.looks]))
    if share < RARE:
        yield Choice("sampling.foreground", 0.5, f"only {share:.0%} of the crops show an object")


def _training(budget: Budget, batch: Reasoned[int]) -> Iterator[Choice]:
    yield Choice("training.minutes", budget.minutes, "the learning rate follows the clock")
    yield Choice("training.batch_size", *batch)
    yield Choice("training.learning_rate", 4.0e-3, "with one cycle, from batches of this size")
    yield Choice("training.ema", 0.99, "the mean of the last hundred steps is steadier than any")


def _inference(seen: CohortFingerprint, side: int) -> Iterator[Choice]:
    names = "zyx" if side == 0 else "yx"
    axes, _ = mirrors(seen, names)
    if side > WHOLE:
        yield Choice("inference.window", side, "as large as the crops of the training")
    if axes:
        yield Choice(
            "inference.mirroring", True if axes == names else axes, "the mean of mirror images"
        )
    if is_weak(seen):
        yield Choice(
            "inference.threshold", "prior", "where the share of positives agrees with its estimate"
        )
    elif seen.kind == "boxes":
        yield Choice("inference.threshold", 0.5, "boxes say too little to choose another")
    elif seen.kind != "strokes":
        if seen.held_out:
            told = f"chosen on {seen.held_out} validation cases: by Dice, or by the prior where "
            told += "objects look missing among the labels"
            yield Choice("inference.threshold", "auto", told)
        else:
            yield Choice("inference.threshold", 0.5, "no validation case to choose it by")
    if seen.volumes:
        pieces = np.array([one.pieces for one in seen.looks])
        whole = np.mean(pieces <= 1, axis=0) * (pieces.max(0) > 0)
        if seen.kind == "strokes":
            yield Choice("inference.components", "largest", "organs are of one piece")
        elif (whole >= 0.9).any():
            said = ", ".join(n for n, w in zip(seen.classes, whole, strict=True) if w >= 0.9)
            yield Choice("inference.components", "auto", f"one piece in nearly every case: {said}")
    elif seen.kind == "exact" and seen.touching > 0.05:
        areas = np.pi * (seen.diameters / 2) ** 2
        least = max(8, int(np.quantile(areas, 0.02)))
        options = {"name": "watershed", "seeds": "product", "depth": 0.1, "smooth": 2}
        yield Choice(
            "inference.instances",
            {**options, "min_size": least},
            "touching objects are parted; nearly all have that many samples",
        )


def _patches(seen: CohortFingerprint, budget: Budget) -> Iterator[Choice]:
    """The lines of a network of three dimensions."""
    batch, width, depth = 2, 16, 3
    factor, spacing = grid_3d(seen)
    if spacing is not None:
        yield spacing
    shape = np.maximum(1, np.array(seen.shape) / factor)
    most = np.clip(budget.steps_3d(1, width) / (ENOUGH_STEPS_3D * batch), 32**3, 128**3)
    patch, why = patch_of(tuple(shape.tolist()), float(most))
    yield Choice("volumes.patch", patch, why)
    voxels = int(np.prod(patch))
    share = float(np.mean([np.interp(min(patch), SIDES, one.hits) for one in seen.looks]))
    if share < RARE:
        yield Choice("sampling.foreground", 0.5, f"only {share:.0%} of the patches show an object")
    for wide in (32, 24):
        if budget.steps_3d(voxels * batch, wide) >= 3 * ENOUGH_STEPS_3D:
            width = wide
            break
    steps = budget.steps_3d(voxels * batch, width)
    passes = steps * batch * voxels / (float(np.prod(shape)) * seen.cases)
    yield from augment(seen, passes, 3)
    yield Choice("model.name", "unet3d", "patches: a network of three dimensions")
    yield Choice("model.width", width, f"about {about(steps)} steps of it fit into the minutes")
    yield Choice("model.depth", depth, f"a patch is {min(patch) // 2**depth} pixels wide there")
    if seen.anisotropy >= 2:
        told = f"planes lie {seen.anisotropy:.1f} times farther apart: first halved within them"
        yield Choice("model.flat", 1, told)
    yield Choice("model.norm", "batch", "faster than norms of single patches")
    yield Choice("loss", *loss(seen))
    yield from _training(budget, fitting(batch, voxels, width, budget))
    yield from _inference(seen, 0)
