"""Ways to find the tissue of a slide, by name, each as a mask over the whole of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inklings.data import TISSUE
from inklings.data.grid import EVERYWHERE
from inklings.data.tissue import find_tissue
from inklings.errors import SpecError
from inklings.readers.image import Image

FindTissue = Callable[[Image], NDArray[np.bool_]]
"""A slide to a mask ``(h, w)`` over its whole extent."""


def finder(name: str) -> FindTissue:
    """The way to find tissue called ``name``.

    Raises:
        SpecError: If there is none of this name.
    """
    if name == EVERYWHERE:
        return everywhere
    if name not in TISSUE:
        known = ", ".join([*TISSUE, EVERYWHERE])
        raise SpecError(f"--tissue: expected one of {known}, got {name!r}")
    method = TISSUE.build(name, {})

    def find(slide: Image) -> NDArray[np.bool_]:
        if len(slide.channels) != 3:
            return everywhere(slide)
        return widened(find_tissue(slide, method).mask)

    return find


def everywhere(slide: Image) -> NDArray[np.bool_]:
    """Look at all of a slide."""
    shape = (max(1, n // 64) for n in slide.geometry.shape)
    return np.ones(tuple(shape), np.bool_)


def widened(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tissue and one sample around it, so that its rim is not cut."""
    wide: NDArray[np.bool_] = ndimage.binary_dilation(mask)
    return wide
