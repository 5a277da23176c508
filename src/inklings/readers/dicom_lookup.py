"""Where a value of a DICOM file may stand: with the frame, with all frames, or in the file."""

from __future__ import annotations

import math
import struct
from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Any

Vector = tuple[float, ...]


@dataclass(frozen=True)
class Look:
    """Looks values up for one frame.

    Attributes:
        said: What the file says, by keyword (`spoken`).
        shared: Functional groups of all frames; None where there are none.
        own: Functional groups of this frame.
    """

    said: Any
    shared: Any = None
    own: Any = None

    def get(self, group: str, word: str) -> Any:
        """The value of ``word`` in ``group``, else in the file; None where it is nowhere."""
        if group:
            for place in (self.own, self.shared):
                inner = first(place, group) if place is not None else None
                value = inner.get(word) if inner is not None else None
                if value not in (None, ""):
                    return value
        return self.said.get(word)

    def number(self, group: str, word: str) -> float | None:
        """As a finite number, the first of several."""
        return number(self.get(group, word))

    def text(self, group: str, word: str) -> str:
        """As text; values of a list between slashes."""
        value = self.get(group, word)
        if value is None:
            return ""
        listed = value if not isinstance(value, str) and hasattr(value, "__iter__") else [value]
        return "/".join(str(v).strip() for v in listed)

    def vector(self, group: str, word: str, length: int) -> Vector | None:
        """As ``length`` finite numbers."""
        value = self.get(group, word)
        if value is None or isinstance(value, str) or not hasattr(value, "__len__"):
            return None
        if len(value) != length:
            return None
        found = tuple(float(v) for v in value)
        return found if all(map(math.isfinite, found)) else None

    def private(self, creator: str, group: int, element: int) -> Any:
        """The value of a vendor's own element; None where it is not there."""
        for block in range(0x10, 0x14):
            named = self.said.get((group, block))
            if named is not None and str(named).strip().upper() == creator.upper():
                return self.said.get((group, block << 8 | element))
        return None


_UNREADABLE = (
    ValueError, TypeError, ArithmeticError, KeyError, NotImplementedError, struct.error,
    IndexError, AttributeError, EOFError,
)  # fmt: skip


def spoken(said: Any, needed: Container[object]) -> dict[Any, Any]:
    """Values of a data set by keyword, those of vendors by group and element.

    Args:
        said: Data set of pydicom.
        needed: Keywords without whose values nothing can be done; of others, what does not
            parse is left out.

    Raises:
        ValueError: If a needed value does not parse, or what pydicom raises.
    """
    from pydicom.datadict import keyword_for_tag
    from pydicom.errors import BytesLengthException

    found: dict[Any, Any] = {}
    for tag in said.keys():  # noqa: SIM118 - a data set yields elements
        try:
            element = said[tag]
            key = element.keyword or (tag.group, tag.element)
            found[key] = element.value
        except (BytesLengthException, *_UNREADABLE):
            if keyword_for_tag(tag) in needed:
                raise
    return found


def first(place: Any, word: str) -> Any:
    """The first item of a sequence; None where there is none."""
    sequence = place.get(word) if place is not None else None
    if isinstance(sequence, dict):  # a functional group, of which there is but one
        return sequence
    return sequence[0] if sequence else None


def groups_of(item: Any, needed: Container[object]) -> dict[Any, Any]:
    """Functional groups by their keyword, what each says by keyword."""
    found = spoken(item, needed)
    for key, value in found.items():
        if isinstance(value, Sequence) and len(value) and hasattr(value[0], "keys"):
            found[key] = spoken(value[0], needed)
    return found


def number(value: Any) -> float | None:
    """The first number of a value in whatever form; None where there is none that is finite."""
    if isinstance(value, bytes):
        value = _of_bytes(value)
    if value is not None and not isinstance(value, str) and hasattr(value, "__iter__"):
        value = next(iter(value), None)
    if value in (None, ""):
        return None
    found = float(value)
    return found if math.isfinite(found) else None


def whole(value: Any) -> int | None:
    """As a whole number."""
    found = number(value)
    return None if found is None else int(found)


def _of_bytes(value: bytes) -> float | str | None:
    """What a vendor's number is when its form was lost on the way: text, or one float."""
    try:
        text = value.decode("ascii").replace("\0", " ").split("\\")[0].strip()
        float(text)
    except ValueError:
        form = {4: "<f", 8: "<d"}.get(len(value))
        return float(struct.unpack(form, value)[0]) if form else None
    return text
