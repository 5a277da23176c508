"""The kinds of annotation, from strong to weak; records, without behaviour.

Coordinates of points and polygons are in array order, on the sample grid of the image they
annotate (of a slide: its level 0): ``(y, x)`` or ``(z, y, x)``, where a whole number is the
centre of a sample; those of boxes count from the outer corner of the first sample. What was drawn
by hand may say who drew it (``annotator``) and when (``time``, as the file has it).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Ring = tuple[tuple[float, float], ...]
Extent = Literal["complete", "partial", "positives", "correction"]
BACKGROUND = "background"
"""Name of the codes of a mask that are statements, but of none of the classes."""
IRRELEVANT = "irrelevant"
"""Name of marks on what was seen but shall count neither for nor against anybody."""
EXAMINED = "examined"
"""Name of outlines of what was looked at: outside of them nothing is known but what was drawn."""
NO_CLASS = (IRRELEVANT, EXAMINED)
"""Names of marks that say what is known, and not what is there."""


@dataclass(frozen=True, slots=True)
class MaskLabel:
    """An image of whole numbers on the grid of ``image``.

    Attributes:
        path: The file.
        image: Which of the case's images it annotates.
        kind: ``classes``: sample = index into ``classes`` plus one, 0 is background.
            ``instances``: sample = number of the object, all of class ``classes[0]``.
        classes: Names of the codes from 1 up. Several codes may have one name, and those that
            mean no class are called `BACKGROUND`, those that say nothing `IRRELEVANT`: each
            provider's codes stand as they were left.
        extent: ``complete``: every sample is a statement, also the zeros. ``positives``: zeros
            are unlabelled. ``partial``: samples equal to the largest value of the file's type
            (255 or 65535) are unlabelled, zeros are background. ``correction``: as ``partial``,
            and every statement, "nothing here" too, overrules the labels before it.
    """

    path: Path
    image: str
    kind: Literal["classes", "instances"]
    classes: tuple[str, ...]
    extent: Extent = "complete"


@dataclass(frozen=True, slots=True)
class BoxLabel:
    """An axis-aligned box around an object: from edge to edge, so 2 to 5 holds samples 2, 3, 4."""

    image: str
    name: str
    start: tuple[float, ...]
    stop: tuple[float, ...]
    annotator: str = ""
    time: str = ""


@dataclass(frozen=True, slots=True)
class PointLabel:
    """A place inside an object, with the diameter in samples where it was measured."""

    image: str
    name: str
    point: tuple[float, ...]
    diameter: float | None = None
    annotator: str = ""
    time: str = ""


@dataclass(frozen=True, slots=True)
class PolygonLabel:
    """A closed outline in the plane, the last vertex joined to the first; ``holes`` alike.

    Attributes:
        image: Which of the case's images it lies on.
        name: The class.
        vertices: Corners ``(y, x)``.
        holes: What is cut out.
        parts: Further polygons of the same object, each its outer ring and its holes.
        annotator: Who drew it, where that is known.
        time: When, as the file has it.
    """

    image: str
    name: str
    vertices: Ring
    holes: tuple[Ring, ...] = ()
    parts: tuple[tuple[Ring, ...], ...] = ()
    annotator: str = ""
    time: str = ""

    @property
    def polygons(self) -> tuple[tuple[Ring, ...], ...]:
        """All polygons of the object, each its outer ring and its holes."""
        return ((self.vertices, *self.holes), *self.parts)


@dataclass(frozen=True, slots=True)
class BallLabel:
    """A round finding in the patient: in millimetres, so that it holds on every grid.

    Attributes:
        image: Which of the case's images it was seen on.
        name: The class, or `IRRELEVANT`.
        centre_mm: ``(x, y, z)``, as `inklings.geometry.Geometry.to_points` gives them.
        diameter_mm: None where nobody measured.
        malignant: None where nobody said.
        ratings: Malignancy as each reader saw it, 1 to 5.
    """

    image: str
    name: str
    centre_mm: tuple[float, float, float]
    diameter_mm: float | None = None
    malignant: bool | None = None
    ratings: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class BagLabel:
    """Something known of the case as a whole: is ``name`` present anywhere?"""

    name: str
    present: bool


@dataclass(frozen=True, slots=True)
class ValueLabel:
    """A number of the case as a whole (an age, an expression score), in the unit of ``name``."""

    name: str
    value: float


@dataclass(frozen=True, slots=True)
class SurvivalLabel:
    """How long somebody was followed, and whether the event was seen at the end of it.

    Attributes:
        name: What is timed, ``os_months`` say, which tells the unit.
        time: From the start to the event, or to when nobody looked any more; 0 or more.
        event: False where the time is censored: the event came later, or never.
    """

    name: str
    time: float
    event: bool


CaseLabel = BagLabel | ValueLabel | SurvivalLabel
"""What is known of a case as a whole, and lies nowhere in an image."""

Label = MaskLabel | BoxLabel | PointLabel | BallLabel | PolygonLabel | CaseLabel
