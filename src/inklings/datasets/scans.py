"""Volumes become cases: images stay where they lie, masks lie on the grid of their image.

A dataset of volumes lists `Scan` items and makes cases of them with `case_of`; how its masks are
kept is a `MaskSource`, `StoredMask` for masks that are volumes themselves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from inklings.cohorts.case import Split
from inklings.cohorts.label_checks import difference
from inklings.datasets.dataset import Converted, Mask, Stored, stamp_of
from inklings.datasets.findings import ImportFinding, fatal
from inklings.datasets.grids import uncommon
from inklings.datasets.values import BACKGROUND, UNLABELLED, classes_of, require_few
from inklings.errors import DataError, GeometryError
from inklings.labels.files import mask_grids, mask_notes, read_mask
from inklings.labels.kinds import Label, MaskLabel
from inklings.readers import open_image
from inklings.readers.finite import proved
from inklings.readers.fitting import fitted
from inklings.readers.image import Image
from inklings.readers.placing import placed
from inklings.readers.volume import Volume

IMAGE = "image"


@dataclass(frozen=True)
class Scan:
    """One or several volumes of one patient that may become a case.

    Attributes:
        id: Of the case.
        patient: Cases of one patient share a split.
        images: Name to a file, or a folder of DICOM.
        mask: A file or a folder of slices, in whatever form the dataset leaves it.
        on: Which image the mask lies on; None for the first.
        choices: Name of an image to what of its file is meant, such as words of a DICOM series.
        facts: For titles and tables.
        split: Where the source says one.
        meaning: What the codes of the mask mean, where a description beside it says so.
        beside: What else the case is made of.
        asked: Whether it should have a mask, as others have.
        problem: Why it cannot be a case, where that is known before it is read.
    """

    id: str
    patient: str
    images: Mapping[str, Path]
    mask: Path | None = None
    on: str | None = None
    choices: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    split: Split | None = None
    meaning: Mapping[int, str] = field(default_factory=dict)
    beside: tuple[Path, ...] = ()
    asked: bool = False
    problem: ImportFinding | None = None

    @property
    def stamp(self) -> str:
        """Sizes and times of its files, and what is known beside them."""
        said = repr(replace(self, mask=None, beside=()))
        files = stamp_of(*self.images.values(), self.mask, *self.beside)
        return f"{files} {hashlib.sha256(said.encode()).hexdigest()[:12]}"


class MaskSource(Protocol):
    """How a dataset keeps its masks; small, and picklable."""

    def __call__(
        self, scan: Scan, image: Image
    ) -> tuple[tuple[Label | Mask, ...], list[ImportFinding]]:
        """The labels of a scan that has a mask, and what is odd about them.

        Raises:
            DataError: If the mask cannot be read.
        """


def case_of(scan: Scan, masks: MaskSource | None = None) -> Converted:
    """Open every image of a scan, and read its labels."""
    if scan.problem is not None:
        return Converted({}, findings=(scan.problem,))
    problems: list[ImportFinding] = []
    labels: tuple[Label | Mask, ...] = ()
    with ExitStack() as stack:
        opened: dict[str, Image] = {}
        for name, path in scan.images.items():
            try:
                image = stack.enter_context(open_image(path, choice=scan.choices.get(name)))
                told = proved(image)
            except DataError as error:
                problems.append(ImportFinding(scan.id, "unreadable image", str(error)))
                return Converted({}, findings=tuple(problems))
            opened[name] = image
            said = f"{name}: " if len(scan.images) > 1 else ""
            problems += [ImportFinding(scan.id, n.kind, f"{said}{n.text}") for n in told]
        first = next(iter(opened))
        problems += uncommon(scan.id, {name: image.geometry for name, image in opened.items()})
        if scan.mask is None and scan.asked:
            problems.append(ImportFinding(scan.id, "no mask", scan.images[first].name))
        if scan.mask is not None and masks is not None and not fatal(problems):
            try:
                scan = replace(scan, on=_carrier(scan, opened))
                labels, remarks = masks(scan, opened[scan.on or first])
                problems += remarks
            except DataError as error:
                problems.append(ImportFinding(scan.id, "unreadable mask", str(error)))
        facts = {**scan.facts, **_facts(opened[first])}
    return Converted(
        {name: Stored(path, choice=scan.choices.get(name)) for name, path in scan.images.items()},
        labels,
        patient=scan.patient,
        split=scan.split,
        facts=facts,
        findings=tuple(problems),
    )


def _carrier(scan: Scan, opened: Mapping[str, Image]) -> str:
    """Which image a mask lies on: as it is said, else the first on whose grid it is."""
    first = next(iter(opened))
    if scan.on is not None or scan.mask is None or len(opened) == 1:
        return scan.on or first
    own = mask_grids(scan.mask)[0]
    fits = (name for name, image in opened.items() if not difference(image.geometry, own))
    return next(fits, first)


def without_image(case: str, mask: Path) -> Scan:
    """A mask that belongs to no image, which is told."""
    detail = f"{mask.name} belongs to no image"
    return Scan(case, case, {IMAGE: mask}, problem=ImportFinding(case, "no image", detail))


def _facts(image: Image) -> dict[str, str]:
    geometry = image.geometry
    facts = {"shape": " x ".join(map(str, geometry.shape))}
    if geometry.spacing:
        facts["spacing_mm"] = " x ".join(f"{mm:.4g}" for mm in geometry.spacing)
    modality = image.facts.get("modality") if isinstance(image, Volume) else None
    return {**facts, "modality": modality} if modality else facts


def as_described(scan: Scan) -> StoredMask:
    """How the masks of a scan are read whose codes are described beside it."""
    classes = classes_of(scan.meaning)
    plain = {0: BACKGROUND, **dict(enumerate(classes, 1))}
    return StoredMask(classes, None if {0: BACKGROUND, **scan.meaning} == plain else scan.meaning)


@dataclass(frozen=True)
class StoredMask:
    """Masks that are volumes themselves: taken where they lie if they fit, else turned to fit.

    Attributes:
        classes: Of the cohort, in order.
        meaning: Code in the file to class, `BACKGROUND` or `UNLABELLED`, where the codes are not
            simply 1, 2, ...; 0 is background unless it is named.
        others: Codes that ``meaning`` does not name are background; else they are a mistake.
        kind: ``instances`` where the codes are numbers of objects; ``meaning`` then names the
            codes that are no objects.
    """

    classes: tuple[str, ...]
    meaning: Mapping[int, str] | None = None
    others: bool = False
    kind: Literal["classes", "instances"] = "classes"

    def __call__(
        self, scan: Scan, image: Image
    ) -> tuple[tuple[Label | Mask, ...], list[ImportFinding]]:
        """See `MaskSource`."""
        assert scan.mask is not None
        on = scan.on or next(iter(scan.images))
        geometry, name = image.geometry, scan.mask.name
        said = [ImportFinding(scan.id, n.kind, f"{name}: {n.text}") for n in mask_notes(scan.mask)]
        try:
            codes, off, form = on_grid(scan.mask, image)
        except GeometryError as error:
            return (), [ImportFinding(scan.id, "mask shape", f"{name}: {error}")]
        if form:
            detail = f"{name}: lies {form}; taken as it fits"
            said.append(ImportFinding(scan.id, "mask on the qform", detail))
        if self.kind == "classes":
            strange = self._strange(codes)
            if strange and not self.others:
                detail = f"{scan.mask.name}: holds {strange[:5]}, known are {self._known()}"
                return (), [ImportFinding(scan.id, "strange codes", detail)]
        if self.meaning is None and not off:
            return (MaskLabel(scan.mask, on, self.kind, self.classes),), said
        if self.kind == "instances":
            samples, partial = objects(codes, self.meaning or {})
        else:
            samples, partial = coded(codes, self.meaning or {}, self.classes)
        extent: Literal["partial", "complete"] = "partial" if partial else "complete"
        return (Mask(samples, self.kind, self.classes, extent, on, geometry),), said

    def _known(self) -> list[int]:
        return sorted({0, *(self.meaning or range(1, len(self.classes) + 1))})

    def _strange(self, codes: NDArray[Any]) -> list[int]:
        return sorted(set(np.unique(codes).tolist()) - set(self._known()))


def on_grid(path: Path, image: Image) -> tuple[NDArray[Any], str, str]:
    """Codes of a mask on the grid of its image.

    Returns:
        The codes ``(*S)``; how its own grid differs, where they were moved; and by which other
        form of its header it lies there, if it does.

    Raises:
        GeometryError: If the samples of the two grids do not coincide.
        DataError: If the mask cannot be read.
    """
    geometry, grids, codes = image.geometry, mask_grids(path), read_mask(path)
    off = difference(geometry, grids[0])
    if not off:
        return codes, "", ""
    if len(geometry.shape) != 3 or len(grids[0].shape) != 3:
        raise GeometryError(off)
    try:
        if path.suffix == ".dcm":
            return placed(codes, grids[0], geometry).array, off, ""
        also = image.also if isinstance(image, Volume) else ()
        moved, form = fitted(codes, grids, (geometry, *also))
    except GeometryError as error:
        raise GeometryError(f"{off} ({error})") from None
    return moved, off, form


def coded(
    codes: NDArray[Any], meaning: Mapping[int, str], classes: tuple[str, ...]
) -> tuple[NDArray[np.uint8], bool]:
    """Class numbers from 1 (255 where unlabelled), and whether unlabelled was named at all.

    Args:
        codes: As the file has them.
        meaning: Code to class; empty where codes are class numbers.
        classes: In order; at most 254.

    Raises:
        LabelError: If there are more classes than 8 bits can number.
    """
    require_few(classes)
    if not meaning:
        return codes.astype(np.uint8), False
    out = np.zeros(codes.shape, np.uint8)
    for code, name in meaning.items():
        if name == UNLABELLED:
            out[codes == code] = 255
        elif name in classes:
            out[codes == code] = classes.index(name) + 1
    return out, UNLABELLED in meaning.values()


def objects(
    codes: NDArray[Any], meaning: Mapping[int, str]
) -> tuple[NDArray[np.unsignedinteger[Any]], bool]:
    """Numbers of objects (the largest of the type where unlabelled), and whether that was named."""
    gone = [code for code, name in meaning.items() if name in (UNLABELLED, BACKGROUND)]
    numbers = np.where(np.isin(codes, gone), 0, codes)
    wide = np.uint16 if int(numbers.max(initial=0)) < 65535 else np.uint32
    samples: NDArray[np.unsignedinteger[Any]] = numbers.astype(wide)
    nothing = [code for code, name in meaning.items() if name == UNLABELLED]
    samples[np.isin(codes, nothing)] = np.iinfo(wide).max
    return samples, bool(nothing)
