"""Rules by what labels are and what made the image: targets, loss, normalisation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from inklings.planning.fingerprint import CohortFingerprint
from inklings.planning.plan import Reasoned
from inklings.planning.sizes import area

_WEAK_STEPS, WEAK_PASSES = 500, 2.0


def is_weak(seen: CohortFingerprint) -> bool:
    """Whether labels may be wrong, or leave out objects."""
    return seen.kind in ("weak", "positives", "points")


def supervision(seen: CohortFingerprint) -> Reasoned[Any]:
    """How labels become targets."""
    if seen.kind == "strokes":
        return "scribbles", (
            f"labels speak of {seen.known:.1%} of each plane: if every object has a stroke, what "
            "is far from all is background"
        )
    if seen.kind == "exact" and seen.touching > 0.05:
        return (
            {"name": "full", "cores": True},
            f"{seen.touching:.0%} of the objects touch another: inner halves part them",
        )
    if seen.kind in ("positives", "points"):
        return "positive_unlabelled", f"labels are {kind(seen)}: the rest is unlabelled"
    if seen.kind == "boxes":
        return (
            {"name": "boxes", "middle": 0.75},
            "labels are boxes: an ellipse in each is object, outside of all is background; if the "
            "objects are boxes themselves, take supervision: full",
        )
    return "auto", f"labels are {kind(seen)}"


def kind(seen: CohortFingerprint) -> str:
    """What labels are, in words."""
    return {
        "exact": "complete masks",
        "weak": f"weak ({seen.weakness})",
        "strokes": "strokes",
        "slices": "some planes throughout",
        "regions": "parts of planes",
        "positives": "positives alone",
        "boxes": "boxes",
        "points": "points",
    }[seen.kind]


def intensity(seen: CohortFingerprint) -> Reasoned[Any]:
    """How samples become inputs, by what made the image."""
    if seen.modality == "ct" and len(seen.inside):
        low, high = np.percentile(seen.inside, (0.5, 99.5))
        reach = max(high - low, 10)
        least = min(1990, max(-1024, math.floor((low - reach) / 10) * 10))
        most = max(least + 10, min(2000, math.ceil((high + reach) / 10) * 10))
        return (
            {"name": "window", "low": float(least), "high": float(most)},
            f"CT: objects have {low:.0f} to {high:.0f} HU, and as much again on either side",
        )
    if seen.modality == "stained":
        return (
            {"name": "zscore", "per_channel": True},
            "stained tissue: each channel by itself, so that no stain is taken for a class",
        )
    if seen.modality == "mixed":
        if is_weak(seen):
            return (
                {"name": "zscore", "invert_bright": True},
                "dark and bright grounds: bright ones become negatives, so that all teach all",
            )
        return "zscore", "pictures of several kinds: mean and deviation of each, over all channels"
    if seen.modality == "fluorescence":
        return (
            {"name": "percentiles", "low": 1.0, "high": 99.8},
            "fluorescence: a few very bright samples set no scale",
        )
    if seen.modality == "ct":
        return "percentiles", "CT, but no object was seen whose Hounsfield units could be taken"
    if seen.volumes:
        return "percentiles", f"{_made(seen)}: grey values mean something in one volume only"
    return "zscore", f"{_made(seen)}: mean and deviation of each picture"


def _made(seen: CohortFingerprint) -> str:
    return {"mr": "MR", "bright-field": "bright field"}.get(seen.modality, seen.modality)


def loss(seen: CohortFingerprint) -> Reasoned[str]:
    """What the network is told, by the kind of labels."""
    if seen.kind == "strokes":
        return "cross_entropy", "strokes: each is a fact, and classes exclude one another"
    if seen.kind in ("positives", "points"):
        return "vpu", "positives and unlabelled samples, and no prior is needed"
    if seen.kind == "boxes":
        return (
            "bce_dice" if seen.volumes else "bce",
            "boxes: middle and outside are facts; between them nothing is said",
        )
    if is_weak(seen):
        return "bce", "no Dice term: it would ruin the probabilities that the threshold needs"
    return "bce_dice", f"{kind(seen)}: overlap counts"


def weak_steps(seen: CohortFingerprint, side: int, batch: int) -> Reasoned[int]:
    """How long labels that may be wrong are learnt from."""
    samples = area(seen, 1.0)
    steps = max(_WEAK_STEPS, int(WEAK_PASSES * samples / (batch * side**2)))
    return steps, "longer trainings learn by heart which objects were marked"
