"""What single cells say: nothing, a number, yes or no."""

from __future__ import annotations

import re
from collections.abc import Sequence

MISSING = frozenset({
    "", "NA", "na", "N/A", "n/a", "N.A.", "NaN", "nan", "NAN", "-nan", "-NaN", "NULL", "null",
    "Null", "None", "<NA>", "<NaN>", "#N/A", "#NA", "#VALUE!", "#REF!", "#DIV/0!", "#NULL!", "NaT",
    "-", "--", "'--", "\u2013", "\u2014", ".", "?",
})  # fmt: skip
"""Cells that hold nothing, as pandas, R, Excel, SAS and the GDC write them."""

UNSAID = frozenset({
    "unlabelled", "unlabeled", "unknown", "missing", "not available", "not reported", "not known",
    "[not available]", "[unknown]", "[not evaluated]", "ignore",
})  # fmt: skip
"""Words (in lower case) that in a column of labels say that there is none."""

YES = frozenset({
    "1", "yes", "y", "true", "t", "positive", "pos", "+", "present", "ja", "wahr", "oui", "vrai",
})  # fmt: skip
NO = frozenset({
    "0", "no", "n", "false", "f", "negative", "neg", "absent", "nein", "falsch", "non", "faux",
})  # fmt: skip

_POINT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.A)
_COMMA = re.compile(r"[+-]?(\d+,?\d*|,\d+)([eE][+-]?\d+)?", re.A)
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")


def is_missing(cell: str) -> bool:
    """Whether a cell holds nothing."""
    return cell in MISSING


def number(cell: str, decimal: str = ".") -> float | None:
    """The number that a cell is, or None: thousands, dates, units and words are none.

    Args:
        cell: As it stands there.
        decimal: ``.`` or ``,``.
    """
    plain = cell.replace("\u2212", "-")
    if not (_POINT if decimal == "." else _COMMA).fullmatch(plain):
        return None
    return float(plain.replace(",", "."))


def decimal_of(cells: Sequence[str]) -> str | None:
    """``,`` where numbers have a decimal comma, ``.`` where not; None where it cannot be known.

    ``1,234`` alone may be a thousand or a fraction: another cell such as ``0,5`` has to tell.
    """
    with_comma = [cell for cell in cells if "," in cell and _COMMA.fullmatch(cell)]
    if not with_comma:
        return "."
    return None if all(map(_THOUSANDS.fullmatch, with_comma)) else ","


def truth(cell: str) -> bool | None:
    """Yes or no, or None if it says neither."""
    said = cell.lower()
    return True if said in YES else False if said in NO else None


def whole(cell: str) -> str:
    """``1.0`` and ``1,00`` as ``1``: what a column of whole numbers with gaps becomes in pandas."""
    found = re.fullmatch(r"\+?(-?\d+)[.,]0*", cell)
    return found[1] if found else cell[1:] if re.fullmatch(r"\+\d+", cell) else cell
