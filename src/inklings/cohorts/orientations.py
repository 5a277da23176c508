"""Which way the volumes of a cohort lie in their files, and whether they all lie alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from inklings.geometry import Geometry
from inklings.orientation import CANONICAL, oblique_degrees, orientation

MIXED = "mixed orientations"
UNKNOWN = "unknown"
_PLANES = {"S": "axial", "P": "coronal", "L": "sagittal"}
_PAIRS = {"I": "S", "A": "P", "R": "L"}
_SHOWN = 3


def orientation_text(geometry: Geometry) -> str:
    """The orientation of a volume in words, with what its three letters mean."""
    code = orientation(geometry)
    if not code:
        return "orientation: unknown, the file does not say which way it lies in the patient"
    kind = _PLANES[_PAIRS.get(code[2], code[2])]
    degrees = oblique_degrees(geometry)
    oblique = f", oblique by {degrees:.3g} degrees" if degrees > 0.1 else ""
    lean = ", leaning axes (a tilted gantry)" if geometry.leans else ""
    run = f"x, y and z run to {code[0]}, {code[1]} and {code[2]}"
    return f"orientation: {code} ({run}; {kind} planes{oblique}{lean})"


def counted(codes: Iterable[str]) -> dict[str, int]:
    """How many volumes have each orientation, most first; ``unknown`` where a file says none."""
    return dict(Counter(code or UNKNOWN for code in codes).most_common())


def mixed(codes: Mapping[str, str]) -> tuple[str, str] | None:
    """Case to begin with and what to say of a cohort whose volumes do not all lie alike.

    Args:
        codes: Orientation of the volume of each case; empty where its file says none.
    """
    counts = counted(codes.values())
    if len(counts) < 2:
        return None
    usual = next(iter(counts))
    others = [case for case, code in codes.items() if (code or UNKNOWN) != usual]
    parts = []
    for code, count in counts.items():
        mine = [case for case, own in codes.items() if (own or UNKNOWN) == code]
        names = ", ".join(mine[:_SHOWN]) + (", ..." if len(mine) > _SHOWN else "")
        parts.append(f"{code} in {count}" + (f" ({names})" if code != usual else ""))
    what = (
        "those of unknown orientation are taken as they are stored, the others turned to "
        f"{CANONICAL}"
        if UNKNOWN in counts
        else f"all are turned to {CANONICAL} when they are learnt and predicted"
    )
    text = f"volumes are stored in {len(counts)} orientations: {', '.join(parts)}; {what}"
    return others[0], text
