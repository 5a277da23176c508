"""One slide becomes a case where it lies: nothing is decoded but a thumbnail, nothing is copied."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from inklings.cohorts.case import Split
from inklings.cohorts.opening import SLIDE, SPACING_FACT
from inklings.datasets.dataset import Converted, Stored, stamp_of
from inklings.datasets.findings import ImportFinding, fatal
from inklings.datasets.grids import uncommon
from inklings.datasets.slide_masks import Meaning, mask_label
from inklings.errors import DataError, LabelError
from inklings.labels.annotations import read_outlines
from inklings.labels.kinds import BoxLabel, CaseLabel, Label, PointLabel, PolygonLabel
from inklings.labels.outlines import Drawing, Origin, labels_of
from inklings.readers import open_image
from inklings.readers.image import Image
from inklings.readers.pyramid import Pyramid

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
    outlines: Path | None = None
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
            self.on, sorted(self.others), self.missing,
        )  # fmt: skip
        told = hashlib.sha256(repr(said).encode()).hexdigest()[:12]
        files = stamp_of(self.path, self.outlines, self.mask, *self.others.values())
        return f"{files} {told}|{self.path.absolute()}"


@dataclass(frozen=True)
class Reading:
    """How annotations and spacings of all slides are read.

    Attributes:
        names: What the annotators' names mean; see `inklings.labels.outlines.labels_of`.
        origin: Where coordinates count from; None as their programs do.
        spacing_um: Size of a pixel of level 0 where files do not say.
        overrule: Or whatever they say.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    origin: Origin | None = None
    spacing_um: float | None = None
    overrule: bool = False


def slide_case(item: SlideItem, reading: Reading) -> Converted:
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
    item: SlideItem, image: Image, reading: Reading, findings: list[ImportFinding]
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
    try:
        drawing = read_outlines(item.outlines)
        corner = _corner(drawing, image, reading)
        labels = labels_of(drawing.outlines, SLIDE, reading.names, corner)
    except LabelError as error:
        findings.append(ImportFinding(item.id, "unread outlines", str(error)))
        return ()
    name = item.outlines.name
    if drawing.odd:
        said = "; ".join(drawing.odd[:5]) + ("; ..." if len(drawing.odd) > 5 else "")
        findings.append(ImportFinding(item.id, "odd outlines", f"{name}: {said}", len(drawing.odd)))
    inside = _inside(labels, image.geometry.shape, item.id, name, findings)
    if not inside and not drawing.outlines and not item.mask:
        findings.append(ImportFinding(item.id, "no label", f"{name}: holds no outline"))
    return inside


def _corner(drawing: Drawing, image: Image, reading: Reading) -> tuple[float, float]:
    origin = reading.origin or drawing.origin
    return image.corner if origin == "bounds" and isinstance(image, Pyramid) else (0, 0)


def _inside(
    labels: Sequence[Label],
    shape: tuple[int, ...],
    case: str,
    name: str,
    findings: list[ImportFinding],
) -> list[Label]:
    """Those that reach the slide; what lies beyond its border is told."""
    size = np.array(shape[-2:], float)
    kept: list[Label] = []
    beyond, cut, turned = 0, 0, 0
    first = ""
    for label in labels:
        corners = _places(label)
        low, high = corners.min(0), corners.max(0)
        if (high < -0.5).any() or (low > size - 0.5).any():
            beyond += 1
            turned += bool((high[::-1] >= 0).all() and (low[::-1] <= size).all())
            first = first or f"({low[1] + 0.5:g}, {low[0] + 0.5:g})"
            continue
        cut += bool((low < -1.5).any() or (high > size + 0.5).any())
        kept.append(label)
    if beyond:
        swapped = "; with x and y exchanged they would lie inside" if turned == beyond else ""
        detail = (
            f"{name}: {beyond} of {len(labels)} begin beyond the {size[1]:g} x {size[0]:g} pixels "
            f"of the slide, the first at {first} (x, y){swapped}"
        )
        findings.append(ImportFinding(case, "outlines outside", detail, beyond))
    if cut:
        findings.append(ImportFinding(case, "outlines cut", f"{name}: {cut} of {len(labels)}", cut))
    return kept


def _places(label: Label) -> np.ndarray:
    if isinstance(label, PolygonLabel):
        return np.asarray(label.vertices, float)
    if isinstance(label, BoxLabel):
        return np.asarray((label.start, label.stop), float)
    assert isinstance(label, PointLabel)
    return np.asarray([label.point], float)
