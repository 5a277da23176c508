"""Images in pieces of bounded size, each with what lies around it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

Box = tuple[slice, ...]


@dataclass(frozen=True)
class Piece:
    """Part of an image.

    Attributes:
        image: Number of the image.
        box: Where the piece lies in it.
        seen: The same with a margin, as far as the image goes.
        own: Where the piece lies in what is seen.
    """

    image: int
    box: Box
    seen: Box
    own: Box


def pieces(image: int, shape: Sequence[int], side: int, margin: int) -> Iterator[Piece]:
    """All pieces of an image of ``shape``, at most ``side`` samples along each axis."""
    for corner in np.ndindex(*(-(-n // side) for n in shape)):
        box, seen, own = [], [], []
        for at, n in zip(corner, shape, strict=True):
            start, stop = at * side, min((at + 1) * side, n)
            first = max(start - margin, 0)
            box.append(slice(start, stop))
            seen.append(slice(first, min(stop + margin, n)))
            own.append(slice(start - first, stop - first))
        yield Piece(image, tuple(box), tuple(seen), tuple(own))
