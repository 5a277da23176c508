"""What a clinician counts: one place in the patient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Attribute = float | str


@dataclass(frozen=True, slots=True)
class Finding:
    """One place in the patient that looks like something.

    Attributes:
        name: What it looks like: a class.
        score: In [0, 1] that it is one at all; it ranks, and need not be a probability.
        centre_mm: ``(x, y, z)`` in mm of the patient, as `inklings.geometry.Geometry` counts them
            (x to the left, y to the back, z to the head).
        diameter_mm: Of the ball of the same volume, or as a detector estimates it.
        attributes: What else is known, numbers and words, with the unit in the name:
            ``volume_mm3``, ``malignancy_probability``, ``organ``, ``side`` (``left``, ``right``),
            ``zone``, ``picture`` (file of its crop, relative to the folder of the findings), and
            what the stages before said: ``detector_score``.
    """

    name: str
    score: float
    centre_mm: tuple[float, float, float]
    diameter_mm: float
    attributes: Mapping[str, Attribute] = field(default_factory=dict)

    def number(self, name: str) -> float | None:
        """An attribute that is a number; None where it is not known."""
        value = self.attributes.get(name)
        return None if value is None or isinstance(value, str) else float(value)

    def word(self, name: str) -> str | None:
        """An attribute that is a word; None where it is not known."""
        value = self.attributes.get(name)
        return value if isinstance(value, str) else None
