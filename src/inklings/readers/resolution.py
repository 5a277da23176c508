"""How large a pixel of a slide is: what the file claims, and whether that can be believed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

PLAUSIBLE_UM = (0.05, 20.0)
"""From beyond any objective (200x) to below any (0.5x); 72 and 96 dpi are 353 and 265 um."""

HOW = "give it: --spacing-um when importing or to the command that asks (0.5 for a 20x scan)"


@dataclass(frozen=True)
class Claim:
    """Micrometres between pixels that some entry of a file states."""

    entry: str
    y_um: float
    x_um: float


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
        low, high = PLAUSIBLE_UM
        if all(low <= um <= high for um in (claim.y_um, claim.x_um)):
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
