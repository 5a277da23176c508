"""What lies far from every stroke, taken for background where the user says that it is.

Scribbles mark a few pixels of each object and of what is around them. A network that is told of
these alone finds organs everywhere, since nobody ever drew that there is none. Where every object
of an annotated slice carries a stroke, what is farther from all of them than objects are wide is
background. There is a hundred times as much of it as of strokes: it is learnt as a mean of its own
(`inklings.tensors.Batch`), since in one mean with them it would drown them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inklings.data.examples import Examples
from inklings.errors import LabelError
from inklings.supervision.base import FarBackground, Target

_HALF = 128
_FARTHER = 0.75
_ENOUGH = 50


@dataclass(frozen=True)
class Reach:
    """How far from its marks an object may go, and how that is known.

    Attributes:
        distance: From strokes in the plane of the slices; from points, of the median image.
        unit: ``pixels`` or ``mm``.
        source: ``stated``, or what it was estimated from.
    """

    distance: float
    unit: Literal["pixels", "mm"]
    source: str

    def said(self, supervision: str) -> str:
        """What is to be known of an estimate."""
        return (
            f"supervision {supervision}: background is what is over {self.distance:.1f} "
            f"{self.unit} from every mark of an object, estimated from {self.source}; 'reach' "
            "states it otherwise"
        )


def assumed_reach(examples: Examples) -> Reach | None:
    """How far objects were taken to go from strokes or points; None where nothing needed it.

    Raises:
        LabelError: As `reach_of`.
    """
    if examples.far is not None:
        return reach_of(examples, examples.far)
    each = examples.reaches
    if not each:
        return None
    source = "the distance from point to point, image by image"
    if min(each) < max(each):
        source += f" ({min(each):.1f} to {max(each):.1f})"
    return Reach(float(np.median(each)), "mm" if examples.volumes else "pixels", source)


def reach_of(examples: Examples, far: FarBackground) -> Reach:
    """The stated reach, or one estimated from the strokes.

    Whoever draws background strokes draws them around the objects: the distance that three quarters
    of them stay within, seen from the strokes of objects, is as far as objects were thought to go.
    Without any, the distance between strokes of different classes is asked. Slices that are
    labelled throughout hold no strokes and say nothing.

    Raises:
        LabelError: If neither says anything.
    """
    if far.reach is not None:
        return Reach(far.reach, "pixels", "stated")
    slices = [one for target in examples.targets for one in _slices(target) if not one[1].all()]
    if not slices:
        return Reach(0.0, "pixels", "every pixel is labelled")
    around: list[NDArray[np.float64]] = []
    between: list[NDArray[np.float64]] = []
    for value, known in slices:
        own = (value >= _HALF) & known
        drawn = own.any(0)
        if not drawn.any():
            continue
        around.append(ndimage.distance_transform_edt(~drawn)[known & ~drawn])
        for one in own:
            if one.any() and (drawn & ~one).any():
                between.append(ndimage.distance_transform_edt(~(drawn & ~one))[one])
    for found, source in ((around, "background strokes"), (between, "strokes of other classes")):
        distances = np.concatenate(found) if found else np.zeros(0)
        if len(distances) >= _ENOUGH:
            return Reach(float(np.quantile(distances, _FARTHER)), "pixels", source)
    raise LabelError(
        "supervision scribbles: expected strokes of background or of several classes to estimate "
        "how far objects go from their strokes, got none; say it in pixels: "
        "supervision: {name: scribbles, reach: 20}"
    )


def with_far_background(examples: Examples, reach: float) -> Examples:
    """The same examples, their targets with what is farther than ``reach`` pixels from strokes.

    A slice without any stroke was not looked at: nothing is assumed of it. One with strokes of
    background alone holds no object.
    """
    return examples.with_targets([_with_far(target, reach) for target in examples.targets])


def _with_far(target: Target, reach: float) -> Target:
    flat = [_far(value, known, reach) for value, known in _slices(target)]
    assumed = np.stack(flat).reshape(1, *target.shape)
    if len(target.known) > 1:  # of a class without any stroke nothing is assumed
        drawn = target.known.any(tuple(range(1, target.known.ndim)), keepdims=True)
        assumed = assumed & ~target.known & drawn
    return dataclasses.replace(target, assumed=assumed)


def _far(value: NDArray[np.uint8], known: NDArray[np.bool_], reach: float) -> NDArray[np.bool_]:
    if not known.any():
        return np.zeros(known.shape, np.bool_)
    drawn = (value >= _HALF).any(0) & known
    if not drawn.any():
        return ~known
    far: NDArray[np.bool_] = (ndimage.distance_transform_edt(~drawn) > reach) & ~known
    return far


def _slices(target: Target) -> Sequence[tuple[NDArray[np.uint8], NDArray[np.bool_]]]:
    """``value (K, H, W)`` and where any is known ``(H, W)``, of a picture or of each slice."""
    known = target.known_anyhow
    if known.ndim == 2:
        return [(target.value, known)]
    return [(target.value[:, z], known[z]) for z in range(len(known))]
