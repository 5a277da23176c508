"""How large a pixel of a slide is: what the file claims, and whether that can be believed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

PLAUSIBLE_UM = (0.05, 20.0)
"""From beyond any objective (200x) to below any (0.5x); 72 and 96 dpi are 353 and 265 um."""

POSSIBLE_UM = (1e-4, 1e5)
"""What is believed of a program that was told the size of a pixel: from an atom to a hand."""

_PRINTED = (72, 96, 100, 120, 150, 200, 300, 600, 1200)
"""Dots per inch of screens and printers, which converters pass on as if they were measured."""

HOW = "give it: --spacing-um when importing or to the command that asks (0.5 for a 20x scan)"


@dataclass(frozen=True)
class Claim:
    """Micrometres between pixels that some entry of a file states.

    Attributes:
        told: Whether the entry exists for nothing but the size of pixels; a tag of dots per inch
            is also what a printer would like.
    """

    entry: str
    y_um: float
    x_um: float
    told: bool = False

    @property
    def is_believable(self) -> bool:
        """Whether a microscope or another instrument could have pixels like these."""
        low, high = PLAUSIBLE_UM
        sides = (self.y_um, self.x_um)
        if all(low <= um <= high for um in sides):
            return True
        low, high = POSSIBLE_UM
        printed = any(abs(um * dpi / 25_400 - 1) < 1e-3 for um in sides for dpi in _PRINTED)
        return self.told and not printed and all(low <= um <= high for um in sides)


@dataclass(frozen=True)
class Resolution:
    """The distance between pixels, or why it is not known.

    Attributes:
        spacing_mm: ``(y, x)``; None where nothing plausible is stated.
        remark: A sentence without full stop: where the number comes from, or what was found
            and not believed.
    """

    spacing_mm: tuple[float, float] | None
    remark: str


def judged(claims: Iterable[Claim]) -> Resolution:
    """The first believable claim; others are told, so that nobody wonders where they went."""
    doubted = []
    for claim in claims:
        if claim.is_believable:
            spacing = (claim.y_um / 1000, claim.x_um / 1000)
            return Resolution(spacing, f"{_um(claim)} a pixel by {claim.entry}")
        doubted.append(claim)
    if not doubted:
        return Resolution(None, "the file does not say how large a pixel is")
    said = " and ".join(f"{_um(claim)} ({claim.entry})" for claim in doubted)
    low, high = PLAUSIBLE_UM
    return Resolution(
        None,
        f"the file claims pixels of {said}, which no slide has (expected {low:g} to {high:g} um), "
        "so the pixel size is taken as unknown",
    )


def by_magnification(text: str | None) -> Iterable[Claim]:
    """What an objective usually gives: 10 um over its power (40x: 0.25 um)."""
    try:
        power = float(text or 0)
    except ValueError:
        return
    if power > 0:
        yield Claim(f"its objective of {power:g}x, usual for such scans", 10 / power, 10 / power)


def _um(claim: Claim) -> str:
    if abs(claim.y_um - claim.x_um) < 1e-6 * claim.x_um:
        return f"{claim.x_um:.4g} um"
    return f"{claim.y_um:.4g} x {claim.x_um:.4g} um"
