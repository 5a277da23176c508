"""Labels cleaned before training: from examples and a correction to examples and its evidence."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inklings.data.examples import Examples
from inklings.data.slices import Planes
from inklings.errors import SpecError
from inklings.spec import Component
from inklings.supervision.base import Target
from inklings.supervision.channels import core
from inklings.weak.correction import CORRECTIONS, Correction, Evidence

_HALF = 128


@dataclasses.dataclass(frozen=True)
class Cleaned:
    """Examples after correction.

    Attributes:
        train: What to learn from.
        val: What thresholds are chosen on.
        evidence: What the correction found and did, class by class and group by group.
    """

    train: Examples
    val: Examples | None
    evidence: list[dict[str, Any]]


def correct(
    train: Examples,
    val: Examples | None,
    correction: Component,
    classes: Sequence[str],
) -> Cleaned:
    """Correct the complete masks of both parts together; all other targets stay as they are.

    Args:
        train: Images and targets.
        val: The same of the validation part; None if there is none.
        correction: Name and options in the table of corrections; besides them ``trusted``, the
            ids of cases whose masks are known to be exact and show the annotators' style.
        classes: Names of the classes; a further channel of the targets is that of inner halves.

    Raises:
        SpecError: If ``trusted`` names a case that is not there.
    """
    if correction.name == "none":
        return Cleaned(train, val, [])
    if train.volumes:
        return _by_planes(train, val, correction, classes)
    options = dict(correction.options)
    exact: list[str] = [str(name) for name in options.pop("trusted", ())]
    cleaner = CORRECTIONS.build(correction.name, options)
    ids = [*train.ids, *(val.ids if val else ())]
    unknown = sorted(set(exact) - set(ids))
    if unknown:
        raise SpecError(
            f"trusted: expected cases of the train or val part, got {', '.join(unknown)}"
        )
    images = [*train.images, *(val.images if val else ())]
    targets = [*train.targets, *(val.targets if val else ())]
    evidence: list[dict[str, Any]] = []
    cores = len(targets[0].value) > len(classes)
    for k, name in enumerate(classes):
        targets, records = _channel(
            images, targets, k, cleaner, [ids.index(i) for i in exact], cores
        )
        evidence += [{"class": name, **dataclasses.asdict(record)} for record in records]
    count = len(train)
    return Cleaned(
        train.with_targets(targets[:count]),
        val.with_targets(targets[count:]) if val else None,
        evidence,
    )


def _by_planes(
    train: Examples, val: Examples | None, correction: Component, classes: Sequence[str]
) -> Cleaned:
    """The planes of volumes that show something and are known throughout, as pictures."""
    places = [_places(part) if part else [] for part in (train, val)]
    flat = [_flat(part, own) for part, own in zip((train, val), places, strict=True) if part]
    exact = {str(name) for name in correction.options.get("trusted", ())}
    if exact:
        ids = [name for part in flat for name in part.ids if name.rpartition(":")[0] in exact]
        correction = Component(name=correction.name, options={**correction.options, "trusted": ids})
    cleaned = correct(flat[0], flat[1] if val else None, correction, classes)
    return Cleaned(
        _restacked(train, places[0], cleaned.train),
        _restacked(val, places[1], cleaned.val) if val and cleaned.val else None,
        cleaned.evidence,
    )


def _places(volumes: Examples) -> list[tuple[int, int]]:
    return [
        (v, z)
        for v, target in enumerate(volumes.targets)
        for z in range(target.shape[0])
        if (plane := target.at(z)).whole and plane.positives.any()
    ]


def _flat(volumes: Examples, places: Sequence[tuple[int, int]]) -> Examples:
    targets = [volumes.targets[v] for v, _ in places]
    return Examples(
        Planes(volumes.images, places, 0),
        tuple(t.at(z) for t, (_, z) in zip(targets, places, strict=True)),
        tuple(f"{volumes.ids[v]}:{z}" for v, z in places),
    )


def _restacked(volumes: Examples, places: Sequence[tuple[int, int]], planes: Examples) -> Examples:
    values = {v: volumes.targets[v].value.copy() for v, _ in places}
    for (v, z), target in zip(places, planes.targets, strict=True):
        values[v][:, z] = target.value
    return volumes.with_targets(
        [Target(values.get(v, t.value), t.known) for v, t in enumerate(volumes.targets)]
    )


def _channel(
    images: Sequence[NDArray[Any]],
    targets: list[Target],
    k: int,
    cleaner: Correction,
    exact: Sequence[int],
    cores: bool,
) -> tuple[list[Target], tuple[Evidence, ...]]:
    """One class of all complete targets corrected, with the inner halves where they are asked."""
    complete = [i for i, target in enumerate(targets) if target.known_of(k).all()]
    before = [targets[i].value[k] >= _HALF for i in complete]
    corrected = cleaner.correct(
        [_shown(images[i]) for i in complete],
        before,
        [complete.index(i) for i in exact if i in complete],
    )
    out = list(targets)
    for i, old, new in zip(complete, before, corrected.masks, strict=True):
        if new is not old and not np.array_equal(new, old):
            value = targets[i].value.copy()
            value[k] = new * np.uint8(255)
            if cores and k == 0:
                value[-1] = core(ndimage.label(new)[0].astype(np.int32)) * np.uint8(255)
            out[i] = Target(value, targets[i].known)
    return out, corrected.evidence


def _shown(image: NDArray[Any]) -> NDArray[np.uint8]:
    """``(C, H, W)`` of any type as ``(H, W, 3)`` or ``(H, W)`` uint8."""
    planes = image[:3] if len(image) >= 3 else image[:1]
    if planes.dtype != np.uint8:
        low, high = np.percentile(planes, [0.5, 99.5])
        planes = (np.clip((planes - low) / max(high - low, 1e-9), 0, 1) * 255).astype(np.uint8)
    shown: NDArray[np.uint8] = np.moveaxis(planes, 0, -1) if len(planes) == 3 else planes[0]
    return shown
