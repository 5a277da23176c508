"""What a clinician counts: one finding, and all findings of one scan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

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


@dataclass(frozen=True)
class Findings:
    """All findings of one scan, most probable first.

    Attributes:
        case: Id of the case.
        found: In order of `Finding.nodule`, the largest first.
        frame: Physical space of the centres (`Geometry.frame`).
        funnel: What each stage left, in order: ``{"voxels": 9_000_000, "candidates": 120, ...}``.
        facts: What made them: run, thresholds, seconds, warnings.
    """

    case: str
    found: tuple[Finding, ...]
    frame: str = ""
    funnel: Mapping[str, int] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ordered = sorted(self.found, key=lambda finding: -finding.nodule)
        object.__setattr__(self, "found", tuple(ordered))

    def __len__(self) -> int:
        return len(self.found)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.found)
