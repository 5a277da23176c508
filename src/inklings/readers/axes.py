"""Which planes of a file of many become an image: channels, a stack, or one that was chosen.

Channels become channels and planes whose distance is known become a volume. Whatever else there
is several of (pages, time points, planes at unknown distances) has to be chosen, and never is
the first taken because nobody said anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.errors import ReaderError, SpecError
from inklings.readers.choice import Choice

_WORDS = {"Z": "planes in z at an unknown distance", "T": "time points", "C": "channels"}
_PAGES = "IQ"


@dataclass(frozen=True)
class Planes:
    """The planes of an image.

    Attributes:
        numbers: ``(Z, C, K)``: for each plane of the volume (one of a picture) and each channel
            the ``K`` stored planes that are put together (one, unless projected).
        is_volume: Whether the first axis is one of the image.
    """

    numbers: NDArray[np.intp]
    is_volume: bool

    def rows(self, z: int = 0) -> tuple[tuple[int, ...], ...]:
        """Of one plane, the stored planes behind each channel."""
        return tuple(tuple(int(k) for k in row) for row in self.numbers[z])


def planned(path: Path, axes: str, sizes: Sequence[int], spaced: bool, choice: Choice) -> Planes:
    """Lay the stored planes out as an image.

    Args:
        path: For messages.
        axes: Letters of the axes over the planes, in the order of storage: ``TZC``.
        sizes: Planes along each.
        spaced: Whether the distance along Z is known.
        choice: ``page`` and ``project``.

    Raises:
        ReaderError: If there are planes that nothing says what to do with.
        SpecError: If the choice names what is not there.
    """
    grid: NDArray[np.intp] = np.arange(int(np.prod(sizes, dtype=int)), dtype=np.intp)
    grid = grid.reshape(tuple(sizes))
    letters = list(axes)
    keep = "CZ" if spaced else "C"
    chosen = _pages(path, axes, sizes, spaced, choice)
    for letter, number in chosen.items():
        grid = np.take(grid, [number], letters.index(letter)).squeeze(letters.index(letter))
        letters.remove(letter)
    left = [letter for letter in letters if letter not in keep]
    if choice.project and not left and "Z" in letters:
        left, keep = ["Z"], "C"
    if len(left) > 1 or (left and not choice.project):
        raise ReaderError(_refusal(path, axes, sizes, left, spaced))
    if choice.project and not left:
        raise SpecError(f"--project {choice.project}: {path.name} has no planes left to project")
    order = [letters.index(k) if k in letters else None for k in ("Z", "C")]
    if left and left[0] == "Z":
        order[0] = None
    rest = [letters.index(k) for k in left]
    grid = grid.transpose([k for k in order if k is not None] + rest)
    depth, channels = (1 if k is None else sizes[axes.index(letters[k])] for k in order)
    volume = order[0] is not None
    return Planes(grid.reshape(depth, channels, -1), volume)


def unnamed(axes: str, spaced: bool) -> list[str]:
    """The axes that need a choice."""
    return [letter for letter in axes if letter != "C" and not (letter == "Z" and spaced)]


def _pages(
    path: Path, axes: str, sizes: Sequence[int], spaced: bool, choice: Choice
) -> Mapping[str, int]:
    """Letter of an axis to the number along it that ``--page`` names."""
    if choice.page is None:
        return {}
    named = re.findall(r"([a-zA-Z])\s*=\s*(\d+)", choice.page)
    if choice.page.strip().isdigit():
        open_ = unnamed(axes, spaced) or [k for k in axes if k == "Z"]
        if len(open_) != 1:
            raise SpecError(
                f"--page {choice.page}: {path.name} has {_counted(open_, axes, sizes)}; "
                f"say which is meant, {_example(open_)}"
            )
        named = [(open_[0], choice.page)]
    found: dict[str, int] = {}
    for letter, number in named:
        size = dict(zip(axes, sizes, strict=True)).get(letter.upper(), 0)
        if int(number) >= size:
            had = _counted(list(axes), axes, sizes) or "one plane only"
            raise SpecError(
                f"--page {choice.page}: {path.name} has {had}, counted from 0; "
                f"there is no {letter.lower()}={number}"
            )
        found[letter.upper()] = int(number)
    if not found:
        raise SpecError(f"expected --page 2 or --page z=2,t=0, got --page {choice.page}")
    return found


def _refusal(path: Path, axes: str, sizes: Sequence[int], left: list[str], spaced: bool) -> str:
    most = dict(zip(axes, sizes, strict=True))
    if len(left) == 1:
        what = f"--page 0 to --page {most[left[0]] - 1}, or --project max"
    else:
        what = _example(left)
    stack = (
        " (or give planes in z their distance in the file)" if "Z" in left and not spaced else ""
    )
    return (
        f"{path}: expected one picture, got {_counted(left, axes, sizes)} (axes {axes}YX); "
        f"say which with {what}{stack}"
    )


def _counted(letters: Sequence[str], axes: str, sizes: Sequence[int]) -> str:
    most = dict(zip(axes, sizes, strict=True))
    words = [
        f"{most[k]} {'pages' if k in _PAGES else _WORDS.get(k, f'planes along {k}')}"
        for k in letters
    ]
    return " and ".join(words)


def _example(letters: Sequence[str]) -> str:
    return "--page " + ",".join(f"{k.lower()}=0" for k in letters)


def channels_kept(path: Path, names: Sequence[str], wanted: str | None) -> tuple[int, ...]:
    """Numbers of the channels that ``--channel`` names, in its order; all where it is not given.

    Raises:
        SpecError: If one is not there.
    """
    if wanted is None:
        return tuple(range(len(names)))
    folded = [name.casefold() for name in names]
    found = []
    for word in (part.strip() for part in wanted.split(",")):
        if folded.count(word.casefold()) == 1:
            found.append(folded.index(word.casefold()))
        elif word.isdigit() and int(word) < len(names):
            found.append(int(word))
        else:
            raise SpecError(
                f"--channel {wanted}: {path.name} has the channels {', '.join(names)}, not {word!r}"
            )
    return tuple(found)


def only_kept(pixels: NDArray[Any], keep: tuple[int, ...]) -> NDArray[Any]:
    """Channels of ``(h, w, C)`` by their numbers; all of them in their order are no copy."""
    return pixels if keep == tuple(range(pixels.shape[-1])) else pixels[..., list(keep)]
