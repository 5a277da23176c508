"""Any pictures with masks: paired by name, their values mapped to classes by the user."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from inklings.cohorts.cohort import Cohort
from inklings.datasets import several, values
from inklings.datasets.annotated import ANNOTATIONS, NAMES, annotations_of
from inklings.datasets.dataset import (
    IN_PLACE,
    Converted,
    Mask,
    Option,
    Stored,
)
from inklings.datasets.findings import ImportFinding, fatal
from inklings.datasets.grids import uncommon
from inklings.datasets.laid import Drawn, count_of, drawn
from inklings.datasets.modality import facts_of
from inklings.datasets.outlined import OnImage, Reading, labels_in
from inklings.datasets.pairing import GROUP, is_group, passed_over, stem_of
from inklings.datasets.patients import patient_of
from inklings.datasets.patterned import FromPatterns
from inklings.datasets.pictures import SUFFIXES, opened
from inklings.datasets.several import Group
from inklings.datasets.slide_files import SlideFile, folders_below, literal_parts
from inklings.datasets.values import Survey
from inklings.errors import LabelError, ReaderError, SpecError
from inklings.geometry import Geometry
from inklings.labels.codes import name_of, read_codes
from inklings.labels.kinds import Label
from inklings.machine import cores
from inklings.progress import track
from inklings.readers.choice import Choice

_IMAGES = (*SUFFIXES, ".czi", ".nd2", ".lif", GROUP)


@dataclass(frozen=True)
class Folder(FromPatterns):
    """Any pictures with masks or annotations: paired by name, values mapped as you say.

    A mask belongs to the image of the same name; endings like _mask do not count, and tell masks
    from images where both lie in one folder. Images without a mask become unlabelled cases.
    Annotations of other programs (--annotations) are told apart by content. Several images
    a case are named: --images dapi='*_ch00.tif' --images gfp='*_ch01.tif'.
    """

    images: Annotated[several.Patterns, several.IMAGES]
    masks: Annotated[several.Patterns | None, several.MASKS] = None
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
        float | None,
        Option("JPEG masks or probabilities: values from this one on are 255, others 0."),
    ] = None
    class_name: Annotated[
        str, Option("Name of the class, if there is only one.", flag="--class")
    ] = "object"
    spacing_mm: Annotated[
        float | None, Option("Distance between pixels in mm, if known.", least=1e-6)
    ] = None
    patient: Annotated[
        str | None, Option("Regular expression with one group: the patient in a path.")
    ] = None
    pair: Annotated[
        tuple[str, str] | None,
        Option("Names that belong together, without suffix: '{name}_0000' '{name}_cp_masks'."),
    ] = None
    page: Annotated[str | None, Option("Page of a multi-page file, from 0, or z=2,t=0.")] = None
    channel: Annotated[
        str | None, Option("Names or numbers of the channels to keep, between commas.")
    ] = None
    scene: Annotated[str | None, Option("Name or number of one of several pictures.")] = None
    project: Annotated[
        Literal["max", "mean"] | None, Option("Project a stack to one plane: max or mean.")
    ] = None
    annotations: Annotated[str | None, ANNOTATIONS] = None
    names: Annotated[Mapping[str, str], NAMES] = field(default_factory=dict)
    in_place: Annotated[bool, IN_PLACE] = False
    name: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    said: list[str] = field(default_factory=list, init=False, repr=False, compare=False)
    yes: Annotated[
        bool, Option("Accept the proposed meaning of the mask values.", decides=False)
    ] = False

    def options(self) -> dict[str, Any]:
        """Everything that was given."""
        meaning = {name_of(code): name for code, name in sorted(self.meaning.items())}
        return {**super().options(), "meaning": meaning}

    def settled(self, say: Callable[[str], None], agree: Callable[[str], bool]) -> Folder:
        """Show what the masks hold, and take the one obvious reading only if the user agrees.

        Raises:
            SpecError: If it is for the user to say what the values mean.
        """
        if self.annotations and (self.masks or self.instances):
            raise SpecError(
                "--annotations: expected either annotations or masks; leave out "
                f"{'--masks' if self.masks else '--instances'}"
            )
        if self.instances:
            self._require_objects()
        if self.instances or self.masks is None:
            return self
        if self.meaning:
            values.require_class(self.meaning)
            return self
        if (beside := several.beside_masks(self.masks)) is not None:
            told = beside.read_text(encoding="utf-8").strip()
            say(f"taken: {told} (from {beside})")
            return replace(self, meaning=values.parse(told))
        found = self._survey(self._groups())
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

    def items(self, scratch: Path) -> Sequence[Group]:  # noqa: ARG002
        """Images with their masks, in order of id.

        Raises:
            DataError: If names do not pair up.
            SpecError: If the expression for the patient does not fit.
        """
        found = self._groups()
        for group in found:
            patient_of(self.patient, group.place)
        return found if self.annotations is None else self._annotated(found, self.annotations)

    def prepare(self, items: Sequence[Group]) -> None:
        """Compare the value map with every mask that is going to be converted.

        Raises:
            LabelError: If a mask holds a value that the map does not name.
        """
        if self.instances:
            self._require_objects()
        else:
            self._survey(items).check(self.meaning)

    def convert(self, item: Group) -> Converted:
        """Decode the images of a case and its mask, and map the values of the mask."""
        findings: list[ImportFinding] = [item.problem] if item.problem else []
        choice = self._choice.text()
        facts: dict[str, str] = {}
        grids: dict[str, Geometry] = {}
        for name, path in item.images.items():
            place = item.place if len(item.images) == 1 else path.name
            read = opened(item.id, place, path, choice, findings)
            if read is None:
                return Converted({}, findings=tuple(findings))
            array, grids[name], channels = read
            facts = facts or facts_of(array, channels)
        findings += uncommon(item.id, grids)
        if self.spacing_mm is not None:
            facts["spacing_mm"] = f"{self.spacing_mm:g}"
        shape = grids[item.on or next(iter(grids))].shape
        drawn: list[Label | Mask] = []
        if item.drawn is not None:
            on, reading = OnImage(item.id, shape), Reading(self.names)
            drawn = labels_in(item.drawn, on, reading, item.on or next(iter(grids)), findings)
        elif self.annotations:
            findings.append(ImportFinding(item.id, "no label", item.place))
        if item.mask is None and self.masks:
            findings.append(ImportFinding(item.id, "no mask", item.place))
        mask = self._mask(item, shape, findings)
        if fatal(findings):
            return Converted({}, findings=tuple(findings))
        if mask is not None and self.instances:
            facts["objects"] = str(count_of(mask))
        images = {
            name: Stored(
                path if self._stays(path) else path.read_bytes(), path.suffix.lower(), choice
            )
            for name, path in item.images.items()
        }
        return Converted(
            images,
            tuple(drawn) if mask is None else (replace(mask, image=item.on),),
            patient=patient_of(self.patient, item.place),
            facts=facts,
            findings=tuple(findings),
        )

    def _annotated(self, groups: Sequence[Group], pattern: str) -> list[Group]:
        root, literal = several.root_of(self.images), literal_parts(str(self.images))
        files = [
            SlideFile(path, stem_of(path), folders_below(path, root, literal))
            for path in (next(iter(group.images.values())) for group in groups)
        ]
        found = annotations_of(files, pattern)
        self.said.clear()
        self.said.append(f"annotations: {len(found.of)} of {len(groups)} images have some")
        self.said.extend(found.words)
        return [replace(group, drawn=found.of.get(k)) for k, group in enumerate(groups)]

    def finish(self, cohort: Cohort, out: Path) -> tuple[Cohort, Sequence[str]]:
        """With the files that were left out, by suffix."""
        done, words = super().finish(cohort, out)
        patterns = [self.images] if isinstance(self.images, str) else self.images.values()
        left = {pattern: passed_over(pattern, _IMAGES) for pattern in patterns}
        told = [f"passed over in {at}: {found}, which are no pictures that are read"
                for at, found in left.items() if found]  # fmt: skip
        groups = sum(is_group(path) for case in done for path in case.images.values())
        if groups and not self.in_place:
            told.append(f"{groups} folders of OME-Zarr stay where they lie, and are not copied")
        return done, (*words, *self.said, *told)

    def _stays(self, path: Path) -> bool:
        return self.in_place or is_group(path)

    @property
    def _choice(self) -> Choice:
        return Choice(scene=self.scene, page=self.page, channel=self.channel, project=self.project)

    def _groups(self) -> list[Group]:
        separate = self.patient is not None
        return several.groups(self.images, self.masks, _IMAGES, separate, self.pair)

    def _require_objects(self) -> None:
        values.require_no_class(self.meaning)
        if self.threshold is not None:
            raise SpecError(
                "--threshold parts what is marked from what is not, and --instances wants objects "
                "told apart; leave one of them out"
            )

    def _survey(self, items: Sequence[Group]) -> Survey:
        """What the masks hold, at least one of which has to be readable."""
        found = survey([group.mask for group in items if group.mask], threshold=self.threshold)
        found.require_some()
        return found

    def _mask(
        self, item: Group, shape: tuple[int, ...], findings: list[ImportFinding]
    ) -> Mask | None:
        if item.mask is None:
            return None
        is_part = self.page is not None or self.project is not None
        try:
            found = read_codes(item.mask, self.threshold)
            return drawn(
                Drawn(item.id, item.mask.name, shape, is_part),
                found,
                self.meaning,
                self.classes,
                self.instances,
                findings,
            )
        except (ReaderError, LabelError, OSError) as error:
            said = " ".join(str(error).split()).removeprefix(f"{item.mask}: ")
            findings.append(ImportFinding(item.id, "unreadable mask", f"{item.mask.name}: {said}"))
            return None


def survey(masks: Sequence[Path], threshold: float | None = None) -> Survey:
    """Which values the masks hold, all of them read; by threads, which take no time to start."""
    found = Survey()
    count = partial(values.count, threshold=threshold)
    with ThreadPoolExecutor(cores()) as pool:
        for counts in track(pool.map(count, masks), "reading masks", len(masks)):
            found.add(counts)
    return found
