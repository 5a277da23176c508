"""What can be read of the items of a file, and of the others why not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from inklings.errors import LabelError
from inklings.labels.kinds import Ring
from inklings.labels.outlines import Outline

DAMAGED = (
    ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError,
)  # fmt: skip
"""What a document that is not as its format has it makes readers raise."""


def gathered(
    items: Iterable[Any],
    read: Callable[[Any], Iterable[Outline | str]],
    what: str,
    name: Callable[[Any], str] | None = None,
) -> tuple[list[Outline], list[str]]:
    """What can be read of the items of a file, and of the others why not, by their numbers.

    Args:
        items: Annotations, features, shapes.
        read: One of them to what it outlines, and in words what of it is no outline.
        what: An item is called.
        name: Of an item, to be told beside its number.
    """
    outlines: list[Outline] = []
    odd: list[str] = []
    for number, item in enumerate(items, 1):
        told = f"{what} {number}"
        try:
            told += f" ({name(item)})" if name else ""
            found = list(read(item))
        except LabelError as error:
            odd.append(f"{told}: {error}")
        except RecursionError:
            odd.append(f"{told}: geometries within geometries without end")
        except DAMAGED as error:
            odd.append(f"{told}: not as the format has it ({' '.join(str(error).split())})")
        else:
            for one in found:
                amiss = one if isinstance(one, str) else _amiss(one)
                if amiss:
                    odd.append(f"{told}: {amiss}")
                elif isinstance(one, Outline):
                    outlines.append(one)
    return outlines, odd


def called(name: object) -> str:
    """A class as a file has it; empty where that is null."""
    return "" if name is None else str(name)


def _amiss(one: Outline) -> str:
    """Why an outline says nothing, whatever format it is from; empty if it does."""
    if not one.name.strip():
        return "no class"
    if one.kind == "polygon" and all(_is_line(rings[0]) for rings in one.polygons):
        return "an outline that has no inside"
    return ""


def _is_line(ring: Ring) -> bool:
    """Whether all corners lie on one line, whichever way it runs."""
    y, x = ring[0]
    b, a = max(((v - y, u - x) for v, u in ring), key=lambda d: abs(d[0]) + abs(d[1]))
    return all(abs((v - y) * a - (u - x) * b) <= 1e-9 * (a * a + b * b) for v, u in ring)
