"""What a training is given: decoded images and their targets, in memory or mapped from disk."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings import progress
from inklings.cohorts.case import Case
from inklings.cohorts.stacked import in_order, inputs_of, stacked_case
from inklings.data.crops import resize_image, resize_mask
from inklings.data.intensity import Scale
from inklings.data.packed import Store, budget_bytes
from inklings.data.respace import respaced
from inklings.data.slices import Planes
from inklings.errors import DataError, GeometryError, SpecError
from inklings.geometry import Geometry
from inklings.orientation import CANONICAL, turn_to
from inklings.supervision.base import FarBackground, Supervision, Target


@dataclass(frozen=True)
class Examples:
    """Images and what is known about each, in one order.

    Attributes:
        images: ``(C, *S)`` each, uint8 or any number type, sizes may differ; ``S`` is ``(H, W)``
            of pictures, ``(D, H, W)`` of volumes.
        targets: ``value (K, *S)`` and ``known (1 or K, *S)`` of each.
        ids: Names, for messages and pictures.
        groups: Case of each, where several images are of one case (tiles, planes); empty where
            each is a case of its own.
        geometries: Grid of each volume; empty for pictures.
        scales: Centre and width of the intensities of each; empty where each image says its own.
        weights: How often each is seen, as a share of an epoch; empty where all are alike.
        in_doubt: What is not known was looked at and left in doubt; otherwise it may hide anything.
        inputs: Names of the images of a case whose channels are stacked in each.
        orientation: Which way the axes of all volumes run, as `inklings.orientation` has it; None
            for pictures, and for arrays of which nobody said.
        far: What is assumed far from all that was drawn.
        reaches: How far from their marks the objects of each image were taken to go, in pixels,
            of volumes in mm; empty where that was not estimated image by image.
    """

    images: Sequence[NDArray[Any]]
    targets: Sequence[Target]
    ids: Sequence[str]
    groups: Sequence[str] = ()
    geometries: Sequence[Geometry] = ()
    scales: Sequence[Scale] = ()
    weights: Sequence[float] = ()
    in_doubt: bool = False
    inputs: Sequence[str] = ()
    orientation: str | None = None
    far: FarBackground | None = None
    reaches: Sequence[float] = ()

    def __post_init__(self) -> None:
        if not len(self.images) == len(self.targets) == len(self.ids):
            raise SpecError(
                f"expected as many targets and ids as images, got {len(self.images)} images, "
                f"{len(self.targets)} targets, {len(self.ids)} ids"
            )
        if isinstance(self.images, Planes):  # made on demand, from volumes that were looked at
            return
        for name, image, target in zip(self.ids, self.images, self.targets, strict=True):
            shapes = (target.shape, target.known.shape[1:])
            alike = len(target.known) in (1, len(target.value))
            if image.ndim not in (3, 4) or shapes != (image.shape[1:],) * 2 or not alike:
                raise GeometryError(
                    f"{name}: expected an image (C, H, W) or a volume (C, D, H, W) and a target on "
                    f"the same grid, got {image.shape} with a target of {target.value.shape}, "
                    f"known {target.known.shape}"
                )
        if len({image.ndim for image in self.images}) > 1:
            raise GeometryError("expected pictures or volumes, got both; make two cohorts of them")
        if self.groups and len(self.groups) != len(self.ids):
            raise SpecError(f"expected {len(self.ids)} groups, got {len(self.groups)}")
        channels = {len(image) for image in self.images}
        if len(channels) > 1:
            raise DataError(f"expected images of one number of channels, got {sorted(channels)}")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def channels(self) -> int:
        """``C`` of the images."""
        return len(self.images[0])

    @property
    def volumes(self) -> bool:
        """Whether these are volumes."""
        return bool(len(self)) and self.images[0].ndim == 4

    def geometry(self, index: int) -> Geometry | None:
        """Grid of a volume; None of a picture."""
        return self.geometries[index] if self.geometries else None

    def scale(self, index: int) -> Scale | None:
        """Centre and width of the intensities of an image; None where it says its own."""
        return self.scales[index] if self.scales else None

    @property
    def assumed_weight(self) -> float:
        """Of the mean over what is assumed, beside that over what is known."""
        return self.far.weight if self.far else 0.0

    @property
    def judges(self) -> bool:
        """Whether the Dice over what is known says how good a prediction is."""
        return self.in_doubt or all(target.whole for target in self.targets)

    def turned(self, code: str) -> Examples:
        """The same volumes with their axes as ``code`` has them (`inklings.orientation`)."""
        if not self.volumes or self.orientation == code:
            return self
        turns = [turn_to(grid, code) for grid in self.geometries]
        return dataclasses.replace(
            self,
            images=tuple(t.view(image) for t, image in zip(turns, self.images, strict=True)),
            targets=tuple(
                target.each(t.view) for t, target in zip(turns, self.targets, strict=True)
            ),
            geometries=tuple(t.grid(g) for t, g in zip(turns, self.geometries, strict=True)),
            orientation=code,
        )

    def with_targets(self, targets: Sequence[Target]) -> Examples:
        """The same images with other labels."""
        return dataclasses.replace(self, targets=tuple(targets))


def from_masks(
    images: Sequence[NDArray[Any]],
    masks: Sequence[NDArray[Any]],
    known: Sequence[NDArray[np.bool_]] | None = None,
    ids: Sequence[str] | None = None,
) -> Examples:
    """Examples from arrays in memory.

    Args:
        images: ``(C, H, W)`` each.
        masks: ``(H, W)`` or ``(K, H, W)`` each: bool, probabilities in [0, 1], or uint8 that is
            already quantised.
        known: ``(H, W)`` or ``(K, H, W)`` each; None if every sample is a fact.
        ids: Names; None to number them.
    """
    targets = []
    for i, mask in enumerate(masks):
        value = mask[None] if mask.ndim == 2 else mask
        if value.dtype != np.uint8:
            value = np.rint(np.clip(value, 0, 1).astype(np.float32) * 255).astype(np.uint8)
        everywhere = np.ones(mask.shape[-2:], np.bool_)
        targets.append(Target(value, everywhere if known is None else known[i]))
    names = ids or [f"image-{i}" for i in range(len(images))]
    return Examples(tuple(images), tuple(targets), tuple(names))


def resized(examples: Examples, size: int) -> Examples:
    """Every image scaled to ``size`` x ``size``: bilinear; targets by the nearest sample."""
    targets = [target.each(partial(resize_mask, size=size)) for target in examples.targets]
    images = tuple(resize_image(image, size) for image in examples.images)
    return dataclasses.replace(examples, images=images, targets=tuple(targets))


def with_background(examples: Examples) -> Examples:
    """A first channel that is certain where no class is: for losses over exclusive classes.

    Where classes are known apart, it is known to be background, or not, only if all of them are.
    """
    return examples.with_targets([exclusive(target) for target in examples.targets])


def exclusive(target: Target) -> Target:
    """A target ``(1 + K, *S)`` with the background first, see `with_background`."""
    known, assumed = _of_exclusive(target)
    rest = 255 - np.minimum(target.value.sum(0, dtype=np.uint16), 255).astype(np.uint8)
    said = known[0] if assumed is None else known[0] | assumed[0]
    return Target(np.concatenate([(rest * said)[None], target.value]), known, assumed)


def _of_exclusive(target: Target) -> tuple[NDArray[np.bool_], NDArray[np.bool_] | None]:
    """``known`` and ``assumed``, the background first where the classes are known apart."""
    if len(target.known) == 1 and (target.assumed is None or len(target.assumed) == 1):
        return target.known, target.assumed

    def first(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        each = np.broadcast_to(mask, target.value.shape)
        return np.concatenate([np.logical_and.reduce(each)[None], each])

    return first(target.known), None if target.assumed is None else first(target.assumed)


def gather(
    cases: Sequence[Case],
    supervision: Supervision,
    scratch: Path | None = None,
    what: str = "",
    spacing_mm: float | tuple[float, ...] | None = None,
) -> Examples:
    """Decode the images of ``cases`` once and turn their labels into targets.

    Volumes are turned to one orientation and brought to ``spacing_mm`` where that is given.

    What exceeds the memory budget (half of the free memory, or `INKLINGS_MEMORY_GB`) goes to
    files under ``scratch`` that the operating system maps in as they are needed.

    Raises:
        DataError: If an image is damaged, is no picture, or labels do not fit.
    """
    store = Store(budget_bytes(), scratch)
    images, targets, grids = [], [], []
    reaches: list[float] = []
    inputs = inputs_of(cases)
    for case in progress.track(cases, f"read {what}".strip()):
        ordered = {name: case.images[name] for name in in_order(case.id, case.images, inputs)}
        image, target, grid, reach = _example(
            dataclasses.replace(case, images=ordered), supervision
        )
        if image.ndim == 4 and spacing_mm is not None:
            image, target, grid = _respaced(image, target, grid, spacing_mm)
        images.append(store.keep(image))
        targets.append(target.each(store.keep))
        grids.append(grid)
        reaches += [] if reach is None else [reach]
    flat = all(image.ndim == 3 for image in images)
    return Examples(
        _same_channels(images) if len(inputs) < 2 else tuple(images),
        tuple(targets),
        tuple(case.id for case in cases),
        geometries=() if flat else tuple(grids),
        inputs=inputs,
        orientation=None if flat else CANONICAL,
        far=supervision.far,
        reaches=tuple(reaches),
    )


def _example(
    case: Case, supervision: Supervision
) -> tuple[NDArray[Any], Target, Geometry, float | None]:
    read = stacked_case(case)
    samples, geometry = np.ascontiguousarray(read.samples), read.geometry
    target = supervision.seen(case, geometry, samples)
    reach = supervision.estimated_reach(case, geometry)
    if samples.ndim == 3:
        return samples, target, geometry, reach
    turn = turn_to(geometry)
    return turn(samples), target.each(turn), turn.grid(geometry), reach


def _respaced(
    image: NDArray[Any], target: Target, grid: Geometry, spacing_mm: float | tuple[float, ...]
) -> tuple[NDArray[Any], Target, Geometry]:
    """A volume on another grid; targets become shares where all is known, else the nearest."""
    there = grid.at(spacing_mm)
    partly = not bool(target.known.all())
    known = respaced(target.known, grid, there, nearest=True)
    value = respaced(target.value, grid, there, nearest=partly)
    objects = target.objects
    if objects is not None:
        objects = respaced(objects, grid, there, nearest=True)
    return respaced(image, grid, there), Target(value, known, objects=objects), there


def _same_channels(images: list[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
    # A cohort of colour pictures often holds a few that were saved as grey.
    most = max((len(image) for image in images), default=0)
    return tuple(
        np.broadcast_to(image, (most, *image.shape[1:])) if len(image) == 1 != most else image
        for image in images
    )
