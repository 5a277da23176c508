"""What a program holds in memory becomes a cohort: arrays, opened images, bags of features."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from inklings.bags.answers import Ranks, answers
from inklings.bags.writer import MadeBag
from inklings.cohorts.opening import SPACING_FACT
from inklings.datasets.bag_cohort import BagCohort, MadeBags
from inklings.datasets.dataset import Converted, Mask, Option, Plain, Stored, stamp_of
from inklings.errors import DataError, LabelError, SpecError
from inklings.geometry import Geometry
from inklings.labels.files import as_stored
from inklings.readers import open_image
from inklings.readers.encode import encoded
from inklings.readers.image import Image

Content = str | Path | Image | NDArray[Any]
"""One image: a file, an opened image, or an array (its axes as `open_image` has them)."""

_ALONE = "image"


@dataclass(frozen=True)
class ArrayItem:
    """One case; ``stamp`` is the fingerprint of all that it holds."""

    id: str
    patient: str
    images: Mapping[str, Content]
    mask: NDArray[Any] | None
    stamp: str


@dataclass(frozen=True)
class Arrays(Plain):
    """Pictures or volumes in memory, each with a mask of numbers or none.

    Attributes:
        images: One a case: an array, an opened image, a file; or several by their names,
            ``{"t1": array, "flair": array}``.
        masks: One a case, on the grid of its (first) image: True, or the number of a class from 1
            up, or with ``instances`` the number of an object; 0 is background, -1 unlabelled. None
            for a case without labels.
        classes: Names of the numbers 1, 2, ...
        instances: Masks number objects of the one class.
        patients: One a case; cases of one patient are never parted. By default each its own.
        ids: One a case; by default 0000, 0001, ...
        spacing_mm: Of all arrays: one number, or one for each axis in array order.
        axes: Of all arrays, as `open_image` takes them; by default as the masks have them.
    """

    images: Annotated[Sequence[Content | Mapping[str, Content]], Option("Images, one a case.")]
    masks: Annotated[Sequence[NDArray[Any] | None] | None, Option("Masks, one a case.")] = None
    classes: Annotated[tuple[str, ...], Option("Names of the numbers.")] = ("object",)
    instances: Annotated[bool, Option("Masks number objects.")] = False
    patients: Annotated[Sequence[str] | None, Option("Patients, one a case.")] = None
    ids: Annotated[Sequence[str] | None, Option("Names of the cases.")] = None
    spacing_mm: Annotated[float | Sequence[float] | None, Option("Of all arrays.")] = None
    axes: Annotated[str | None, Option("Of all arrays.")] = None
    name: Annotated[str, Option("Of the cohort.")] = "arrays"
    source: Path | None = field(default=None, init=False)
    facts: Mapping[str, Any] = field(default_factory=dict, init=False)

    def options(self) -> dict[str, Any]:
        """What holds for all cases; the arrays are in the stamps."""
        spacing = np.atleast_1d(self.spacing_mm).tolist() if self.spacing_mm is not None else None
        return {
            "classes": list(self.classes),
            "instances": self.instances,
            "spacing_mm": spacing,
            "axes": self.axes,
        }

    def items(self, scratch: Path) -> Sequence[ArrayItem]:  # noqa: ARG002
        """One a case.

        Raises:
            SpecError: If there are not as many masks, patients or names as images.
        """
        count = len(self.images)
        names = _each("ids", self.ids, count) or [f"{k:04d}" for k in range(count)]
        patients = _each("patients", self.patients, count) or names
        masks = _each("masks", self.masks, count) or [None] * count
        if self.instances and len(self.classes) != 1:
            raise SpecError(f"instances: expected one class, got {list(self.classes)}")
        found = []
        for name, patient, content, mask in zip(names, patients, self.images, masks, strict=True):
            given = content if isinstance(content, Mapping) else {_ALONE: content}
            several = {k: Path(one) if isinstance(one, str) else one for k, one in given.items()}
            codes = None if mask is None else np.asarray(mask)
            stamp = _fingerprint(
                str(patient), *several, *several.values(), "none" if codes is None else codes
            )
            found.append(ArrayItem(str(name), str(patient), several, codes, stamp))
        if not found:
            raise DataError("expected at least one image, got none")
        return found

    def convert(self, item: ArrayItem) -> Converted:
        """Encode the images that are in memory and number the mask."""
        images: dict[str, Stored] = {}
        first: Geometry | None = None
        for name, content in item.images.items():
            with self._opened(content, item.mask) as image:
                first = first or image.geometry
                if isinstance(content, Path):
                    images[name] = Stored(content)
                else:
                    images[name] = Stored(*encoded(image))
        assert first is not None
        labels = () if item.mask is None else (self._mask(item, first),)
        return Converted(images, labels, patient=item.patient, facts=_said(first))

    def _opened(self, content: Content, mask: NDArray[Any] | None) -> Image:
        if isinstance(content, Image):
            return content
        if isinstance(content, str | Path):
            return open_image(content)
        array = np.asarray(content)
        axes = self.axes or (None if mask is None else _axes(array.shape, mask.shape))
        return open_image(array, self.spacing_mm, axes=axes)

    def _mask(self, item: ArrayItem, grid: Geometry) -> Mask:
        assert item.mask is not None
        kind: Literal["instances", "classes"] = "instances" if self.instances else "classes"
        codes = item.mask
        if codes.dtype.kind not in "biu":
            raise LabelError(f"expected a mask of whole numbers, got {codes.dtype}")
        if codes.shape != grid.shape:
            raise LabelError(
                f"expected a mask of shape {grid.shape}, as its image, got {codes.shape}"
            )
        if not self.instances and codes.size and int(codes.max()) > len(self.classes):
            raise LabelError(
                f"expected numbers up to {len(self.classes)} ({', '.join(self.classes)}), got "
                f"{int(codes.max())}; name the classes, or say instances=True"
            )
        if codes.dtype.kind == "i" and int(codes.min()) < -1:
            raise LabelError(f"expected numbers from -1 (unlabelled) up, got {int(codes.min())}")
        partial = codes.dtype.kind == "i" and bool((codes < 0).any())
        stored = as_stored(codes.astype(np.int64), kind)
        geometry = grid if grid.spacing is not None and codes.ndim == 3 else None
        return Mask(
            stored, kind, self.classes, "partial" if partial else "complete", geometry=geometry
        )


@dataclass(frozen=True)
class ArrayBags(BagCohort):
    """Bags in memory: rows of features, or small pictures, with one label a bag.

    Attributes:
        bags: ``(N, D)`` features or ``(N, C, H, W)`` pictures of the ``N`` instances of a bag.
        labels: One a bag: True or False, or the name of one of several classes; None for none.
        class_name: What is there where the label is True.
        order: The classes are grades in this order, lowest first.
        patients: One a bag; by default each its own.
        ids: One a bag; by default 0000, 0001, ...
    """

    bags: Annotated[Sequence[NDArray[Any]], Option("Instances, one array a bag.")]
    labels: Annotated[Sequence[bool | str | None], Option("One a bag.")]
    class_name: Annotated[str, Option("Of True.")] = "positive"
    order: Annotated[tuple[str, ...], Option("Of grades, lowest first.")] = ()
    patients: Annotated[Sequence[str] | None, Option("Patients, one a bag.")] = None
    ids: Annotated[Sequence[str] | None, Option("Names of the bags.")] = None
    name: Annotated[str, Option("Of the cohort.")] = "bags"
    source: Path | None = field(default=None, init=False)
    facts: Mapping[str, Any] = field(default_factory=dict, init=False)
    classes: tuple[str, ...] = field(default=(), init=False)

    def options(self) -> dict[str, Any]:
        """The fingerprint of all bags."""
        return {
            "bags": _fingerprint(*self.bags, *map(str, self.labels), *map(str, self.ids or ())),
            "class": self.class_name,
            "order": list(self.order),
            "patients": list(map(str, self.patients or ())),
        }

    def made(self) -> MadeBags:
        """All bags, their labels as answers."""
        count = len(self.bags)
        names = _each("ids", self.ids, count) or [f"{k:04d}" for k in range(count)]
        patients = _each("patients", self.patients, count) or names
        cells = [
            "" if one is None else str(one) for one in _each("labels", self.labels, count) or ()
        ]
        said = answers(
            {"label": cells},
            lambda row, _: f"label {row}",
            Ranks(order=self.order),
            self.class_name,
        )
        arrays = [np.asarray(bag) for bag in self.bags]
        _require_bags(arrays)
        bags = [
            MadeBag(str(name), bag, present, str(patient))
            for name, bag, present, patient in zip(
                names, arrays, said.present, patients, strict=True
            )
        ]
        return MadeBags(bags, said.classes, {"task": said.task}, said.notes)


def _require_bags(arrays: Sequence[NDArray[Any]]) -> None:
    shapes = {array.shape[1:] for array in arrays}
    wrong = [a for a in arrays if a.ndim not in (2, 4) or a.dtype.kind not in "iuf" or not len(a)]
    if wrong or len(shapes) > 1:
        came = wrong[0].shape if wrong else ", ".join(map(str, sorted(shapes)))
        raise DataError(
            f"expected bags (N, D) or (N, C, H, W) of one kind of instances, got {came}"
        )


def _each(what: str, values: Sequence[Any] | None, count: int) -> list[Any] | None:
    """``values`` as a list, of which there is one for each of ``count`` cases."""
    if values is None:
        return None
    if len(values) != count:
        raise SpecError(f"{what}: expected one for each of {count} cases, got {len(values)}")
    return list(values)


def _axes(shape: tuple[int, ...], mask: tuple[int, ...]) -> str | None:
    """Axes of an array whose mask has the shape ``mask``; None if they do not fit."""
    space = "zyx"[-len(mask) :]
    ways = {space: shape, f"{space}c": shape[:-1], f"c{space}": shape[1:]}
    fits = [axes for axes, left in ways.items() if left == mask and len(axes) == len(shape)]
    return fits[0] if fits else None


def _said(grid: Geometry) -> dict[str, str]:
    """The spacing of a picture, which its file does not hold; the same on both axes, or none."""
    if len(grid.shape) != 2 or grid.spacing is None:
        return {}
    if len(set(grid.spacing)) > 1:
        raise DataError(f"expected pixels of a picture to be square, got {grid.spacing} mm")
    return {SPACING_FACT: f"{grid.spacing[0] * 1000:g}"}


def _fingerprint(*parts: Any) -> str:
    """Of names, files (their size and time), images and arrays, in this order."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            digest.update(repr(part).encode())
        elif isinstance(part, Path):
            digest.update(f"{part.absolute()} {stamp_of(part)}".encode())
        elif isinstance(part, Image):
            digest.update(f"{part.geometry} {_digest(part.read(part.geometry.full))}".encode())
        else:
            digest.update(_digest(np.asarray(part)).encode())
    return digest.hexdigest()[:32]


def _digest(array: NDArray[Any]) -> str:
    data = hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()
    return f"{array.dtype.str} {array.shape} {data}"
