"""From a scan to candidates: one pass of the detector, peaks of its heat, neighbours suppressed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from inklings.applications.lung_nodules.scans import SPACING_MM, STRIDE, Scan
from inklings.applications.lung_nodules.targets import REFERENCE_MM, to_input
from inklings.inference.device import best_device, native_bf16
from inklings.predictions.numbers import require_numbers

_SLAB = 128
_HALO = 32
_NEAR_MM = 3.0
MOST = 60
_PEAKS = 50_000


@dataclass(frozen=True)
class Candidate:
    """A place that may be a nodule.

    Attributes:
        place: ``(z, y, x)`` index on the grid of the scan.
        point_mm: The same place in the patient, ``(x, y, z)``.
        diameter_mm: As the detector estimates it.
        score: In [0, 1]; it ranks, and need not be a probability.
    """

    place: tuple[float, float, float]
    point_mm: tuple[float, float, float]
    diameter_mm: float
    score: float


@dataclass(frozen=True)
class Detected:
    """What a detector says of a scan.

    Attributes:
        candidates: Best first.
        flagged: Samples of the scan whose heat is above the lowest score.
        outside: Heat of the peaks that were left out because they lie outside of the lungs.
    """

    candidates: tuple[Candidate, ...]
    flagged: int
    outside: tuple[float, ...] = ()


def detect(model: nn.Module, scan: Scan, lowest: float = 0.02, most: int = MOST) -> Detected:
    """All candidates in the lungs, best first.

    Args:
        model: A network of `inklings.models.centre_point`, in evaluation mode.
        scan: Where to look.
        lowest: Heat below which nothing is a candidate.
        most: Largest number of candidates.
    """
    maps = heat(model, scan.grey)
    require_numbers(maps.numpy())
    chance = torch.sigmoid(maps[0])
    peak = F.max_pool3d(chance[None, None], 3, 1, 1)[0, 0] == chance
    where = torch.nonzero(peak & (chance > lowest))
    scores = chance[tuple(where.T)]
    order = scores.argsort(descending=True)[:_PEAKS]
    where, scores = where[order], scores[order]
    rest = maps[1:, where[:, 0], where[:, 1], where[:, 2]].T.double().numpy()
    places = to_input(where.double().numpy() + np.clip(rest[:, :3], -1.5, 1.5))
    points = scan.geometry.to_points(places)
    held = scan.lungs.holds(points)
    inside = np.flatnonzero(held)[: 6 * most]
    found = [
        Candidate(
            _triple(places[k]),
            _triple(points[k]),
            REFERENCE_MM * float(np.exp(np.clip(rest[k, 3], -1.2, 1.6))),
            float(scores[k]),
        )
        for k in inside.tolist()
    ]
    flagged = int((chance > lowest).sum()) * STRIDE**3
    outside = scores[torch.from_numpy(~held)].tolist()
    return Detected(tuple(distinct(found, most)), flagged, tuple(outside))


def distinct(candidates: list[Candidate], most: int) -> list[Candidate]:
    """The best of each group of neighbours: nearer than 3 mm, or than the larger radius."""
    kept: list[Candidate] = []
    for one in sorted(candidates, key=lambda c: -c.score):
        if all(not _near(one, other) for other in kept):
            kept.append(one)
        if len(kept) >= most:
            break
    return kept


@torch.inference_mode()
def heat(model: nn.Module, grey: NDArray[np.uint8]) -> Tensor:
    """Logits ``(5, z/2, y/2, x/2)`` of a whole scan, in slabs so that memory is bounded."""
    device = best_device()
    model = model.to(device, memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    parts = []
    # What a slab and its halos hold at most is no more than this: one pass, nothing seen twice.
    slab = _SLAB + 2 * _HALO if grey.shape[0] <= _SLAB + 2 * _HALO else _SLAB
    for start in range(0, grey.shape[0], slab):
        low, high = max(0, start - _HALO), min(grey.shape[0], start + slab + _HALO)
        part = torch.from_numpy(grey[low:high]).to(device)
        inputs = _whole_blocks(part.float().div_(255))[None, None]
        inputs = inputs.to(memory_format=torch.channels_last_3d)
        with torch.autocast(device.type, torch.bfloat16, enabled=native_bf16(device)):
            logits = model(inputs).logits[0]
        first = (start - low) // STRIDE
        last = (min(grey.shape[0], start + slab) - low + STRIDE - 1) // STRIDE
        parts.append(logits[:, first:last].float().cpu())
    sides = [-(-n // STRIDE) for n in grey.shape]
    return torch.cat(parts, 1)[:, :, : sides[1], : sides[2]]


def _whole_blocks(values: Tensor) -> Tensor:
    """Padded to multiples of 8 by the last sample of each axis, so that borders are no edges."""
    amounts = [0 if n % 8 == 0 else 8 - n % 8 for n in values.shape]
    padding = [0, amounts[2], 0, amounts[1], 0, amounts[0]]
    return F.pad(values[None, None], padding, mode="replicate")[0, 0]


def _near(one: Candidate, other: Candidate) -> bool:
    apart = SPACING_MM * float(np.linalg.norm(np.subtract(one.place, other.place)))
    return apart <= max(_NEAR_MM, 0.5 * max(one.diameter_mm, other.diameter_mm))


def _triple(values: NDArray[np.float64]) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])
