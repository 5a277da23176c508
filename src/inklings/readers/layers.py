"""Structures that were drawn apart, laid upon each other as one code a sample.

Where several lie on one sample, one of them counts: the smaller structure, which is drawn within
the larger one, or, where an order is asked for, the one that is named later. How many samples that
decided is never left unsaid.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.unsignedinteger[Any]]
"""uint8, or uint16 where there are more than 254 of them."""


@dataclass(frozen=True, slots=True)
class Remark:
    """What was dropped or guessed on the way: kind, words and count of a finding."""

    kind: str
    text: str
    count: int = 1


@dataclass
class Layers:
    """Masks of one grid, gathered by class, to be laid upon each other; kept as bits.

    Attributes:
        shape: Of the grid.
        sizes: Code of a class, from 1 up, to its number of samples.
    """

    shape: tuple[int, ...]
    sizes: dict[int, int] = field(default_factory=dict)
    _bits: dict[int, NDArray[np.uint8]] = field(default_factory=dict, repr=False)

    def add(self, code: int, mask: NDArray[np.bool_]) -> None:
        """Add a part of the structure ``code``; several parts of one are united."""
        whole = mask if code not in self._bits else mask | self.mask(code)
        self._bits[code] = np.packbits(whole)
        self.sizes[code] = int(np.count_nonzero(whole))

    def mask(self, code: int) -> NDArray[np.bool_]:
        """``(*shape)``, where ``code`` was drawn."""
        flat = np.unpackbits(self._bits[code], count=math.prod(self.shape))
        return flat.reshape(self.shape).astype(np.bool_)

    def laid(self, names: Mapping[int, str], ordered: bool = False) -> tuple[Codes, list[Remark]]:
        """Codes ``(*shape)``, and what is to be said of them.

        Args:
            names: Of the codes.
            ordered: Higher codes lie on top; else smaller structures do.
        """
        codes, both = laid(self.shape, self.mask, sorted_by(self.sizes, ordered))
        left = np.bincount(codes.ravel(), minlength=max(names, default=0) + 1)
        words = [f"{names[low]} under {names[top]} {n}" for (low, top), n in both.most_common(4)]
        how = "the order of --classes decides" if ordered else "the smaller lies on top"
        said = []
        if both:
            said.append(Remark("overlap", f"{how}: {', '.join(words)} samples", both.total()))
        said += [
            Remark("empty mask", f"{names[code]}: a segment without a single sample")
            for code, size in self.sizes.items()
            if not size
        ]
        said += [
            Remark("hidden mask", f"{names[code]}: all {size} samples lie under others")
            for code, size in self.sizes.items()
            if size and not left[code]
        ]
        return codes, said


def sorted_by(sizes: Mapping[int, int], ordered: bool) -> list[int]:
    """Codes from the one at the bottom to the one on top."""
    return sorted(sizes) if ordered else sorted(sizes, key=lambda code: (-sizes[code], code))


def laid(
    shape: tuple[int, ...], mask_of: Callable[[int], NDArray[np.bool_]], order: Sequence[int]
) -> tuple[Codes, Counter[tuple[int, int]]]:
    """One code a sample, and how often which code came to lie under which.

    A sample counts once, whatever the number of structures on it: under the first that covered it.
    """
    codes: Codes = np.zeros(shape, smallest(order))
    hidden = np.zeros(shape, np.bool_)
    both: Counter[tuple[int, int]] = Counter()
    for code in order:
        mask = mask_of(code)
        under = codes[mask & ~hidden]
        for low, count in enumerate(np.bincount(under[under > 0]).tolist()):
            if count:
                both[low, code] += count
        hidden |= mask & (codes > 0)
        codes[mask] = code
    return codes, both


def smallest(codes: Iterable[int]) -> type[np.uint8] | type[np.uint16]:
    """The type that holds these codes, and 255 or 65535 besides for what is unlabelled."""
    return np.uint8 if max(codes, default=0) < 255 else np.uint16
