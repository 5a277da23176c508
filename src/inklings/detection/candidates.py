"""From a scan to candidates: one pass of the detector, peaks of its heat, neighbours suppressed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from inklings.detection.scan import PreparedScan
from inklings.detection.targets import to_input
from inklings.inference.device import best_device, native_bf16
from inklings.predictions.numbers import require_numbers
from inklings.spec.detection import Detection

_PEAKS = 50_000


@dataclass(frozen=True)
class Candidate:
    """A place that may be an object.

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
        flagged: Voxels of the scan whose heat is above the lowest score.
        outside: Heat of the peaks that were left out because they lie outside of the region.
    """

    candidates: tuple[Candidate, ...]
    flagged: int
    outside: tuple[float, ...] = ()


def detect(model: nn.Module, scan: PreparedScan, settings: Detection) -> Detected:
    """All candidates in the search region, best first.

    Args:
        model: A network of `inklings.models.centre_point`, in evaluation mode.
        scan: Where to look.
        settings: Those that the network was trained with; the lowest score, how many at most.
    """
    maps = heat(model, scan.grey, settings)
    require_numbers(maps.numpy())
    chance = torch.sigmoid(maps[0])
    peak = F.max_pool3d(chance[None, None], 3, 1, 1)[0, 0] == chance
    where = torch.nonzero(peak & (chance > settings.min_score))
    scores = chance[tuple(where.T)]
    order = scores.argsort(descending=True)[:_PEAKS]
    where, scores = where[order], scores[order]
    rest = maps[1:, where[:, 0], where[:, 1], where[:, 2]].T.double().numpy()
    offsets = np.clip(rest[:, :3], -1.5, 1.5)
    places = to_input(where.double().numpy() + offsets, settings.stride)
    points = scan.geometry.to_points(places)
    held = scan.region.holds(points)
    inside = np.flatnonzero(held)[: 6 * settings.max_candidates]
    found = [
        Candidate(
            _triple(places[k]),
            _triple(points[k]),
            settings.reference_mm * float(np.exp(np.clip(rest[k, 3], -1.2, 1.6))),
            float(scores[k]),
        )
        for k in inside.tolist()
    ]
    flagged = int((chance > settings.min_score).sum()) * settings.stride**3
    outside = scores[torch.from_numpy(~held)].tolist()
    return Detected(tuple(suppressed(found, settings)), flagged, tuple(outside))


def suppressed(candidates: list[Candidate], settings: Detection) -> list[Candidate]:
    """The best of each group of neighbours: nearer than ``nms_mm``, or than the larger radius."""
    kept: list[Candidate] = []
    for one in sorted(candidates, key=lambda c: -c.score):
        if all(not _near(one, other, settings) for other in kept):
            kept.append(one)
        if len(kept) >= settings.max_candidates:
            break
    return kept


@torch.inference_mode()
def heat(model: nn.Module, grey: NDArray[np.uint8], settings: Detection) -> Tensor:
    """Logits ``(5, z, y, x)`` of a whole scan on the output's grid, in slabs of bounded memory."""
    slab, halo, stride = settings.slab, settings.halo, settings.stride
    device = best_device()
    model = model.to(device, memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    parts = []
    # What a slab and its halos hold at most is no more than this: one pass, nothing seen twice.
    step = slab + 2 * halo if grey.shape[0] <= slab + 2 * halo else slab
    for start in range(0, grey.shape[0], step):
        low, high = max(0, start - halo), min(grey.shape[0], start + step + halo)
        part = torch.from_numpy(grey[low:high]).to(device)
        inputs = _whole_blocks(part.float().div_(255))[None, None]
        inputs = inputs.to(memory_format=torch.channels_last_3d)
        with torch.autocast(device.type, torch.bfloat16, enabled=native_bf16(device)):
            logits = model(inputs).logits[0]
        first = (start - low) // stride
        last = (min(grey.shape[0], start + step) - low + stride - 1) // stride
        parts.append(logits[:, first:last].float().cpu())
    sides = [-(-n // stride) for n in grey.shape]
    return torch.cat(parts, 1)[:, :, : sides[1], : sides[2]]


def _whole_blocks(values: Tensor) -> Tensor:
    """Padded to multiples of 8 by the last voxel of each axis, so that borders are no edges."""
    amounts = [0 if n % 8 == 0 else 8 - n % 8 for n in values.shape]
    padding = [0, amounts[2], 0, amounts[1], 0, amounts[0]]
    return F.pad(values[None, None], padding, mode="replicate")[0, 0]


def _near(one: Candidate, other: Candidate, settings: Detection) -> bool:
    apart = settings.spacing_mm * float(np.linalg.norm(np.subtract(one.place, other.place)))
    return apart <= max(settings.nms_mm, 0.5 * max(one.diameter_mm, other.diameter_mm))


def _triple(values: NDArray[np.float64]) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])
