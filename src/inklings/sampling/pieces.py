"""Images in pieces of bounded size, and what lies around each, beyond a tile too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Box = tuple[slice, ...]


@dataclass(frozen=True)
class Piece:
    """Part of an image.

    Attributes:
        image: Number of the image.
        box: Where the piece lies in it.
    """

    image: int
    box: Box


def pieces(image: int, shape: Sequence[int], side: int) -> Iterator[Piece]:
    """All pieces of an image of ``shape``, at most ``side`` samples along each axis."""
    for corner in np.ndindex(*(-(-n // side) for n in shape)):
        ends = zip(corner, shape, strict=True)
        yield Piece(image, tuple(slice(at * side, min((at + 1) * side, n)) for at, n in ends))


@dataclass(frozen=True)
class Surroundings:
    """Images, some of which lie beside each other.

    Attributes:
        images: ``(C, *S)`` each.
        corners: ``(n, ndim)``, first sample of each tile on the grid of its case; None where
            images are not tiles, so that nothing is known of what lies beyond them.
        sizes: ``(n, ndim)`` of the images.
        beside: Numbers of all tiles of the case of each.
    """

    images: Sequence[NDArray[Any]]
    corners: NDArray[np.int64] | None
    sizes: NDArray[np.int64]
    beside: Sequence[NDArray[np.int64]]

    @classmethod
    def of(
        cls,
        images: Sequence[NDArray[Any]],
        names: Sequence[str],
        corners: Sequence[Sequence[int]],
    ) -> Self:
        """Of images of the cases ``names``; no ``corners`` where images are not tiles."""
        sizes = np.array([image.shape[1:] for image in images])
        if not corners:
            return cls(images, None, sizes, ())
        members: dict[str, list[int]] = {}
        for i, name in enumerate(names):
            members.setdefault(name, []).append(i)
        numbers = {name: np.array(mine) for name, mine in members.items()}
        return cls(images, np.array(corners), sizes, [numbers[name] for name in names])

    def cut(self, piece: Piece, margin: int) -> tuple[NDArray[Any], Box]:
        """A piece with what lies around it, and where the piece is in that.

        Beyond a tile lies what the tiles of the same case show, and its own mirror image where
        there is none; other images end where they end.
        """
        image = self.images[piece.image]
        size = image.shape[1:]
        first = [part.start - margin for part in piece.box]
        last = [part.stop + margin for part in piece.box]
        if self.corners is None:
            first = [max(at, 0) for at in first]
            last = [min(at, n) for at, n in zip(last, size, strict=True)]
        own = tuple(
            slice(part.start - at, part.stop - at)
            for part, at in zip(piece.box, first, strict=True)
        )
        inside = tuple(
            slice(max(a, 0), min(b, n)) for a, b, n in zip(first, last, size, strict=True)
        )
        seen = image[(slice(None), *inside)]
        if self.corners is None:
            return seen, own
        ends = zip(first, last, size, strict=True)
        beyond = [(max(-a, 0), max(b - n, 0)) for a, b, n in ends]
        seen = np.pad(seen, [(0, 0), *beyond], mode="symmetric")
        self._lay(seen, piece.image, first)
        return seen, own

    def _lay(self, seen: NDArray[Any], index: int, first: Sequence[int]) -> None:
        """Lay the tiles beside tile ``index`` over ``seen``, which begins at its ``first``."""
        assert self.corners is not None
        mine = self.beside[index]
        start = self.corners[mine] - self.corners[index] - np.array(first)
        stop = start + self.sizes[mine]
        within = ((start < seen.shape[1:]) & (stop > 0)).all(1) & (mine != index)
        for i, at in zip(mine[within], start[within], strict=True):
            tile = self.images[i]
            ends = list(zip(at, seen.shape[1:], tile.shape[1:], strict=True))
            there = tuple(slice(max(a, 0), min(a + n, whole)) for a, whole, n in ends)
            here = tuple(slice(max(-a, 0), min(whole - a, n)) for a, whole, n in ends)
            seen[(slice(None), *there)] = tile[(slice(None), *here)]
