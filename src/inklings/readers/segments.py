"""Segments: named masks on a grid of their own, as DICOM Segmentations and 3D Slicer keep them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inklings.geometry import Geometry
from inklings.readers.layers import Codes, Remark, laid, sorted_by
from inklings.readers.notes import Note
from inklings.readers.placing import placed


@dataclass(frozen=True)
class Shape:
    """One structure on the grid of an image.

    Attributes:
        name: What the file calls it.
        mask: ``(*grid)``, True inside.
        remarks: What was dropped or guessed of it.
    """

    name: str
    mask: NDArray[np.bool_]
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True)
class Segments:
    """What a segmentation holds.

    Attributes:
        names: Label of each segment, by its number.
        masks: ``(Z, Y, X)`` of each segment, by its number; made when they are asked for.
        geometry: Their grid.
        series: UID of the series that it segments; empty where it does not say.
        notes: What should be known of it.
    """

    names: Mapping[int, str]
    masks: Mapping[int, NDArray[np.bool_]]
    geometry: Geometry
    series: str = ""
    notes: tuple[Note, ...] = ()

    def called(self, names: Mapping[int, str]) -> Segments:
        """The same with other names."""
        return replace(self, names=names)

    def codes(self) -> Codes:
        """``(Z, Y, X)`` numbers of segments, 0 is none; of two in one sample the smaller counts."""
        return self.layered()[0]

    def layered(self) -> tuple[Codes, int]:
        """As `codes`, and how many samples lie in several segments."""
        sizes = {number: int(np.count_nonzero(mask)) for number, mask in self.masks.items()}
        codes, both = laid(self.geometry.shape, self.masks.__getitem__, sorted_by(sizes, False))
        return codes, both.total()

    def on(self, target: Geometry) -> Iterator[Shape]:
        """Each segment on the grid of an image.

        Raises:
            GeometryError: If the samples of the two grids do not coincide.
        """
        for number in sorted(self.masks):
            name = self.names[number]
            found = placed(self.masks[number], self.geometry, target)
            said = []
            if found.outside:
                words = f"{name}: {found.outside} samples lie outside of the image"
                said.append(Remark("outside", words, found.outside))
            if found.every > 1:
                said.append(
                    Remark("sparse planes", f"{name}: drawn on one of {found.every} slices")
                )
            yield Shape(name, found.array, tuple(said))
