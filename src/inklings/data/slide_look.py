"""What is decided once for a whole slide: how its samples are scaled, and how its stains change.

Training from tiles and the prediction of whole slides both take it from here, so that a place of a
slide looks to the network as it did in training. A tile's own numbers would not do: a tile of glass
has other ones than the tissue beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from inklings.data.intensity import Intensity, Scale
from inklings.data.stains import Normaliser
from inklings.readers.image import Image

Restain = Callable[[NDArray[Any]], NDArray[Any]]
"""Samples ``(C, h, w)`` of a slide to the same in other colours."""

_SIDE = 1024


@dataclass(frozen=True)
class SlideLook:
    """A slide at a glance.

    Attributes:
        thumbnail: ``(C, h, w)``, at most 1024 samples along a side.
        tissue: ``(C, n, 1)``, those of its samples that are tissue; all where none is.
    """

    thumbnail: NDArray[Any]
    tissue: NDArray[Any]

    @classmethod
    def of(cls, slide: Image, mask: NDArray[np.bool_]) -> Self:
        """Look at ``slide``, whose tissue is where ``mask`` of any size over its extent says."""
        small = slide.shrunk(max(1.0, max(slide.geometry.shape) / _SIDE))
        thumbnail = small.read(small.geometry.full)
        rows, columns = (
            ((np.arange(n) + 0.5) * (m / n)).astype(np.int64)
            for n, m in zip(thumbnail.shape[1:], mask.shape, strict=True)
        )
        there = mask[np.ix_(rows, columns)]
        where = there if there.any() else np.ones_like(there)
        return cls(thumbnail, thumbnail[:, where][..., None])

    def scale(self, intensity: Intensity) -> Scale:
        """Centre and width of the tissue: glass would drown it."""
        return intensity.scale(self.tissue)

    def restain(self, normaliser: Normaliser | None) -> Restain:
        """The change of stains of this slide; None leaves all as it is."""
        return unchanged if normaliser is None else normaliser.of_slide(self.tissue)

    def restained(self, normaliser: Normaliser | None) -> SlideLook:
        """The same slide in other stains."""
        if normaliser is None:
            return self
        return SlideLook(self.thumbnail, self.restain(normaliser)(self.tissue))


def unchanged(samples: NDArray[Any]) -> NDArray[Any]:
    """The samples as they are."""
    return samples
