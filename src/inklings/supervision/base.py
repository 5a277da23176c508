"""How labels become targets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from inklings.cohorts.case import Case
from inklings.geometry import Geometry, Region

HALF = 128
"""The level of probability 0.5, from which on a channel is there."""


@dataclass(frozen=True)
class Target:
    """What the learner is told about one image.

    Attributes:
        value: ``(K, *S)`` uint8 quantised probabilities, 255 is certainty, one channel per
            output of the network.
        known: ``(1, *S)`` where all channels are known alike, or ``(K, *S)``: True where ``value``
            is a fact, False where it is a placeholder. Given as ``(*S)`` it is of all channels.
        assumed: Alike, True where nobody drew anything and background is assumed; None where
            nothing is.
        objects: ``(K, *S)`` number of the object whose coarse outline (a box) holds the sample, 0
            outside of all outlines of the class; None where outlines are not coarse.
    """

    value: NDArray[np.uint8]
    known: NDArray[np.bool_]
    assumed: NDArray[np.bool_] | None = None
    objects: NDArray[np.int32] | None = None

    def __post_init__(self) -> None:
        for name in ("known", "assumed"):
            mask = getattr(self, name)
            if mask is not None and mask.ndim == self.value.ndim - 1:
                object.__setattr__(self, name, mask[None])

    @property
    def shape(self) -> tuple[int, ...]:
        """``S``, the samples along each axis of the image."""
        return self.value.shape[1:]

    def known_of(self, k: int) -> NDArray[np.bool_]:
        """Where channel ``k`` is a fact, ``(*S)``."""
        mask: NDArray[np.bool_] = self.known[k if len(self.known) > 1 else 0]
        return mask

    @property
    def known_anyhow(self) -> NDArray[np.bool_]:
        """Where some channel is a fact, ``(*S)``."""
        mask: NDArray[np.bool_] = np.logical_or.reduce(self.known)
        return mask

    def positive(self, k: int) -> NDArray[np.bool_]:
        """Where channel ``k`` is known to be there, ``(*S)``."""
        mask: NDArray[np.bool_] = (self.value[k] >= HALF) & self.known_of(k)
        return mask

    @property
    def positives(self) -> NDArray[np.bool_]:
        """Where each channel is known to be there, ``(K, *S)``."""
        mask: NDArray[np.bool_] = (self.value >= HALF) & self.known
        return mask

    @property
    def marked(self) -> NDArray[np.bool_]:
        """Where each channel is known to be there, or an object of it to be found, ``(K, *S)``."""
        known = self.positives
        return known if self.objects is None else known | (self.objects > 0)

    @property
    def whole(self) -> bool:
        """Whether each channel is known throughout or, where nobody annotated it, nowhere."""
        own = self.known.reshape(len(self.known), -1)
        return bool(own.any() and (own.all(1) | ~own.any(1)).all())

    def at(self, index: Any) -> Target:
        """The same at an index into the axes of the image, a plane or a box."""
        every = index if isinstance(index, tuple) else (index,)
        own = (slice(None), *every)
        return self.each(lambda array: array[own])

    def each(self, change: Callable[[NDArray[Any]], NDArray[Any]]) -> Target:
        """The same with every array changed alike: turned, say, or kept elsewhere."""
        return Target(
            change(self.value),
            change(self.known),
            None if self.assumed is None else change(self.assumed),
            None if self.objects is None else change(self.objects),
        )


@dataclass(frozen=True)
class FarBackground:
    """What is far from every stroke counts as background.

    Attributes:
        reach: Farthest that an object goes from its strokes, in pixels; None estimates it.
        weight: Of the mean over what is farther, beside the mean over what was drawn.
    """

    reach: float | None
    weight: float


class Supervision(Protocol):
    """Turns the labels of a case into its target.

    Attributes:
        channels: Names of the channels of a target.
        of_tissue: Whether a target of a slide speaks of its tissue alone.
        coarse: Whether its targets say in which box a sample lies, and not whether in the object.
        far: What is assumed far from all that was drawn; None for nothing.
        grows: Whether `seen` tells more than `target`: the image shows how far objects go.
    """

    channels: tuple[str, ...]
    of_tissue: bool = False
    coarse: bool = False
    far: FarBackground | None = None
    grows: bool = False

    def target(self, case: Case, geometry: Geometry, region: Region | None = None) -> Target:
        """Target of ``case`` on ``geometry``, or of one region of it.

        Raises:
            LabelError: If the case holds no label of the kind needed.
        """

    def seen(self, case: Case, geometry: Geometry, image: NDArray[Any]) -> Target:  # noqa: ARG002
        """Target of ``case``, whose ``image (C, *S)`` may say how far marks go; as `target`."""
        return self.target(case, geometry)

    def estimated_reach(self, case: Case, geometry: Geometry) -> float | None:  # noqa: ARG002
        """How far `seen` took objects to go from their marks, in pixels, of volumes in mm.

        None where that was stated or nothing needs it.
        """
        return None
