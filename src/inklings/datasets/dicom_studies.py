"""A folder of DICOM studies: every series a case, what was drawn on it its masks.

DICOM Segmentations and RT Structure Sets belong to the volume whose images they name, wherever the
files lie (`inklings.readers.dicom_drawings`). Cases and patients get names that do not come from
the files: a patient is a hash of the patient's id, which keeps two studies of one patient together
and says nothing to a reader.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import pydicom

from inklings.cohorts.cohort import Cohort
from inklings.datasets.archive import laid_out
from inklings.datasets.dataset import Argument, Converted, Option, Plain, names
from inklings.datasets.drawn import Drawn, DrawnMasks, DrawnScan, Rule, place_of
from inklings.datasets.findings import ImportFinding
from inklings.datasets.pairing import clean_id
from inklings.datasets.scans import IMAGE, case_of
from inklings.datasets.values import MOST
from inklings.errors import DataError
from inklings.readers.dicom_contents import Fault, contents
from inklings.readers.dicom_drawings import Broken, Drawing, drawings, keys_of
from inklings.readers.dicom_series import Series, series_in


@dataclass(frozen=True)
class DicomStudies(Plain):
    """Any DICOM series, with the DICOM Segmentations and RT Structure Sets that lie among them.

    A case is a series, and a patient a hash of the patient's id: no name leaves the files. Where
    structures overlap, the smaller lies on top; with --classes, the class that is named later.
    """

    source: Annotated[Path, Argument("Folder or zip with DICOM series, or a folder of zips.")]
    series: Annotated[
        str | None, Option("Only series of this description, folder, 'echo 4.6' or UID.")
    ] = None
    kept: Annotated[
        tuple[str, ...],
        Option(
            "Structures to keep, in this order, the last on top: 'liver,tumour'.",
            flag="--classes",
            parse=names,
        ),
    ] = ()
    segmentations: Annotated[
        str | None,
        Option("Only segmentations of these words: part of the file, reader or description."),
    ] = None
    unite: Annotated[
        bool,
        Option("Unite classes of one name from several segmentations; else the first is used."),
    ] = False
    name: str = ""
    classes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    noun: str = "volumes"
    growing: bool = False  # ids do not depend on what else is there, since more may come

    def items(self, scratch: Path) -> Sequence[DrawnScan]:
        """All series, and the drawings that belong to none.

        Raises:
            DataError: If no series fits, or a class that was asked for is nowhere.
        """
        root = laid_out(self.source, scratch)
        there = series_in(root)
        volumes = [one for one in there if len(one.planes) > 1 and not one.is_scout()]
        chosen = [one for one in volumes if self.series is None or one.matches(self.series)]
        if not chosen:
            listed = "; ".join(one.words() for one in volumes[:8]) or "none"
            raise DataError(f"{root}: expected series of several slices that fit, got: {listed}")
        drawn, beside = self._placed(root, volumes, chosen)
        scans = [
            _scan(one, place, several, drawn.get(id(one), []))
            for one, place, several in _places(chosen)
        ]
        classes = self._classes(root, scans)
        rule = Rule(self.segmentations, self.unite, classes)
        asked = [one for one in there if self.series is None or one.matches(self.series)]
        flat = [_flat(one) for one in asked if one not in volumes]
        damaged = [_damaged(one) for one in contents(root).lost()]
        named = [*map(_told_apart, scans)] if self.growing else _unique(scans)
        return [*(_with(scan, rule) for scan in named), *beside, *flat, *damaged]

    def convert(self, item: DrawnScan) -> Converted:
        """A series, with class codes of what was drawn on it."""
        made = case_of(item, DrawnMasks(bool(self.kept)))
        return replace(made, findings=(*item.told, *made.findings))

    def finish(self, cohort: Cohort, out: Path) -> tuple[Cohort, Sequence[str]]:
        """With the classes that were drawn; without any, one that nobody drew."""
        found, words = super().finish(cohort, out)
        return (found if found.classes else replace(found, classes=("unknown",))), words

    def _placed(
        self, root: Path, volumes: Sequence[Series], chosen: Sequence[Series]
    ) -> tuple[dict[int, list[Drawn]], list[DrawnScan]]:
        """Drawings by the volume they lie on, and items for those that lie on none."""
        drawn: dict[int, list[Drawn]] = defaultdict(list)
        beside: list[DrawnScan] = []
        asked = 0
        for one in drawings(root):
            if isinstance(one, Broken):
                beside.append(_beside(root, one, "unreadable mask", one.words))
                continue
            if self.segmentations is not None and not one.matches(self.segmentations):
                continue
            asked += 1
            place = place_of(one, volumes, chosen)
            if place.problem is not None:
                beside.append(_beside(root, one, *place.problem))
            for volume in place.on:
                sources = sorted(keys_of(volume)) if place.named else ()
                drawn[id(volume)].append(Drawn(one, tuple(sources), place.remark))
        if self.segmentations is not None and not asked:
            raise DataError(f"{root}: expected segmentations of {self.segmentations!r}, got none")
        return drawn, beside

    def _classes(self, root: Path, scans: Sequence[DrawnScan]) -> tuple[str, ...]:
        rule = Rule(self.segmentations, self.unite)
        there = {name for scan in scans for one in rule.kept(scan.drawn)[0]
                 for name in one.drawing.names}  # fmt: skip
        strange = [name for name in self.kept if name not in there]
        if strange:
            raise DataError(
                f"{root}: expected segments {', '.join(strange)}, the segmentations there have "
                f"{', '.join(sorted(there)) or 'none'}"
            )
        found = self.kept or tuple(sorted(there))
        if len(found) > MOST:
            raise DataError(
                f"{root}: expected at most {MOST} classes in a cohort, got {len(found)}; choose "
                "with --classes"
            )
        return found


def _places(chosen: Sequence[Series]) -> Iterator[tuple[Series, Path, bool]]:
    """The innermost folder of each series, and whether something else lies there too."""
    for one in chosen:
        files = {str((p.file.container / p.file.name).parent) for p in one.planes}
        folder = Path(os.path.commonpath(files))
        yield one, folder, len(series_in(folder)) > 1


def _scan(one: Series, place: Path, several: bool, drawn: Sequence[Drawn]) -> DrawnScan:
    about = one.planes[0].about
    first = one.planes[0].file
    said = pydicom.dcmread(
        first.container / first.name, stop_before_pixels=True, force=True,
        specific_tags=["PatientID"],
    )  # fmt: skip
    who = str(said.get("PatientID", "") or about.study)
    patient = f"P-{hashlib.sha256(who.encode()).hexdigest()[:10]}"
    described = about.description or about.protocol or about.modality
    slug = re.sub(r"[^A-Za-z0-9]+", "-", f"{described}-{one.part}").strip("-").lower()[:32]
    facts = {"uid": about.series, **({"description": about.description} if described else {})}
    return DrawnScan(
        f"{patient}_{slug or 'series'}",
        patient,
        {IMAGE: place},
        choices={IMAGE: one.name} if several else {},
        facts=facts,
        drawn=tuple(drawn),
    )


def _with(scan: DrawnScan, rule: Rule) -> DrawnScan:
    """The scan with those of its drawings that count."""
    kept, said = rule.kept(scan.drawn)
    told = [ImportFinding(scan.id, one.kind, one.text, one.count) for one in said]
    told += [
        ImportFinding(scan.id, "matched by place", f"{one.drawing.words()} {one.remark}")
        for one in kept
        if one.remark
    ]
    paths = [one.drawing.path for one in kept]
    return replace(
        scan,
        mask=paths[0] if paths else None,
        beside=tuple(paths[1:]),
        drawn=kept,
        classes=rule.classes,
        told=tuple(told),
    )


def _beside(root: Path, one: Drawing | Broken, kind: str, words: str) -> DrawnScan:
    """What belongs to no case, as an item that says so."""
    place = one.path.relative_to(root).with_suffix("").as_posix()
    name = clean_id(place.replace("/", "_"))
    shown = one.words() if isinstance(one, Drawing) else one.path.name
    problem = ImportFinding(name, kind, f"{shown}: {words}")
    return DrawnScan(name, name, {IMAGE: one.path}, mask=one.path, problem=problem)


def _flat(one: Series) -> DrawnScan:
    """A scout or a single image, as an item that says that it is no case."""
    file = one.planes[0].file
    name = clean_id(file.name.replace("/", "_"))
    problem = ImportFinding(name, "no volume", one.words())
    return DrawnScan(name, name, {IMAGE: file.container / file.name}, problem=problem)


def _damaged(fault: Fault) -> DrawnScan:
    """A file of a series of which nothing else can be read, as an item that says so."""
    name = clean_id(fault.file.name.replace("/", "_"))
    path = fault.file.container / fault.file.name
    problem = ImportFinding(name, "unreadable image", str(fault))
    return DrawnScan(name, name, {IMAGE: path}, problem=problem)


def _unique(scans: Sequence[DrawnScan]) -> list[DrawnScan]:
    """Ids that would be there twice get the beginning of a hash of the series."""
    count = Counter(one.id for one in scans)
    return [one if count[one.id] == 1 else _told_apart(one) for one in scans]


def _told_apart(scan: DrawnScan) -> DrawnScan:
    said = scan.choices.get(IMAGE, scan.facts["uid"])
    return replace(scan, id=f"{scan.id}-{hashlib.sha256(said.encode()).hexdigest()[:8]}")
