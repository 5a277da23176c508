"""What an image is like before any network sees it: its grid, its intensities, its colours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.geometry import Geometry

_LINES = 384
_FLOORS = {
    "spacing": 0.05,
    "side": 0.35,
    "low": 0.1,
    "centre": 0.1,
    "high": 0.1,
    "grain": 0.1,
    "instances": 0.35,
}
_FLOOR = 0.03  # of shares and correlations
Array = NDArray[np.float64]


def fingerprint(image: NDArray[Any], geometry: Geometry | None) -> dict[str, float]:
    """What an image is like before any network sees it; NaN where nobody knows.

    Logarithms of spacings and sides, sorted, so that it does not matter how a volume was stored;
    of each channel percentiles of lines along the last axis, evenly spread over all (`_LINES`, or
    less than twice as many), raw and as shares of the range, and the logarithm of ``grain``, the
    mean difference of neighbours as such a share: noise and blur; and how channels go together.

    Args:
        image: ``(C, *S)`` of any number type, before its intensities are scaled.
        geometry: Its grid; None where nobody knows.
    """
    spacing = geometry.spacing if geometry is not None else None
    known = sorted(spacing) if spacing is not None else [math.nan] * (image.ndim - 1)
    found = {f"spacing {k}": math.log(mm) for k, mm in enumerate(known, 1)}
    found |= {f"side {k}": math.log(n) for k, n in enumerate(sorted(image.shape[1:]), 1)}
    lines = image.reshape(len(image), -1, image.shape[-1])
    count = lines.shape[1]
    # No whole step: one that is as long as a plane would see the same row of each.
    chosen = np.linspace(0, count - 1, -(-count // max(1, count // _LINES))).round().astype(int)
    lines = lines[:, chosen].astype(np.float64)
    for k, line in enumerate(lines, 1):
        low, first, middle, third, high = np.percentile(line, (1, 25, 50, 75, 99)).tolist()
        spread = max(high - low, 1e-12)
        found |= {f"low {k}": low, f"centre {k}": middle, f"high {k}": high}
        for share, value in (("first", first), ("middle", middle), ("third", third)):
            found[f"{share} {k}"] = (value - low) / spread
        steps = np.abs(np.diff(line)).mean() if line.shape[-1] > 1 else 0.0
        found[f"grain {k}"] = math.log(1e-3 + float(steps) / spread)
    flat = lines.reshape(len(lines), -1)
    flat = (flat - flat.mean(1, keepdims=True)) / (flat.std(1, keepdims=True) + 1e-12)
    for i in range(1, min(4, len(flat))):
        found[f"colours {i} and {i + 1}"] = float((flat[i - 1] * flat[i]).mean())
    return found


def scaled(
    fit: NDArray[np.float32], of: NDArray[np.float32], names: Sequence[str]
) -> tuple[Array, Array]:
    """Fingerprints with mean 0 and deviation about 1 over ``fit``; what nobody knows is 0.

    Intensities count from the usual centre in usual ranges, and what is far beyond these by its
    logarithm: of magnetic resonance they may differ a thousandfold.
    """
    own, others = (one[:, : len(names)].astype(np.float64) for one in (fit, of))
    for k in range(1, 1 + sum(name.startswith("centre") for name in names)):
        low, centre, high = (names.index(f"{name} {k}") for name in ("low", "centre", "high"))
        middle = np.median(own[:, centre])
        spread = max(float(np.median(own[:, high] - own[:, low])) / 2, 1e-12)
        for one in (own, others):
            one[:, [low, centre, high]] = np.arcsinh(
                (one[:, [low, centre, high]] - middle) / spread
            )
    told = ~np.isnan(own).all(0)
    mean, deviation = np.zeros(len(names)), np.zeros(len(names))
    mean[told], deviation[told] = np.nanmean(own[:, told], 0), np.nanstd(own[:, told], 0)
    floors = [_FLOORS.get(name.split()[0], _FLOOR) for name in names]
    width = np.maximum(deviation, floors)
    there = [np.nan_to_num((one - mean) / width) * told for one in (own, others)]
    return there[0], there[1]
