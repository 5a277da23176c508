"""A shaky hand: borders that wander in and out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator
from scipy import ndimage

from inklings.labels.depth import relative_depth
from inklings.simulation.base import Form, Objects, nearest, require


@dataclass(frozen=True)
class Jitter:
    """Move every border along its normal by smooth random noise.

    The noise is one field for the whole image, so neighbouring borders wander together. The
    inner half of every object stays, so none is lost.

    Attributes:
        pixels: Standard deviation of the displacement.
        smooth: Standard deviation, in samples, of the Gaussian that makes the noise smooth.
    """

    pixels: float
    smooth: float = 8.0
    form: ClassVar[Form] = "mask"

    def __post_init__(self) -> None:
        require(self.pixels > 0, "jitter", "pixels", "above 0", self.pixels)
        require(self.smooth > 0, "jitter", "smooth", "above 0", self.smooth)

    def __call__(self, objects: Objects, rng: Generator) -> Objects:
        """The objects with their new borders."""
        noise = ndimage.gaussian_filter(rng.standard_normal(objects.shape), self.smooth)
        noise *= self.pixels / max(float(noise.std()), 1e-12)
        outside, owner = nearest(objects)
        inside = ndimage.distance_transform_edt(objects > 0)
        # half a sample: the border runs between the last sample inside and the first outside
        signed = np.where(objects > 0, inside - 0.5, 0.5 - outside)
        stays = (signed + noise > 0) | (relative_depth(objects) > 0.5)
        return np.where(objects < 0, objects, np.where(stays, owner, 0)).astype(np.int32)
