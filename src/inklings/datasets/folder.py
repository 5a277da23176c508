"""Any pictures with masks: paired by name, their values mapped to classes by the user."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.datasets import pairing, values
from inklings.datasets.findings import Finding
from inklings.datasets.importing import Converted, Mask
from inklings.datasets.instances import areas, fatal
from inklings.datasets.modality import modality
from inklings.datasets.pairing import Pair
from inklings.datasets.pictures import decoded
from inklings.datasets.values import Survey
from inklings.datasets.workers import converted
from inklings.errors import DataError, LabelError, ReaderError, SpecError
from inklings.progress import track


@dataclass(frozen=True)
class Folder:
    """Pictures that match ``images``, with masks that match ``masks``.

    Attributes:
        images: Pattern, or a folder.
        masks: Pattern or folder; None if there are no masks at all.
        meaning: Value in the masks (`inklings.datasets.values`) to class.
        instances: The masks hold numbers (or colours) of objects instead, all of ``class_name``.
        class_name: What the objects are, with ``instances``.
        spacing_mm: Distance between samples, where the user knows it.
        patient: Regular expression with one group, searched in the path of each image.
        in_place: Point at the images instead of copying them.
    """

    images: str
    masks: str | None
    meaning: Mapping[int, str] = field(default_factory=dict)
    instances: bool = False
    class_name: str = "object"
    spacing_mm: float | None = None
    patient: str | None = None
    in_place: bool = False
    name: str = "folder"
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def source(self) -> Path:
        """The folder above the first wildcard of ``images``."""
        return pairing.root_of(self.images)

    @property
    def classes(self) -> tuple[str, ...]:
        """As the value map names them."""
        return (self.class_name,) if self.instances else values.classes_of(self.meaning)

    def options(self) -> dict[str, Any]:
        """Everything that was given."""
        meaning = {values.name_of(code): name for code, name in sorted(self.meaning.items())}
        return {
            "images": str(Path(self.images).absolute()),
            "masks": str(Path(self.masks).absolute()) if self.masks else None,
            "values": meaning,
            "instances": self.instances,
            "classes": list(self.classes),
            "spacing_mm": self.spacing_mm,
            "patient": self.patient,
            "in_place": self.in_place,
        }

    def items(self, scratch: Path) -> Sequence[Pair]:  # noqa: ARG002
        """Images with their masks, in order of id.

        Raises:
            DataError: If names do not pair up.
            SpecError: If the expression for the patient does not fit.
        """
        found = pairing.pairs(self.images, self.masks)
        for pair in found:
            self._patient(pair)
        return found

    def prepare(self, items: Sequence[Pair]) -> None:
        """Compare the value map with every mask that is going to be converted.

        Raises:
            LabelError: If a mask holds a value that the map does not name.
        """
        if not self.instances:
            survey([pair.mask for pair in items if pair.mask]).check(self.meaning)

    def convert(self, item: Pair) -> Converted:
        """Decode an image and its mask, and map the values of the mask."""
        findings: list[Finding] = []
        try:
            data = item.image.read_bytes()
        except OSError as error:
            findings.append(Finding(item.id, "unreadable image", f"{item.place}: {error.strerror}"))
            return Converted(None, findings=tuple(findings))
        array = decoded(item.id, item.place, data, findings)
        if array is None:
            return Converted(None, findings=tuple(findings))
        facts = {
            "modality": modality(array),
            "height": str(array.shape[0]),
            "width": str(array.shape[1]),
        }
        if self.spacing_mm is not None:
            facts["spacing_mm"] = f"{self.spacing_mm:g}"
        if item.mask is None and self.masks:
            findings.append(Finding(item.id, "no mask", item.place))
        mask = None if item.mask is None else self._mask(item, array.shape[:2], findings)
        if fatal(findings):
            return Converted(None, findings=tuple(findings))
        if mask is not None and self.instances:
            facts["objects"] = str(len(areas(mask.samples.astype(np.uint16))))
        return Converted(
            image=item.image if self.in_place else data,
            suffix=item.image.suffix.lower(),
            patient=self._patient(item),
            mask=mask,
            facts=facts,
            findings=tuple(findings),
        )

    def _mask(self, item: Pair, shape: tuple[int, ...], findings: list[Finding]) -> Mask | None:
        assert item.mask is not None
        try:
            found = values.codes(item.mask.read_bytes())
            if found.shape != shape:
                detail = f"{item.mask.name}: {_by(found.shape)}, the image {_by(shape)}"
                findings.append(Finding(item.id, "mask shape", detail))
                return None
            return self._numbers(item, found, findings)
        except (ReaderError, LabelError, OSError) as error:
            findings.append(Finding(item.id, "unreadable mask", f"{item.mask.name}: {error}"))
            return None

    def _numbers(
        self, item: Pair, found: NDArray[np.int64], findings: list[Finding]
    ) -> Mask | None:
        if not self.instances:
            samples = values.mapped(found, self.meaning)
            partial = values.UNLABELLED in self.meaning.values()
            return Mask(samples, "classes", self.classes, "partial" if partial else "complete")
        numbers = values.renumbered(found)
        if int(numbers.max(initial=0)) > np.iinfo(np.uint16).max:
            detail = f"numbers up to {numbers.max()}"
            findings.append(Finding(item.id, "too many objects", detail))
            return None
        return Mask(numbers.astype(np.uint16), "instances", self.classes)

    def _patient(self, pair: Pair) -> str | None:
        if self.patient is None:
            return None
        try:
            match = re.search(self.patient, pair.place)
        except re.error as error:
            raise SpecError(f"--patient: {self.patient!r} does not parse: {error}") from None
        if match is None:
            raise DataError(
                f"--patient: {self.patient!r} is found nowhere in {pair.place!r}; "
                "it has to fit every image"
            )
        if len(match.groups()) != 1:
            raise SpecError(
                f"--patient: expected one group, such as '(P\\d+)_', got {self.patient!r}"
            )
        return str(match[1])


def survey(masks: Sequence[Path], workers: int | None = None) -> Survey:
    """Which values the masks hold, all of them read."""
    found = Survey()
    for counts in track(converted(values.count, masks, workers), "reading masks", len(masks)):
        found.add(counts)
    return found


def _by(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} x {shape[0]}"
