"""Any pictures with masks: paired by name, their values mapped to classes by the user."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from inklings.datasets import pairing, values
from inklings.datasets.dataset import (
    IN_PLACE,
    Converted,
    Mask,
    Option,
    Plain,
    Stored,
)
from inklings.datasets.findings import Finding, fatal
from inklings.datasets.instances import areas
from inklings.datasets.modality import modality
from inklings.datasets.pairing import Pair
from inklings.datasets.pictures import decoded
from inklings.datasets.values import Survey
from inklings.datasets.workers import converted
from inklings.errors import DataError, LabelError, ReaderError, SpecError
from inklings.progress import track


@dataclass(frozen=True)
class Folder(Plain):
    """Any pictures with masks: paired by name, values mapped to classes as you say.

    A mask belongs to the image of the same name; endings like _mask do not count. Images without
    a mask become unlabelled cases.
    """

    images: Annotated[str, Option("Pattern of the images, in quotes, or a folder.")]
    masks: Annotated[str | None, Option("Pattern of the masks, in quotes, or a folder.")] = None
    meaning: Annotated[
        Mapping[int, str],
        Option(
            "What the masks mean: '0=background,255=nucleus', '#ff0000=tumour'.",
            flag="--values",
            parse=values.parse,
        ),
    ] = field(default_factory=dict)
    instances: Annotated[bool, Option("Masks hold numbers or colours of objects.")] = False
    class_name: Annotated[
        str, Option("Name of the class where there is only one.", flag="--class")
    ] = "object"
    spacing_mm: Annotated[
        float | None, Option("Distance between samples, if you know it.", least=1e-6)
    ] = None
    patient: Annotated[
        str | None, Option("Regular expression with one group: the patient in a path.")
    ] = None
    in_place: Annotated[bool, IN_PLACE] = False
    name: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    yes: Annotated[bool, Option("Take the reading that was proposed.", decides=False)] = False

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
            **super().options(),
            "images": str(Path(self.images).absolute()),
            "masks": str(Path(self.masks).absolute()) if self.masks else None,
            "meaning": meaning,
        }

    def settled(self, say: Callable[[str], None], agree: Callable[[str], bool]) -> Folder:
        """Show what the masks hold, and take the one obvious reading only if the user agrees.

        Raises:
            SpecError: If it is for the user to say what the values mean.
        """
        if self.instances and self.meaning:
            raise SpecError("--instances and --values exclude each other: numbers or classes")
        if self.instances or self.meaning or self.masks is None:
            return self
        found = survey([p.mask for p in pairing.pairs(self.images, self.masks) if p.mask])
        for line in found.lines():
            say(line)
        proposal = found.proposal(self.class_name)
        if not proposal:
            raise SpecError(
                f"say what the values mean: {values.example(found)}; or --instances if they "
                "number objects"
            )
        told = ", ".join(f"{value} = {name}" for value, name in proposal.items())
        if not self.yes and not agree(f"Take {told}?"):
            example = values.example(found, [self.class_name])
            raise SpecError(f"say what the values mean: {example}, or --yes for {told}")
        say(f"taken: {told}")
        return replace(self, meaning=proposal)

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
            return Converted({}, findings=tuple(findings))
        array = decoded(item.id, item.place, data, findings)
        if array is None:
            return Converted({}, findings=tuple(findings))
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
            return Converted({}, findings=tuple(findings))
        if mask is not None and self.instances:
            facts["objects"] = str(len(areas(mask.samples.astype(np.uint16))))
        return Converted(
            {"image": Stored(item.image if self.in_place else data, item.image.suffix.lower())},
            () if mask is None else (mask,),
            patient=self._patient(item),
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
