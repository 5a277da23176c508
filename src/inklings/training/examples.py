"""What a training is given: decoded images and their targets, in memory or mapped from disk."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from inklings import progress
from inklings.cases.case import Case
from inklings.errors import DataError, GeometryError, SpecError
from inklings.readers import open_image
from inklings.sampling.crops import resize_image, resize_mask
from inklings.supervision.base import Supervision, Target

MEMORY_VARIABLE = "INKLINGS_MEMORY_GB"


@dataclass(frozen=True)
class Examples:
    """Images and what is known about each, in one order.

    Attributes:
        images: ``(C, H, W)`` each, uint8 or any number type, sizes may differ.
        targets: ``value (K, H, W)`` and ``known (H, W)`` of each.
        ids: Names, for messages and pictures.
        groups: Case of each, where several images are of one case (tiles); empty where each is
            a case of its own.
    """

    images: Sequence[NDArray[Any]]
    targets: Sequence[Target]
    ids: Sequence[str]
    groups: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not len(self.images) == len(self.targets) == len(self.ids):
            raise SpecError(
                f"expected as many targets and ids as images, got {len(self.images)} images, "
                f"{len(self.targets)} targets, {len(self.ids)} ids"
            )
        for name, image, target in zip(self.ids, self.images, self.targets, strict=True):
            shapes = (target.value.shape[1:], target.known.shape)
            if image.ndim != 3 or shapes != (image.shape[1:],) * 2:
                raise GeometryError(
                    f"{name}: expected an image (C, H, W) and a target on the same grid, got "
                    f"{image.shape} with a target of {target.value.shape}"
                )
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
    def complete(self) -> bool:
        """Whether everything about every image is known."""
        return all(target.known.all() for target in self.targets)

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
        known: ``(H, W)`` each; None if every sample is a fact.
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
    targets = [
        Target(
            np.stack([resize_mask(channel, size) for channel in target.value]),
            resize_mask(target.known, size),
        )
        for target in examples.targets
    ]
    images = tuple(resize_image(image, size) for image in examples.images)
    return Examples(images, tuple(targets), examples.ids, examples.groups)


def with_background(examples: Examples) -> Examples:
    """A first channel that is certain where no class is: for losses over exclusive classes."""
    targets = []
    for target in examples.targets:
        rest = 255 - np.minimum(target.value.sum(0, dtype=np.uint16), 255).astype(np.uint8)
        targets.append(
            Target(np.concatenate([(rest * target.known)[None], target.value]), target.known)
        )
    return examples.with_targets(targets)


def gather(
    cases: Sequence[Case], supervision: Supervision, scratch: Path | None = None, what: str = ""
) -> Examples:
    """Decode the images of ``cases`` once and turn their labels into targets.

    What exceeds the memory budget (half of the free memory, or `INKLINGS_MEMORY_GB`) goes to
    files under ``scratch`` that the operating system maps in as they are needed.

    Raises:
        DataError: If an image is damaged, is no picture, or labels do not fit.
    """
    store = Store(budget_bytes(), scratch)
    images, targets = [], []
    for case in progress.track(cases, f"read {what}".strip()):
        image, target = _example(case, supervision)
        images.append(store.keep(image))
        targets.append(Target(store.keep(target.value), store.keep(target.known)))
    return Examples(_same_channels(images), tuple(targets), tuple(case.id for case in cases))


def budget_bytes() -> int:
    """How much memory decoded images may take."""
    asked = os.environ.get(MEMORY_VARIABLE)
    try:
        return int(float(asked) * 2**30) if asked else psutil.virtual_memory().available // 2
    except ValueError:
        raise SpecError(f"{MEMORY_VARIABLE}: expected a number of GB, got {asked!r}") from None


def _example(case: Case, supervision: Supervision) -> tuple[NDArray[Any], Target]:
    planes = []
    for path in case.images.values():
        with open_image(path) as image:
            if len(image.geometry.shape) != 2:
                raise GeometryError(
                    f"case {case.id}: expected a picture (y, x), got {image.geometry.shape} in "
                    f"{path}; volumes are trained slice by slice for now"
                )
            geometry = image.geometry
            planes.append(image.read(geometry.full))
    if len({plane.shape[1:] for plane in planes}) != 1:
        sizes = {name: plane.shape[1:] for name, plane in zip(case.images, planes, strict=True)}
        raise GeometryError(f"case {case.id}: expected images of one size, got {sizes}")
    return np.ascontiguousarray(np.concatenate(planes)), supervision.target(case, geometry)


def _same_channels(images: list[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
    # A cohort of colour pictures often holds a few that were saved as grey.
    most = max((len(image) for image in images), default=0)
    return tuple(
        np.broadcast_to(image, (most, *image.shape[1:])) if len(image) == 1 else image
        for image in images
    )


@dataclass
class Store:
    """Keeps arrays in memory up to a budget, and the rest in files mapped from ``scratch``."""

    budget: int
    scratch: Path | None
    used: int = 0
    files: int = 0

    def keep(self, array: NDArray[Any]) -> NDArray[Any]:
        """``array``, or the same samples mapped from a file."""
        self.used += array.nbytes
        if self.used <= self.budget:
            return array
        if self.scratch is None:
            raise DataError(
                f"the images need more than the memory budget of {self.budget / 2**30:.1f} GB; "
                f"set {MEMORY_VARIABLE} higher, or train from a cohort with --out"
            )
        if self.files == 0:
            progress.note(
                f"memory budget of {self.budget / 2**30:.1f} GB reached ({MEMORY_VARIABLE}): "
                f"the rest is mapped from {self.scratch}"
            )
            self.scratch.mkdir(parents=True, exist_ok=True)
        path = self.scratch / f"{self.files}.npy"
        self.files += 1
        np.save(path, array, allow_pickle=False)
        mapped: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        return mapped
