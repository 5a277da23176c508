"""Segmentations of 3D Slicer (``.seg.nrrd``): names, numbers and layers stand in the header.

Several segments share a layer as long as they do not overlap; layers are the components of a
sample. The file is often cropped to the box around its segments, and says where that lies.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.errors import ReaderError
from inklings.geometry import Geometry
from inklings.readers.choice import ANY, Choice
from inklings.readers.dicom_segments import as_volume
from inklings.readers.segments import Segments
from inklings.readers.volume import Volume

NRRD = b"NRRD"
_HEADER = 1 << 20
_SEGMENT = re.compile(r"Segment(\d+)_(Name|ID|LabelValue|Layer)$")


def is_slicer(path: Path, head: bytes) -> bool:
    """Whether a NRRD file is a segmentation of 3D Slicer: its header names a segment."""
    if not head.startswith(NRRD) or path.is_dir():
        return False
    with path.open("rb") as file:
        header = file.read(_HEADER).split(b"\n\n", 1)[0].split(b"\r\n\r\n", 1)[0]
    return b"Segment0_" in header


def read_slicer(path: Path) -> Segments:
    """Every segment of a segmentation of 3D Slicer.

    Numbers are the label values of the header; where several layers use one twice, segments are
    counted in the order of the header, from 1.

    Raises:
        ReaderError: If it is damaged, or its header does not say which sample is which segment.
    """
    import SimpleITK

    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
        facts = {key: reader.GetMetaData(key) for key in reader.GetMetaDataKeys()}
        if reader.GetDimension() != 3:
            raise ReaderError(
                f"{path}: expected a segmentation of three axes and layers, got "
                f"{reader.GetDimension()} axes"
            )
        geometry = _geometry(path, reader)
        layers = reader.GetNumberOfComponents()
    except RuntimeError as error:
        raise _damaged(path, error) from None
    listed = _described(path, facts, layers)
    plain = len({one.value for one in listed}) == len(listed)
    found = {one.value if plain else number: one for number, one in enumerate(listed, 1)}
    names = {number: one.name for number, one in found.items()}
    return Segments(names, _Masks(path, found, layers), geometry)


@dataclass(frozen=True)
class _Segment:
    name: str
    layer: int
    value: int


def _described(path: Path, facts: Mapping[str, str], layers: int) -> list[_Segment]:
    said: dict[int, dict[str, str]] = {}
    for key, value in facts.items():
        match = _SEGMENT.match(key)
        if match:
            said.setdefault(int(match[1]), {})[match[2]] = _text(value).strip()
    found = []
    for number in sorted(said):
        one = said[number]
        name = one.get("Name") or one.get("ID") or f"segment {number + 1}"
        # Before version 4.11 each segment had a layer of its own and no number.
        layer = _whole(path, one.get("Layer"), number if layers > 1 else 0)
        code = _whole(path, one.get("LabelValue"), 1 if layers > 1 or len(said) == 1 else 0)
        if code < 1 or layer >= layers:
            raise ReaderError(
                f"{path}: expected a label value and a layer (of {layers}) for segment {name!r}, "
                f"got value {one.get('LabelValue')} in layer {layer}; save it again with 3D Slicer"
            )
        found.append(_Segment(name, layer, code))
    if not found:
        raise ReaderError(f"{path}: expected named segments in the header, got none")
    return found


@dataclass(frozen=True)
class _Masks(Mapping[int, NDArray[np.bool_]]):
    """Masks of segments, made from the layers when they are asked for."""

    path: Path
    found: Mapping[int, _Segment]
    layers: int

    @cached_property
    def stored(self) -> NDArray[Any]:
        """``(Z, Y, X, layers)``."""
        import SimpleITK

        try:
            array = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(self.path)))
        except RuntimeError as error:
            raise _damaged(self.path, error) from None
        kept: NDArray[Any] = array[..., None] if self.layers == 1 else array
        return kept

    def __getitem__(self, number: int) -> NDArray[np.bool_]:
        one = self.found[number]
        mask: NDArray[np.bool_] = self.stored[..., one.layer] == one.value
        return mask

    def __iter__(self) -> Iterator[int]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)


def _geometry(path: Path, reader: Any) -> Geometry:
    size, spacing = reader.GetSize(), reader.GetSpacing()
    axes = np.array(reader.GetDirection()).reshape(3, 3)
    return Geometry(
        (size[2], size[1], size[0]),
        (spacing[2], spacing[1], spacing[0]),
        tuple(reader.GetOrigin()),
        tuple(tuple(row) for row in axes.tolist()),
        frame=path.name,
    )


def _text(value: str) -> str:
    """SimpleITK gives bytes beyond ASCII as they are: names are UTF-8."""
    try:
        return value.encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeDecodeError:
        return value.encode("utf-8", "surrogateescape").decode("latin-1")


def _whole(path: Path, text: str | None, otherwise: int) -> int:
    if text is None or not text:
        return otherwise
    try:
        return int(text)
    except ValueError:
        raise ReaderError(f"{path}: expected a whole number in its header, got {text!r}") from None


def _damaged(path: Path, error: RuntimeError) -> ReaderError:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    words = lines[-1] if lines else "unreadable"
    return ReaderError(f"{path}: truncated or damaged segmentation ({words}); save it again")


class SlicerSegReader:
    """``.seg.nrrd`` of 3D Slicer, as numbers of its segments."""

    def recognises(self, path: Path, head: bytes) -> bool:
        """By the names of segments in the header, whatever the file is called."""
        return is_slicer(path, head)

    def open(self, path: Path, choice: Choice = ANY) -> Volume:
        """Decode it."""
        choice.only(path)
        return as_volume(path, read_slicer(path), "SEG")
