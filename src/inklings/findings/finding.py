"""What a clinician counts: one place in the patient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Side = Literal["left", "right"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One place in the patient that looks like a nodule.

    Attributes:
        centre_mm: ``(x, y, z)`` in mm of the patient, as `inklings.geometry.Geometry` counts them
            (x to the left, y to the back, z to the head).
        diameter_mm: Of the ball of the same volume, or as a detector estimates it.
        nodule: Probability that it is a nodule at all.
        malignancy: Probability that the nodule is malignant; None where nobody asked.
        volume_mm3: None where only a diameter is known.
        side: Lung in which it lies; None where it is not known.
        zone: Third of that lung by height: ``upper``, ``middle`` or ``lower``; None if not known.
        picture: File of its crop, relative to the folder of the findings.
        scores: What the stages before said: ``{"candidate": 0.93}``.
    """

    centre_mm: tuple[float, float, float]
    diameter_mm: float
    nodule: float
    malignancy: float | None = None
    volume_mm3: float | None = None
    side: Side | None = None
    zone: Literal["upper", "middle", "lower"] | None = None
    picture: str | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
