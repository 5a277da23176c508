"""From an annotation to the channels of a target, common to all kinds of supervision."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inklings.cohorts.case import Case
from inklings.cohorts.rasterise import annotate
from inklings.cohorts.region import annotate_region
from inklings.errors import LabelError
from inklings.geometry import Geometry, Region
from inklings.labels.depth import relative_depth
from inklings.labels.kinds import CaseLabel
from inklings.labels.marks import Annotation, BoxRule
from inklings.supervision.base import Supervision, Target

CORE = "core"
_CORE_DEPTH = 0.5


def channels(classes: Sequence[str], cores: bool) -> tuple[str, ...]:
    """Names of the channels of a target: the classes, then ``core`` where asked for."""
    return (*classes, CORE) if cores else tuple(classes)


class OfClasses(Supervision):
    """What kinds of supervision with one channel per class have in common.

    Attributes:
        classes: Their names.
        cores: Whether a channel of the inner half of every object follows them.
        channels: Names of all channels.
    """

    def __init__(self, classes: Sequence[str], cores: bool = False) -> None:
        self.classes = tuple(classes)
        self.cores = cores
        self.channels = channels(classes, cores)


def draw(
    case: Case,
    geometry: Geometry,
    classes: Sequence[str],
    boxes: BoxRule,
    region: Region | None = None,
) -> Annotation:
    """The annotation of the one image of ``case`` that carries labels, or of a region of it.

    Raises:
        LabelError: If none does, or several do: their grids may differ.
    """
    marked = {label.image for label in case.labels if not isinstance(label, CaseLabel)}
    if len(marked) > 1:
        raise LabelError(
            f"case {case.id}: expected labels on one image, got labels on "
            f"{', '.join(sorted(marked))}; keep those of one"
        )
    image = next(iter(marked or case.images))
    if region is not None:
        return annotate_region(case, image, geometry, region, classes, boxes)
    return annotate(case, image, geometry, classes, boxes)


def as_target(
    case: Case,
    annotation: Annotation,
    known: NDArray[np.bool_],
    classes: Sequence[str],
    cores: bool,
) -> Target:
    """One channel per class, and one of the inner half of every object where asked for.

    Args:
        case: Of a class that it does not annotate only what was drawn is known.
        annotation: What was drawn, ``(*S)``.
        known: ``(*S)``, where the learner may take it as a fact.
        classes: Names, in the order of the codes of ``annotation.category``.
        cores: Add a channel of the samples deeper than half of their object's depth, which
            do not touch where objects do. A point or a box gives the inner half of the mark.
    """
    value = np.zeros((len(classes) + cores, *known.shape), np.uint8)
    for code, channel in enumerate(value[: len(classes)], 1):
        np.equal(annotation.category, code, out=channel.view(np.bool_))
        np.negative(channel, out=channel)  # 1 becomes 255
    if cores:
        value[-1][core(annotation.objects)] = 255
    if not known.all():
        np.multiply(value, known, out=value)
    return Target(value, spoken_of(case, classes, value, known))


def spoken_of(
    case: Case, classes: Sequence[str], value: NDArray[np.uint8], known: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """``known`` as far as the case annotates its classes; of others only what was drawn is.

    Args:
        case: Says which of ``classes`` it annotates; a channel of cores is none of them.
        classes: Names of the first channels.
        value: ``(K, *S)``.
        known: ``(*S)`` or ``(K, *S)``.
    """
    spoken = case.annotated(classes)
    if all(spoken):
        return known
    every = np.array([*spoken, *[False] * (len(value) - len(spoken))])
    found: NDArray[np.bool_] = known & (every.reshape(-1, *[1] * (value.ndim - 1)) | (value > 0))
    return found


def core(objects: NDArray[np.int32]) -> NDArray[np.bool_]:
    """The inner half of every object, ``(*S)``; inner halves do not touch where objects do."""
    inner: NDArray[np.bool_] = relative_depth(objects) > _CORE_DEPTH
    return inner
