"""One slide becomes a case where it lies: nothing is decoded but a thumbnail, nothing is copied."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from inklings.cohorts.case import Split
from inklings.cohorts.opening import SLIDE, SPACING_FACT
from inklings.datasets.annotated import Piece
from inklings.datasets.dataset import Converted, Mask, Stored, stamp_of
from inklings.datasets.findings import ImportFinding, fatal
from inklings.datasets.grids import uncommon
from inklings.datasets.outlined import OnImage, Reading, labels_in
from inklings.datasets.slide_masks import Meaning, mask_label
from inklings.errors import DataError
from inklings.labels.kinds import CaseLabel, Label
from inklings.readers import open_image
from inklings.readers.image import Image
from inklings.readers.pyramid import Pyramid, corner_of

_GLANCE = 64
_SAME = 0.01
"""Spacings that differ by less, as a share, are one."""


@dataclass(frozen=True)
class SlideItem:
    """One slide that may become a case.

    Attributes:
        id: Of the case.
        path: The slide.
        patient: Slides of one patient share a split.
        outlines: Its annotations, if there are some.
        mask: Its mask, if there is one.
        meaning: What the codes of the mask mean.
        labels: What else is known.
        facts: For titles and tables.
        split: Where the table says one.
        spacing_um: What the table says, which goes before the file.
        expected: A name of which the mask must show something, where the table says so.
        findings: What is known to be odd before it is opened.
        on: What its image is called.
        others: Other images of the same case, by name.
        missing: Names of images that other cases have.
    """

    id: str
    path: Path
    patient: str
    outlines: Piece | None = None
    mask: Path | None = None
    meaning: Meaning | None = None
    labels: tuple[Label, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    split: Split | None = None
    spacing_um: float | None = None
    expected: str | None = None
    findings: tuple[ImportFinding, ...] = ()
    on: str = SLIDE
    others: Mapping[str, Path] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    @property
    def stamp(self) -> str:
        """Changes with the files and what the table says; the path behind it keeps the id."""
        said = (
            self.patient, self.meaning, self.labels, sorted(self.facts.items()), self.split,
            self.spacing_um, self.expected, self.findings, str(self.outlines), str(self.mask),
            self.outlines.stamp if self.outlines else "",
            self.on, sorted(self.others), self.missing,
        )  # fmt: skip
        told = hashlib.sha256(repr(said).encode()).hexdigest()[:12]
        files = stamp_of(self.path, self.mask, *self.others.values())
        return f"{files} {told}|{self.path.absolute()}"


@dataclass(frozen=True)
class SlideReading(Reading):
    """How annotations and spacings of all slides are read.

    Attributes:
        spacing_um: Size of a pixel of level 0 where files do not say.
        overrule: Or whatever they say.
    """

    spacing_um: float | None = None
    overrule: bool = False


def slide_case(item: SlideItem, reading: SlideReading) -> Converted:
    """Open one slide, its outlines and its mask, and say what is wrong with them."""
    if fatal(item.findings):
        return Converted({}, findings=item.findings)
    findings = list(item.findings)
    images = {item.on: item.path, **item.others}
    if item.missing:
        detail = f"has {', '.join(images)}, but no {', '.join(item.missing)}"
        findings.append(ImportFinding(item.id, "missing image", detail))
    opened: dict[str, Image] = {}
    for name, path in images.items():
        try:
            opened[name] = open_image(path)
            if isinstance(one := opened[name], Pyramid):
                one.thumbnail(_GLANCE)
        except DataError as error:
            findings.append(ImportFinding(item.id, "unreadable image", str(error)))
            return Converted({}, findings=tuple(findings))
        said = f"{name}: " if item.others else ""
        findings += [ImportFinding(item.id, n.kind, f"{said}{n.text}") for n in opened[name].notes]
    findings += uncommon(item.id, {name: one.geometry for name, one in opened.items()})
    image = opened[item.on]
    facts = {**item.facts, **_spacing(item, image, reading, findings)}
    labels = [*_mask(item, image, findings), *item.labels]
    labels += _outlines(item, image, reading, findings)
    if fatal(findings):
        return Converted({}, findings=tuple(findings))
    return Converted(
        {name: Stored(path) for name, path in images.items()},
        tuple(k if isinstance(k, CaseLabel) else replace(k, image=item.on) for k in labels),
        patient=item.patient,
        split=item.split,
        facts=facts,
        findings=tuple(findings),
    )


def _spacing(
    item: SlideItem, image: Image, reading: SlideReading, findings: list[ImportFinding]
) -> dict[str, str]:
    """The fact that overrules the file, where something does; or fills the gap."""
    stated = image.geometry.spacing
    um = item.spacing_um or reading.spacing_um
    if um is None:
        if stated is None:
            detail = f"{item.path.name}: sizes are in pixels of level 0; --spacing-um gives them"
            findings.append(ImportFinding(item.id, "no spacing", detail))
        return {}
    if stated is None:
        return {SPACING_FACT: f"{um:g}"}
    own = float(np.sqrt(stated[0] * stated[1])) * 1000
    differ = abs(own - um) > _SAME * um
    overrule = item.spacing_um is not None or reading.overrule
    if differ:
        taken = "given" if overrule else "that of the file"
        who = "the table" if item.spacing_um is not None else "--spacing-um"
        detail = f"{item.path.name}: the file says {own:.4g} um a pixel, {who} {um:.4g}: {taken}"
        findings.append(
            ImportFinding(item.id, "spacing overruled" if overrule else "spacing disagrees", detail)
        )
    return {SPACING_FACT: f"{um:g}"} if overrule and differ else {}


def _mask(item: SlideItem, image: Image, findings: list[ImportFinding]) -> Sequence[Label]:
    if item.mask is None or item.meaning is None:
        return ()
    shape = image.geometry.shape
    label, problems = mask_label(item.id, item.mask, item.meaning, shape, item.expected)
    findings += problems
    return () if label is None else (label,)


def _outlines(
    item: SlideItem, image: Image, reading: Reading, findings: list[ImportFinding]
) -> Sequence[Label]:
    if item.outlines is None:
        return ()
    on = OnImage(item.id, image.geometry.shape, corner_of(image), strokes=False)
    found = labels_in(item.outlines, on, reading, SLIDE, findings)
    return [label for label in found if not isinstance(label, Mask)]
