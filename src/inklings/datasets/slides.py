"""Any slides: found by a pattern, with annotations, masks and a table of what else is known."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from inklings.cohorts.cohort import Cohort
from inklings.cohorts.opening import SLIDE
from inklings.datasets import several, values
from inklings.datasets.annotated import ANNOTATIONS, NAMES, annotations_of
from inklings.datasets.companions import companions
from inklings.datasets.dataset import (
    OVERRULE_SPACING,
    SPACING_UM,
    Converted,
    Option,
    Plain,
    named_in,
    names,
)
from inklings.datasets.findings import ImportFinding
from inklings.datasets.slide_case import SlideItem, SlideReading, slide_case
from inklings.datasets.slide_files import SUFFIXES, SlideFile, ids_of, known_ids, slides_in
from inklings.datasets.slide_masks import Meaning
from inklings.datasets.slide_names import tcga_patient
from inklings.datasets.slide_table import joined
from inklings.errors import DataError, SpecError
from inklings.labels.kinds import BACKGROUND, MaskLabel
from inklings.labels.mask_codes import coarse_codes


@dataclass(frozen=True)
class Slides(Plain):
    """Any slides, with annotations of QuPath, ImageScope, HALO or ASAP, masks, or a table.

    Annotations and masks bear the names of their slides and lie in folders that agree. Slides stay
    where they are; a later import with the same options adds what is new. Several images a case
    are named: --images he='*_HE.svs' --images ihc='*_IHC.svs'; the first bears the labels.
    """

    images: Annotated[several.Patterns, several.IMAGES]
    annotations: Annotated[str | None, ANNOTATIONS] = None
    names: Annotated[Mapping[str, str], NAMES] = field(default_factory=dict)
    origin: Annotated[
        Literal["bounds", "slide"] | None,
        Option("Origin of annotations: bounds (of the scanned area, as QuPath) or slide."),
    ] = None
    masks: Annotated[str | None, Option("Pattern of masks, in quotes, named like the slides.")] = (
        None
    )
    codes: Annotated[
        tuple[str, ...],
        Option("What the masks' codes 1, 2, ... mean: 'background,tumour'.", parse=names),
    ] = ()
    meaning: Annotated[
        Mapping[int, str],
        Option(
            "What the masks mean, by number: '0=background,255=tumour,128=unlabelled'.",
            flag="--values",
            parse=values.parse,
        ),
    ] = field(default_factory=dict)
    table: Annotated[
        Path | None, Option("Table of slides or patients; its columns become metadata.")
    ] = None
    label: Annotated[str | None, Option("Column of the table that labels the slides.")] = None
    split: Annotated[str | None, Option("Column of the table that says train, val or test.")] = None
    patient: Annotated[
        str | None, Option("Regular expression with one group: the patient in a path.")
    ] = None
    spacing_um: Annotated[float | None, SPACING_UM] = None
    overrule_spacing: Annotated[bool, OVERRULE_SPACING] = False
    name: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    noun: str = "slides"
    said: list[str] = field(default_factory=list, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.masks and not (self.codes or self.meaning):
            raise SpecError(
                "say what the codes of the masks mean: --values '0=background,1=tumour', or "
                "--codes benign,tumour (1, 2, ...)"
            )
        if self.codes and self.meaning:
            raise SpecError("--codes and --values exclude each other: give one of them")
        if self.meaning:
            Meaning.mapped(self.meaning)
        for column in (self.label, self.split):
            if column and not self.table:
                raise SpecError(f"{column}: expected the table it is a column of; add --table")
        if self.overrule_spacing and not self.spacing_um:
            raise SpecError("--overrule-spacing: expected the spacing to take; add --spacing-um")

    @property
    def source(self) -> Path | None:
        """The folder above the first wildcard of ``images``."""
        return several.root_of(self.images)

    @property
    def classes(self) -> tuple[str, ...]:
        """Those of the masks; `finish` adds what is drawn."""
        read = self.mask_meaning
        return read.classes if read else ()

    @property
    def mask_meaning(self) -> Meaning | None:
        """What the codes of the masks mean."""
        if self.meaning:
            return Meaning.mapped(self.meaning)
        return Meaning.counted(self.codes) if self.codes else None

    def options(self) -> dict[str, Any]:
        """Everything that was given, patterns from the root."""
        given = super().options()
        for key in ("annotations", "masks"):
            if given.get(key):
                given[key] = str(Path(given[key]).absolute())
        return {**given, "images": several.absolute(self.images)}

    def items(self, scratch: Path) -> Sequence[SlideItem]:
        """Slides with what belongs to them.

        Raises:
            DataError: If there are none, a pattern fits none of them, or something fits two.
        """
        self.said.clear()
        named = {SLIDE: self.images} if isinstance(self.images, str) else self.images
        on, pattern = next(iter(named.items()))
        slides, words = slides_in(pattern)
        self.said.extend([f"slides found: {len(slides)}", *words])
        slides = [self.called(slide) for slide in slides]
        beside = several.beside(named, SUFFIXES) if len(named) > 1 else {}
        slides = [replace(s, name=beside[s.path].key) if s.path in beside else s for s in slides]
        items = [
            _with_others(replace(self.identified(slide), on=on), beside, named) for slide in slides
        ]
        ids = ids_of(slides, known_ids(scratch.parent))
        items = [
            replace(one, id=i, patient=one.patient or i) for one, i in zip(items, ids, strict=True)
        ]
        items = self._annotated(slides, items)
        items = self._masked(slides, items)
        return self._told(slides, items)

    def called(self, slide: SlideFile) -> SlideFile:
        """A slide under the name that makes its id; by default that of its file."""
        return slide

    def identified(self, slide: SlideFile) -> SlideItem:
        """A slide with its patient, by the path, a barcode of TCGA, or its own headers."""
        found = patient_in(slide.path, self.patient) or tcga_patient(slide.path.as_posix())
        return SlideItem("", slide.path, found or slide.patient or "")

    def convert(self, item: SlideItem) -> Converted:
        """Look at a slide, its annotations and its mask."""
        reading = SlideReading(self.names, self.origin, self.spacing_um, self.overrule_spacing)
        return slide_case(item, reading)

    def finish(self, cohort: Cohort, out: Path) -> tuple[Cohort, Sequence[str]]:  # noqa: ARG002
        """With the classes that were drawn behind those of the masks."""
        classes = dict.fromkeys((*self.classes, *named_in(cohort)))
        self.said.extend(_counted_from_one(cohort, self.codes))
        return replace(cohort, classes=tuple(classes)), tuple(self.said)

    def _annotated(self, slides: list[SlideFile], items: list[SlideItem]) -> list[SlideItem]:
        if self.annotations is None:
            return items
        found = annotations_of(slides, self.annotations)
        self.said.append(f"annotations: {len(found.of)} of {len(slides)} slides have some")
        self.said.extend(found.words)
        drawn = []
        for k, item in enumerate(items):
            if k not in found.of:
                detail = item.path.name
                if k in found.elsewhere:
                    detail += f": {found.elsewhere[k]} bears its name, but lies with another slide"
                item = replace(
                    item, findings=(*item.findings, ImportFinding(item.id, "no label", detail))
                )
            drawn.append(replace(item, outlines=found.of.get(k)))
        return drawn

    def _masked(self, slides: list[SlideFile], items: list[SlideItem]) -> list[SlideItem]:
        if self.masks is None:
            return items
        found = companions(slides, self.masks, "masks")
        self.said.append(f"masks: {len(found.of)} of {len(slides)} slides have one")
        self.said.extend(found.words)
        meaning = self.mask_meaning
        return [replace(s, mask=found.of.get(k), meaning=meaning) for k, s in enumerate(items)]

    def _told(self, slides: list[SlideFile], items: list[SlideItem]) -> list[SlideItem]:
        if self.table is None:
            return items
        ids, patients = [one.id for one in items], [one.patient for one in items]
        rows, words = joined(self.table, slides, ids, patients, self.label, self.split)
        self.said.extend(words)
        told = []
        for item, row in zip(items, rows, strict=True):
            if row is not None:
                given = self.patient is None and item.patient == item.id and row.patient
                item = replace(
                    item,
                    labels=(*item.labels, *row.labels),
                    facts={**item.facts, **row.facts},
                    split=row.split,
                    spacing_um=row.spacing_um,
                    patient=given or item.patient,
                )
            told.append(item)
        return told


def _counted_from_one(cohort: Cohort, codes: Sequence[str]) -> list[str]:
    """A warning where every mask says 0 and 1 only, and 1 was called background."""
    if not codes or codes[0] != BACKGROUND:
        return []
    masks = [k.path for case in cohort for k in case.labels if isinstance(k, MaskLabel)]
    if not masks or any(not coarse_codes(path)[0] <= {0, 1} for path in masks):
        return []
    return [
        f"warning: all {len(masks)} masks hold 0 and 1 only, and --codes counts from 1: 1 is "
        f"background, so nothing is {codes[1] if len(codes) > 1 else 'marked'}; if 1 is not "
        f"background, say --codes {','.join(codes[1:]) or 'NAME'}"
    ]


def _with_others(
    item: SlideItem, beside: Mapping[Path, several.Beside], named: Mapping[str, str]
) -> SlideItem:
    """A slide with the other images of its case."""
    if len(named) == 1:
        return item
    found = beside[item.path].others if item.path in beside else {}
    gone = [name for name in named if name not in found and name != item.on]
    return replace(item, others=found, missing=tuple(gone))


def patient_in(path: Path, expression: str | None) -> str | None:
    """What the one group of an expression finds in a path.

    Raises:
        DataError: If it finds nothing.
        SpecError: If it does not parse, or has no group.
    """
    if expression is None:
        return None
    try:
        match = re.search(expression, path.as_posix())
    except re.error as error:
        raise SpecError(f"--patient: {expression!r} does not parse: {error}") from None
    if match is None:
        raise DataError(f"--patient: {expression!r} is found nowhere in {path}; it has to fit all")
    if len(match.groups()) != 1:
        raise SpecError(f"--patient: expected one group, such as '(P\\d+)_', got {expression!r}")
    return str(match[1])
