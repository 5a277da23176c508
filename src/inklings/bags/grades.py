"""The order of grades: told by their names, or given."""

from __future__ import annotations

import re
from collections.abc import Sequence

from inklings.errors import SpecError

_SCALES = (
    ("none", "minimal", "mild", "moderate", "severe"),
    ("none", "very low", "low", "intermediate", "high", "very high"),
    ("negative", "low", "medium", "high"),
    ("absent", "weak", "moderate", "strong"),
    ("low", "moderate", "high"),
    ("small", "medium", "large"),
    ("normal", "benign", "borderline", "malignant"),
    ("well differentiated", "moderately differentiated", "poorly differentiated",
     "undifferentiated"),
    ("well", "moderate", "poor"),
)  # fmt: skip
_NUMBERED = re.compile(r"(\D*?)(\d+(?:[.,]\d+)?)([a-c]?\+?)")
_ROMAN = re.compile(r"(.*?\b)?(IV|V?I{1,3}|V|IX|X)([A-C]?)", re.I)
_VALUES = ("", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X")


def lowest_first(text: str) -> tuple[str, ...]:
    """Grades between commas or ``<``, as a command line has them."""
    return tuple(name.strip() for name in text.replace("<", ",").split(",") if name.strip())


def in_order(names: Sequence[str], given: Sequence[str] = ()) -> tuple[str, ...]:
    """Grades, lowest first.

    Args:
        names: Of the grades, each once.
        given: The order that was asked for; it may name more grades than there are.

    Raises:
        SpecError: If ``given`` lacks one of the names, or the names tell no order.
    """
    if given:
        return _as_given(names, given)
    for keys in (_numbers(names), _romans(names), *(_words(names, scale) for scale in _SCALES)):
        if keys is not None and len(set(keys)) == len(names):
            return tuple(name for _, name in sorted(zip(keys, names, strict=True)))
    raise SpecError(
        f"expected grades whose names tell their order (G1, G2, ... or low, intermediate, high), "
        f"got {', '.join(names)}; say it, lowest first: --order '{','.join(names)}'"
    )


def _as_given(names: Sequence[str], given: Sequence[str]) -> tuple[str, ...]:
    if len(set(given)) < len(given):
        twice = next(name for name in given if list(given).count(name) > 1)
        raise SpecError(f"--order: expected each grade once, got {twice!r} twice")
    known = {name.lower(): name for name in names}
    left = [name for name in names if name.lower() not in {g.lower() for g in given}]
    if left:
        raise SpecError(
            f"--order: expected all grades ({', '.join(names)}), got {', '.join(given)} without "
            f"{', '.join(left)}"
        )
    return tuple(known.get(name.lower(), name) for name in given)


def _numbers(names: Sequence[str]) -> list[tuple[float, str]] | None:
    """Numbers after one common beginning: ``ISUP 0``, ``G2``, ``3``, ``2+``, ``T1a``."""
    found = [_NUMBERED.fullmatch(name) for name in names]
    if not all(found) or len({m[1].lower() for m in found if m}) > 1:
        return None
    return [(float(m[2].replace(",", ".")), m[3]) for m in found if m]


def _romans(names: Sequence[str]) -> list[tuple[float, str]] | None:
    found = [_ROMAN.fullmatch(name) for name in names]
    if not all(found) or len({(m[1] or "").lower() for m in found if m}) > 1:
        return None
    return [(float(_VALUES.index(m[2].upper())), m[3].upper()) for m in found if m]


def _words(names: Sequence[str], scale: Sequence[str]) -> list[tuple[float, str]] | None:
    plain = [re.sub(r"[\s_-]+", " ", n.lower()).removesuffix(" grade").strip() for n in names]
    plain = [re.sub(r"\b(risk|grade)\b", "", name).strip() for name in plain]
    if not set(plain) <= set(scale):
        return None
    return [(float(scale.index(name)), "") for name in plain]
