"""Masks that another program made of a cohort become a folder of predictions.

From there on they are scored, viewed and exported as any others. A mask belongs to the case whose
id its file bears, or the nearest of its folders; what fits two cases, or none, is told.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings import __version__
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.leaks import some
from inklings.cohorts.opening import labelled_image, open_case
from inklings.datasets import values
from inklings.datasets.chaos import in_order_of
from inklings.datasets.foreign_files import DICOM, matched
from inklings.datasets.pairing import is_data
from inklings.datasets.pictures import SUFFIXES
from inklings.datasets.scans import on_grid
from inklings.datasets.values import BACKGROUND, UNLABELLED
from inklings.errors import DataError, GeometryError, LabelError, SpecError
from inklings.labels.codes import name_of
from inklings.labels.files import is_volume, natural
from inklings.parallel import attempt, quarantine
from inklings.predictions.dense import DensePrediction
from inklings.predictions.head import Head, Provenance
from inklings.progress import track
from inklings.readers import open_image
from inklings.readers.dicom_segments import read_segments
from inklings.readers.dicom_series import source_planes
from inklings.readers.fitting import whole_numbers
from inklings.readers.image import Image
from inklings.readers.placing import placed
from inklings.readers.pyramid import Pyramid
from inklings.readers.segments import Segments
from inklings.readers.slicer_seg import is_slicer, read_slicer
from inklings.readers.volume import Volume


@dataclass(frozen=True)
class Taken:
    """What came of it.

    Attributes:
        taken: Cases that have a prediction now.
        classes: That are predicted.
        failed: Case to the reason why its mask was left out.
        strays: Masks that belong to no case.
        missing: Cases without a mask.
    """

    taken: int
    classes: tuple[str, ...]
    failed: Mapping[str, str]
    strays: tuple[str, ...]
    missing: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """What was left out, a line each."""
        for case, reason in self.failed.items():
            yield f"failed: {case}: {reason}"
        if self.strays:
            yield f"{len(self.strays)} masks belong to no case ({some(self.strays)})"
        if self.missing:
            yield f"{len(self.missing)} cases of the cohort have no mask ({some(self.missing)})"


def take(
    masks: Path,
    cohort: Path,
    out: Path,
    meaning: Mapping[int, str] | None = None,
    instances: bool = False,
) -> Taken:
    """Write the folder of predictions ``out`` from masks of the cases of ``cohort``.

    Args:
        masks: Folder: a file for each case, or a folder of slices.
        cohort: Whose images were segmented.
        out: New folder.
        meaning: Codes of the masks to classes of the cohort. Without it they are the numbers of
            its classes from 1, or the one class where masks hold 255 alone; DICOM SEG and
            ``.seg.nrrd`` say names.
        instances: Codes number objects of the first class.

    Raises:
        DataError: If no mask belongs to a case, one belongs to two, a case has two, none can be
            read, or ``out`` is not empty.
        SpecError: If ``meaning`` says what cannot be predicted.
    """
    there = Cohort.read(cohort)
    rule = Rule(_classes(there, meaning, instances), dict(meaning or {}), instances)
    if out.exists() and any(out.iterdir()):
        raise DataError(f"{out} is not empty; give another --out")
    if not masks.is_dir():
        raise DataError(f"expected a folder of masks, got {masks}")
    of, strays = matched(masks, there)
    failed: dict[str, str] = {}
    cases = [case for case in there if case.id in of]
    for case in track(cases, "masks", len(cases)):
        outcome = attempt(lambda case: rule.predicted(case, of[case.id]).write(out), case.id, case)
        if outcome.reason is not None:
            failed[case.id] = outcome.reason
    if len(failed) == len(cases):
        first = next(iter(failed.values()))
        raise DataError(f"none of the {len(cases)} masks can be taken: {first}")
    origin = Provenance("", _digest(of.values()), None, __version__)
    said = {name_of(code): name for code, name in (meaning or {}).items()}
    settings = {"masks": str(masks.resolve()), "values": said, "instances": instances}
    head = Head(rule.classes, (0.5,) * len(rule.classes), origin, None, settings)
    head.write(out)
    quarantine(out, failed, set(of))
    missing = tuple(case.id for case in there if case.id not in of)
    return Taken(len(cases) - len(failed), rule.classes, failed, strays, missing)


def _classes(there: Cohort, meaning: Mapping[int, str] | None, instances: bool) -> tuple[str, ...]:
    """The classes that are predicted, in the order of the cohort."""
    if instances:
        values.require_no_class(meaning or {})
        return there.classes[:1]
    if not meaning:
        return there.classes
    named = values.classes_of(meaning)
    strange = [name for name in named if name not in there.classes]
    if strange or UNLABELLED in meaning.values():
        raise SpecError(
            f"--values: expected {BACKGROUND} or classes of the cohort "
            f"({', '.join(there.classes)}), got {(*strange, UNLABELLED)[0]!r}"
        )
    return tuple(name for name in there.classes if name in named)


@dataclass(frozen=True)
class Rule:
    """How masks are read.

    Attributes:
        classes: That are predicted.
        meaning: Code to class or background; empty where codes are class numbers.
        instances: Whether codes number objects.
    """

    classes: tuple[str, ...]
    meaning: Mapping[int, str]
    instances: bool

    def predicted(self, case: Case, mask: Path) -> DensePrediction:
        """The mask of a case on the grid of its image, as certain as masks are.

        Raises:
            DataError: If it cannot be read, does not fit, or says what has no meaning.
        """
        name = labelled_image(case)
        path, choice = case.images[name], case.choices.get(name)
        with open_case(case, name) as image:
            if isinstance(image, Pyramid):
                raise DataError(f"{path}: masks of slides are not taken, only pictures and volumes")
            grid = image.geometry
            segments = None if self.meaning or self.instances else _segments(mask)
            if segments is not None:
                dense = self._of_names(segments, image)
                codes: NDArray[Any] | None = None
            else:
                codes = _codes(mask, image, path, choice)
                dense = self._of_codes(codes)
        if codes is not None and codes.shape != grid.shape:
            raise GeometryError(f"{mask}: {codes.shape} samples, the image has {grid.shape}")
        return DensePrediction(
            case.id,
            path,
            dense.astype(np.uint8) * np.uint8(255),
            _numbers(codes, dense) if self.instances and codes is not None else None,
            grid if len(grid.shape) == 3 else None,
            choice,
        )

    def _of_names(self, segments: Segments, image: Image) -> NDArray[np.bool_]:
        """``(K, *S)`` of a segmentation that says what its parts are called."""
        own = {name.casefold(): k for k, name in enumerate(self.classes)}
        strange = [name for name in segments.names.values() if name.casefold() not in own]
        if strange:
            raise LabelError(
                f"the segment {strange[0]!r} is no class of the cohort "
                f"({', '.join(self.classes)}); say what the numbers mean: "
                f"--values '1={self.classes[0]},...'"
            )
        dense = np.zeros((len(self.classes), *image.geometry.shape), np.bool_)
        for shape in segments.on(image.geometry):
            dense[own[shape.name.casefold()]] |= shape.mask
        return dense

    def _of_codes(self, codes: NDArray[Any]) -> NDArray[np.bool_]:
        """``(K, *S)`` of codes."""
        there = np.unique(codes).tolist()
        if self.instances:
            gone = [code for code, name in self.meaning.items() if name == BACKGROUND]
            return ((codes > 0) & ~np.isin(codes, gone))[None]
        meaning = self.meaning or dict(enumerate(self.classes, 1))
        if not self.meaning and len(self.classes) == 1 and set(there) <= {0, 255}:
            meaning = {255: self.classes[0]}
        strange = [code for code in there if code not in {0, *meaning}]
        if strange:
            known = ", ".join(f"{name_of(c)}={name}" for c, name in meaning.items())
            raise LabelError(
                f"holds {name_of(strange[0])}, known are 0={BACKGROUND}, {known}; say what "
                f"the numbers mean: --values '{name_of(strange[0])}={self.classes[0]},...'"
            )
        chosen = [[c for c, name in meaning.items() if name == one] for one in self.classes]
        return np.stack([np.isin(codes, own) for own in chosen])


def _numbers(codes: NDArray[Any], dense: NDArray[np.bool_]) -> NDArray[Any]:
    numbers = np.where(dense[0], codes, 0)
    return numbers.astype(np.uint16 if int(numbers.max(initial=0)) < 65535 else np.uint32)


def _segments(mask: Path) -> Segments | None:
    """A segmentation that says what its parts are called; None for any other mask."""
    if mask.is_dir():
        return None
    with mask.open("rb") as file:
        slicer = is_slicer(mask, file.read(8))
    if slicer:
        return read_slicer(mask)
    return read_segments(mask) if mask.suffix.lower() == DICOM else None


def _codes(mask: Path, image: Image, path: Path, choice: str | None) -> NDArray[Any]:
    """Codes on the grid of the image."""
    if not mask.is_dir():
        return on_grid(mask, image)[0] if is_volume(mask) else values.codes(mask)
    if any(mask.glob(f"*{DICOM}")):
        with open_image(mask) as series:
            samples = series.read(series.geometry.full)[0]
            step = series.step if isinstance(series, Volume) else 0.0
            codes = samples if samples.dtype.kind != "f" else whole_numbers(samples, step)
            if codes is None:
                raise LabelError(f"{mask}: expected whole numbers, got numbers between them")
            return np.asarray(placed(codes, series.geometry, image.geometry).array)
    files = _slices(mask)
    if len(files) != image.geometry.shape[0]:
        raise GeometryError(f"{mask}: {len(files)} slices, the image has {image.geometry.shape[0]}")
    if path.is_dir():
        ordered, problem = in_order_of(source_planes(path, choice), files)
        if ordered is None:
            raise GeometryError(f"{mask}: {problem}")
        files = ordered
    planes = [values.codes(file) for file in files]
    if len({plane.shape for plane in planes}) > 1:
        raise LabelError(f"{mask}: expected slices of one size")
    return np.stack(planes)


def _slices(folder: Path) -> list[Path]:
    pictures = (p for p in folder.iterdir() if p.name.lower().endswith(SUFFIXES) and is_data(p))
    return sorted(pictures, key=lambda file: natural(file.name))


def _digest(masks: Iterable[Path]) -> str:
    """Of all masks, so that other masks are other predictions."""
    found = hashlib.sha256()
    for mask in masks:
        for file in sorted(mask.iterdir()) if mask.is_dir() else [mask]:
            with file.open("rb") as content:
                found.update(hashlib.file_digest(content, "sha256").digest())
    return found.hexdigest()
