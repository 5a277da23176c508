"""Volumes become a cohort: images stay where they lie, masks lie on the grids of their images."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from inklings.cases.case import Case
from inklings.cases.cohort import Cohort
from inklings.cases.label_checks import difference
from inklings.datasets import archive
from inklings.datasets import findings as reports
from inklings.datasets.findings import Finding
from inklings.datasets.slide_cohort import earlier
from inklings.datasets.workers import converted
from inklings.errors import DataError, GeometryError, ReaderError
from inklings.files import write_bytes
from inklings.geometry import Geometry
from inklings.labels.files import Mask, mask_geometry, read_mask, write_mask
from inklings.labels.kinds import MaskLabel
from inklings.progress import track
from inklings.readers import open_image
from inklings.readers.fitting import embedded, reoriented
from inklings.readers.image import Image
from inklings.readers.volume import Volume

IMAGE = "image"


@dataclass(frozen=True)
class Found:
    """One volume that may become a case.

    Attributes:
        id: Of the case.
        patient: Cases of one patient share a split.
        image: A file, or a folder of DICOM.
        mask: A file or a folder of slices, in whatever form the dataset leaves it.
        series: Words that choose a DICOM series.
        facts: For titles and tables.
    """

    id: str
    patient: str
    image: Path
    mask: Path | None = None
    series: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


class MaskSource(Protocol):
    """How a dataset keeps its masks; small, and picklable."""

    def __call__(
        self, found: Found, image: Image
    ) -> tuple[Path | NDArray[Any] | None, list[Finding]]:
        """The mask of a case: a file on the grid of the image, or codes ``(Z, Y, X)``."""


@dataclass(frozen=True)
class VolumeReport:
    """What an import of volumes did; as `inklings.datasets.slide_cohort.SlideReport`."""

    cohort: Cohort
    findings: tuple[Finding, ...]
    words: tuple[str, ...] = ()

    @property
    def left_out(self) -> tuple[str, ...]:
        """Ids of the volumes that are too broken to use."""
        return tuple(sorted({f.case for f in self.findings if f.is_fatal}))


@dataclass(frozen=True)
class StoredMask:
    """Masks that are volumes themselves: taken where they lie if they fit, else turned to fit.

    Attributes:
        classes: Of the cohort, in order.
        meaning: Code in the file to class, where the codes are not simply 1, 2, ...
        others: Codes that ``meaning`` does not name are background; else they are a mistake.
    """

    classes: tuple[str, ...]
    meaning: Mapping[int, str] | None = None
    others: bool = False

    def __call__(
        self, found: Found, image: Image
    ) -> tuple[Path | NDArray[Any] | None, list[Finding]]:
        """See `MaskSource`."""
        assert found.mask is not None
        geometry = image.geometry
        own, codes = mask_geometry(found.mask), read_mask(found.mask)
        off = difference(geometry, own)
        if off:
            try:
                part = found.mask.suffix == ".dcm"
                codes = (embedded if part else reoriented)(codes, own, geometry)
            except GeometryError as error:
                detail = f"{found.mask.name}: {off} ({error})"
                return None, [Finding(found.id, "mask shape", detail)]
        present = np.unique(codes)
        known = set(self.meaning) if self.meaning else {0, *range(1, len(self.classes) + 1)}
        strange = sorted(set(present.tolist()) - known - {0})
        if strange and not self.others:
            detail = f"{found.mask.name}: holds {strange[:5]}, known are {sorted(known)}"
            return None, [Finding(found.id, "strange codes", detail)]
        if self.meaning is None and not off:
            return found.mask, []
        if self.meaning is not None:
            codes = self._mapped(codes)
        return codes, []

    def _mapped(self, codes: Mask) -> NDArray[np.uint8]:
        assert self.meaning is not None
        out = np.zeros(codes.shape, np.uint8)
        for code, name in self.meaning.items():
            if name in self.classes:
                out[codes == code] = self.classes.index(name) + 1
        return out


def gather(
    name: str,
    classes: tuple[str, ...],
    facts: Mapping[str, Any],
    volumes: Sequence[Found],
    masks: MaskSource,
    out: Path,
    workers: int | None = None,
    words: Sequence[str] = (),
) -> VolumeReport:
    """Open every volume and its mask once, and write the cohort of those that can be read.

    Masks that do not lie on the grid of their image as they are get written to ``labels/`` as
    NIfTI. Splits and patients of an earlier import into ``out`` are kept.

    Raises:
        DataError: If there is no volume at all, or ``out`` holds something else.
    """
    if not volumes:
        raise DataError(f"expected volumes to import for {name}, got none; {' '.join(words)}")
    known = earlier(name, out) if _holds_more(out) else {}
    task = _Look(masks, classes, out)
    looked = list(track(converted(task, volumes, workers), "reading volumes", len(volumes)))
    problems = [finding for _, found in looked for finding in found]
    cases = [case for case, _ in looked if case is not None]
    kept = [
        dataclasses.replace(case, split=known[case.id].split, patient=known[case.id].patient)
        if case.id in known
        else case
        for case in cases
    ]
    cohort = Cohort(name, tuple(sorted(kept, key=lambda c: c.id)), classes, dict(facts))
    reports.write(problems, out)
    cohort.write(out)
    return VolumeReport(cohort, tuple(problems), tuple(words))


def _holds_more(out: Path) -> bool:
    """Whether there is more than what an import that was interrupted leaves."""
    return out.is_dir() and any(
        p.name not in ("unpacked", ".unpacked", "labels") for p in out.iterdir()
    )


@dataclass(frozen=True)
class _Look:
    masks: MaskSource
    classes: tuple[str, ...]
    out: Path

    def __call__(self, found: Found) -> tuple[Case | None, list[Finding]]:
        problems: list[Finding] = []
        try:
            with open_image(found.image, choice=found.series) as image:
                facts = {**found.facts, **_facts(image)}
                problems += [Finding(found.id, note.kind, note.text) for note in image.notes]
                label, remarks = self._label(found, image)
        except DataError as error:
            return None, [*problems, Finding(found.id, "unreadable image", str(error))]
        problems += remarks
        if any(problem.is_fatal for problem in problems):
            return None, problems
        choices = {IMAGE: found.series} if found.series else {}
        labels = (label,) if label else ()
        images = {IMAGE: found.image}
        case = Case(found.id, found.patient, images, labels, facts=facts, choices=choices)
        return case, problems

    def _label(self, found: Found, image: Image) -> tuple[MaskLabel | None, list[Finding]]:
        if found.mask is None:
            return None, []
        try:
            mask, problems = self.masks(found, image)
        except DataError as error:
            return None, [Finding(found.id, "unreadable mask", str(error))]
        if mask is None:
            return None, problems
        if not isinstance(mask, Path):
            path = self.out / "labels" / f"{found.id}.nii.gz"
            write_mask(path, mask, _placed(image.geometry))
            mask = path
        return MaskLabel(mask, IMAGE, "classes", self.classes), problems


def _placed(geometry: Geometry) -> Geometry:
    """With a spacing to write, also where the image says none."""
    if geometry.spacing is not None:
        return geometry
    return dataclasses.replace(geometry, spacing=(1.0,) * len(geometry.shape))


def _facts(image: Image) -> dict[str, str]:
    geometry = image.geometry
    facts = {"shape": " x ".join(map(str, geometry.shape))}
    if geometry.spacing:
        facts["spacing_mm"] = " x ".join(f"{mm:.4g}" for mm in geometry.spacing)
    modality = image.facts.get("modality") if isinstance(image, Volume) else None
    return {**facts, "modality": modality} if modality else facts


def laid_out(source: Path, out: Path) -> Path:
    """The folder of a dataset: itself, or what is in the archive, unpacked beside the cohort.

    Raises:
        DataError: If there is neither.
    """
    if source.is_dir():
        return source
    folder = out / "unpacked"
    for entry in archive.entries(source, out / ".unpacked"):
        path = folder / Path(*[part for part in entry.parts if part not in ("..", "/", "")])
        try:
            if not path.exists():
                write_bytes(path, archive.read(entry), durable=False)
        except OSError as error:
            raise ReaderError(f"{entry}: cannot be unpacked to {folder} ({error})") from None
    return folder
