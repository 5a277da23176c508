"""A colour for each class, the same in every file."""

from __future__ import annotations

from collections.abc import Sequence

Colour = tuple[int, int, int]

_NAMED: dict[str, Colour] = {
    "tumour": (214, 39, 40),
    "tumor": (214, 39, 40),
    "cancer": (214, 39, 40),
    "benign": (44, 160, 44),
    "stroma": (148, 103, 189),
    "gleason 3": (255, 187, 51),
    "gleason 4": (255, 127, 14),
    "gleason 5": (214, 39, 40),
}
# Okabe and Ito (2008): told apart also by people who do not see red and green as others do.
_OTHERS: tuple[Colour, ...] = (
    (213, 94, 0), (0, 114, 178), (0, 158, 115), (204, 121, 167), (86, 180, 233), (230, 159, 0),
    (240, 228, 66),
)  # fmt: skip


def colours(classes: Sequence[str]) -> tuple[Colour, ...]:
    """One colour a class: by what it is called, otherwise by its place."""
    names = [name.lower().replace("_", " ").replace("-", " ") for name in classes]
    return tuple(_NAMED.get(n, _OTHERS[i % len(_OTHERS)]) for i, n in enumerate(names))
