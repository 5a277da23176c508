"""Any pictures with masks: paired by name, their values mapped to classes by the user."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

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
from inklings.datasets.laid import Drawn, count_of, drawn
from inklings.datasets.modality import facts_of
from inklings.datasets.pairing import Pair
from inklings.datasets.pictures import opened
from inklings.datasets.values import Survey
from inklings.datasets.workers import converted
from inklings.errors import DataError, LabelError, ReaderError, SpecError
from inklings.labels.codes import name_of, read_codes
from inklings.progress import track
from inklings.readers.choice import Choice


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
            parse=values.parse_some,
        ),
    ] = field(default_factory=dict)
    instances: Annotated[bool, Option("Masks hold numbers or colours of objects.")] = False
    threshold: Annotated[
        float | None, Option("Masks in JPEG, or probabilities: from this number on, 255; else 0.")
    ] = None
    class_name: Annotated[
        str, Option("Name of the class where there is only one.", flag="--class")
    ] = "object"
    spacing_mm: Annotated[
        float | None, Option("Distance between samples, if you know it.", least=1e-6)
    ] = None
    patient: Annotated[
        str | None, Option("Regular expression with one group: the patient in a path.")
    ] = None
    pair: Annotated[
        tuple[str, str] | None,
        Option("Names that belong together, without suffix: '{name}_0000' '{name}_cp_masks'."),
    ] = None
    page: Annotated[str | None, Option("Of files of several: number from 0, or z=2,t=0.")] = None
    channel: Annotated[
        str | None, Option("Names or numbers of the channels to keep, between commas.")
    ] = None
    scene: Annotated[str | None, Option("Name or number of one of several pictures.")] = None
    project: Annotated[Literal["max", "mean"] | None, Option("Make one plane of a stack.")] = None
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
        meaning = {name_of(code): name for code, name in sorted(self.meaning.items())}
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
        if self.instances or self.masks is None:
            values.require_no_class(self.meaning)
            return self
        if self.meaning:
            values.require_class(self.meaning)
            return self
        found = self._survey(self._pairs())
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
        found = self._pairs()
        for pair in found:
            self._patient(pair)
        return found

    def prepare(self, items: Sequence[Pair]) -> None:
        """Compare the value map with every mask that is going to be converted.

        Raises:
            LabelError: If a mask holds a value that the map does not name.
        """
        if self.instances:
            values.require_no_class(self.meaning)
        else:
            self._survey(items).check(self.meaning)

    def convert(self, item: Pair) -> Converted:
        """Decode an image and its mask, and map the values of the mask."""
        findings: list[Finding] = []
        choice = self._choice.text()
        read = opened(item.id, item.place, item.image, choice, findings)
        if read is None:
            return Converted({}, findings=tuple(findings))
        array, geometry, channels = read
        facts = facts_of(array, channels)
        if self.spacing_mm is not None:
            facts["spacing_mm"] = f"{self.spacing_mm:g}"
        if item.mask is None and self.masks:
            findings.append(Finding(item.id, "no mask", item.place))
        mask = self._mask(item, geometry.shape, findings)
        if fatal(findings):
            return Converted({}, findings=tuple(findings))
        if mask is not None and self.instances:
            facts["objects"] = str(count_of(mask))
        content = item.image if self.in_place else item.image.read_bytes()
        return Converted(
            {"image": Stored(content, item.image.suffix.lower(), choice)},
            () if mask is None else (mask,),
            patient=self._patient(item),
            facts=facts,
            findings=tuple(findings),
        )

    @property
    def _choice(self) -> Choice:
        return Choice(scene=self.scene, page=self.page, channel=self.channel, project=self.project)

    def _pairs(self) -> list[Pair]:
        return pairing.pairs(self.images, self.masks, templates=self.pair)

    def _survey(self, items: Sequence[Pair]) -> Survey:
        """What the masks hold, at least one of which has to be readable."""
        found = survey([pair.mask for pair in items if pair.mask], threshold=self.threshold)
        found.require_some()
        return found

    def _mask(self, item: Pair, shape: tuple[int, ...], findings: list[Finding]) -> Mask | None:
        if item.mask is None:
            return None
        several = self.page is not None or self.project is not None
        try:
            found = read_codes(item.mask, self.threshold)
            return drawn(
                Drawn(item.id, item.mask.name, shape, several),
                found,
                self.meaning,
                self.classes,
                self.instances,
                findings,
            )
        except (ReaderError, LabelError, OSError) as error:
            said = " ".join(str(error).split()).removeprefix(f"{item.mask}: ")
            findings.append(Finding(item.id, "unreadable mask", f"{item.mask.name}: {said}"))
            return None

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


def survey(
    masks: Sequence[Path], workers: int | None = None, threshold: float | None = None
) -> Survey:
    """Which values the masks hold, all of them read."""
    found = Survey()
    count = partial(values.count, threshold=threshold)
    for counts in track(converted(count, masks, workers), "reading masks", len(masks)):
        found.add(counts)
    return found
