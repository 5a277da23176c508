"""Masks that say what they show: of 3D Slicer, DICOM SEG and RTSTRUCT, and one file a class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np

from inklings.datasets.dataset import Mask
from inklings.datasets.findings import ImportFinding
from inklings.datasets.scans import Scan
from inklings.datasets.values import BACKGROUND, MOST, UNLABELLED
from inklings.errors import DataError, GeometryError, LabelError
from inklings.labels.files import mask_grids, read_mask
from inklings.labels.kinds import Extent, Label
from inklings.readers.dicom_drawings import kind_of, read_drawing
from inklings.readers.fitting import fitted
from inklings.readers.image import Image
from inklings.readers.layers import Layers, Remark
from inklings.readers.segments import Shape
from inklings.readers.volume import Volume

DICOM = ".dcm"


@dataclass(frozen=True)
class NamedScan(Scan):
    """A scan whose mask says what its parts are called.

    Attributes:
        classes: Of the cohort, in order.
        files: Name and file of each class, where there is one a class.
    """

    classes: tuple[str, ...] = ()
    files: tuple[tuple[str, Path], ...] = ()


def named(scan: Scan, classes: tuple[str, ...], problem: ImportFinding | None = None) -> NamedScan:
    """A scan that knows the classes of the cohort, and why it cannot be a case."""
    said = {one.name: getattr(scan, one.name) for one in fields(scan)}
    return NamedScan(**{**said, "problem": problem or scan.problem, "classes": classes})


def says_names(path: Path) -> bool:
    """Whether a mask holds the names of its parts; those of DICOM do, or are damaged."""
    return path.suffix.lower() == DICOM or kind_of(path) is not None


def names_in(path: Path, meaning: Mapping[int, str]) -> list[str]:
    """What the parts of a segmentation are called: by ``meaning``, else by its own header.

    Raises:
        ReaderError: If it is damaged.
    """
    found = read_drawing(path, kind_of(path))
    return [meaning.get(number, name) if meaning else name for number, name in found.names.items()]


def chosen(there: Sequence[str], wanted: Sequence[str]) -> tuple[str, ...]:
    """The classes of a cohort: those that were asked for, in their order, or all by name.

    Raises:
        DataError: If one that was asked for is nowhere, or there are too many.
    """
    every = sorted({name for name in there if name not in (BACKGROUND, UNLABELLED)})
    strange = [name for name in wanted if name not in every]
    if strange:
        raise DataError(
            f"--classes: expected {', '.join(strange)} among the masks, they show "
            f"{', '.join(every) or 'nothing'}"
        )
    found = tuple(wanted) or tuple(every)
    if len(found) > MOST:
        raise DataError(
            f"expected at most {MOST} classes in a cohort, got {len(found)}; choose with --classes"
        )
    return found


@dataclass(frozen=True)
class NamedMasks:
    """Class codes of masks that say their names; see `inklings.datasets.scans.MaskSource`.

    Attributes:
        ordered: A class that is named later lies on top; else the smaller structure does.
        meaning: Number of a segment to its class, where that overrules the header.
        others: Numbers that ``meaning`` does not name are background; else they are a mistake.
    """

    ordered: bool = False
    meaning: Mapping[int, str] = field(default_factory=dict)
    others: bool = False

    def __call__(
        self, scan: Scan, image: Image
    ) -> tuple[tuple[Label | Mask, ...], list[ImportFinding]]:
        """Class codes on the grid of the image."""
        assert isinstance(scan, NamedScan)
        assert scan.mask is not None
        layers, said = Layers(image.geometry.shape), list[Remark]()
        gone = np.zeros(image.geometry.shape, np.bool_)
        try:
            shapes = of_files(scan.files, image) if scan.files else self._shapes(scan.mask, image)
            for shape in shapes:
                if isinstance(shape, Remark):
                    said.append(shape)
                elif shape.name == UNLABELLED:
                    gone |= shape.mask
                elif shape.name in scan.classes:
                    layers.add(scan.classes.index(shape.name) + 1, shape.mask)
                    said += shape.remarks
        except GeometryError as error:
            return (), [ImportFinding(scan.id, "mask shape", f"{scan.mask.name}: {error}")]
        names = dict(enumerate(scan.classes, 1))
        codes, remarks = layers.laid(names, self.ordered)
        if scan.files:  # an organ that is not in the scan has an empty file
            remarks = [one for one in remarks if one.kind != "empty mask"]
        missing = [name for code, name in names.items() if code not in layers.sizes]
        if missing:
            words = f"nobody drew {', '.join(missing)} here, which others have"
            remarks.append(Remark("class not drawn", words, len(missing)))
        partial = UNLABELLED in self.meaning.values()
        codes[gone & (codes == 0)] = np.iinfo(codes.dtype).max
        extent: Extent = "partial" if partial else "complete"
        mask = Mask(codes, "classes", scan.classes, extent, scan.on, image.geometry)
        found = [ImportFinding(scan.id, one.kind, one.text, one.count) for one in (*said, *remarks)]
        return (mask,), found

    def _shapes(self, path: Path, image: Image) -> Iterator[Shape | Remark]:
        found = read_drawing(path, kind_of(path))
        yield from (Remark(note.kind, f"{path.name}: {note.text}") for note in found.notes)
        if not self.meaning:
            yield from found.on(image.geometry)
            return
        strange = [n for n in found.names if n not in self.meaning]
        if strange and not self.others:
            raise LabelError(
                f"{path}: --values gives no meaning to the segments {strange[:5]}; add them, or "
                "leave --values out, as the header names them"
            )
        names = {n: self.meaning.get(n, BACKGROUND) for n in found.names}
        yield from found.called(names).on(image.geometry)


def of_files(files: Sequence[tuple[str, Path]], image: Image) -> Iterator[Shape]:
    """One file a class: whatever is not 0 belongs to it.

    Raises:
        DataError: If a file cannot be read, or holds several values besides 0.
        GeometryError: If it lies on another grid.
    """
    also = image.also if isinstance(image, Volume) else ()
    for name, path in files:
        codes = read_mask(path)
        values = np.unique(codes[codes > 0])
        if len(values) > 1:
            raise LabelError(
                f"{path}: expected one value besides 0 in a mask of one class, got "
                f"{values[:5].tolist()}"
            )
        try:
            placed, form = fitted(codes, mask_grids(path), (image.geometry, *also))
        except GeometryError as error:
            raise GeometryError(f"{path.name}: {error}") from None
        said = (Remark("mask on the qform", f"{path.name}: lies {form}"),) if form else ()
        yield Shape(name, placed > 0, said)
