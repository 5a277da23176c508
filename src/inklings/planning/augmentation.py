"""Rules of augmentation: what may change, so that no class becomes another."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from inklings.planning.fingerprint import MICROSCOPY, CohortFingerprint
from inklings.planning.layout import LEAST
from inklings.planning.plan import Choice, Reasoned
from inklings.planning.sizes import about

_PASSES = 10.0


def augment(seen: CohortFingerprint, passes: float, dimensions: int) -> Iterator[Choice]:
    """What may change in a training sample: never one class into another."""
    names = "yx" if dimensions == 2 else "zyx"
    key = "sampling.augment[]"
    tissue = seen.modality in MICROSCOPY and not seen.volumes
    axes, why = mirrors(seen, names)
    if axes == names:
        yield Choice(key, "flips", why)
    elif axes:
        yield Choice(key, {"name": "flips", "axes": axes}, why)
    if tissue and axes == names:
        yield Choice(key, "quarter_turns", "no class has a place: a turned picture is another one")
    scale = round(float(np.clip(math.exp(seen.size_spread) - 1, 0.15, 0.5)), 2)
    turn = 45 if tissue and axes == names else 15
    sizes = f"sizes differ by {math.exp(seen.size_spread) - 1:.0%} between cases"
    if not seen.size_spread:
        sizes = "as much as bodies differ"
    if not axes:
        sizes = f"{why}; {sizes}"
    options = {"rotate": turn, "scale": scale, "probability": 0.6 if turn > 15 else 0.5}
    if dimensions == 3:
        flat = seen.anisotropy >= 2
        options |= {"tilt": 0 if flat else turn}
        yield Choice(key, {"name": "affine3d", **options}, sizes)
    else:
        yield Choice(key, {"name": "affine", **options}, sizes)
    if seen.modality == "mixed":
        yield Choice(
            key, {"name": "gray", "probability": 0.2}, "pictures without colour are among them"
        )
    if passes < _PASSES:
        return
    often = f"the training images are seen about {about(passes)} times over"
    if seen.modality == "stained":
        dyes = {"name": "stain_jitter", "amount": 0.3, "shift": 0.05, "probability": 1.0}
        yield Choice(key, dyes, f"{often}: either dye varies as between laboratories")
        tint = {"name": "brightness_contrast", "per_channel": True}
        yield Choice(key, tint, "scanners differ in tint")
    else:
        yield Choice(key, "brightness_contrast", often)


def mirrors(seen: CohortFingerprint, names: str) -> Reasoned[str]:
    """Axes along which a mirror image shows the same classes, and why no other."""
    if "mirrors" in seen.instead:
        return seen.instead["mirrors"]
    tissue = seen.modality in MICROSCOPY and not seen.volumes
    lost = {name: why for name, why in seen.fixed.items() if name in names}
    if tissue:
        left = "".join(name for name in names if name not in lost)
        if left == names:
            return left, "classes lie anywhere: mirror images show the same"
        return left, f"{next(iter(lost.values()))}: never mirrored along {', '.join(lost)}"
    if "x" in lost:
        return "", f"{lost['x']}: never mirrored"
    if len(seen.looks) < LEAST:
        return "", f"{len(seen.looks)} cases are too few to tell whether sides matter"
    return "x", "no class has a side of its own; bodies have a top and a front"
