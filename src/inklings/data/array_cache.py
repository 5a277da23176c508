"""Arrays of cases on disk: what was finished before an interruption is not made again."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings import progress
from inklings.data.examples import Examples
from inklings.data.packed import Named


@dataclass(frozen=True)
class ArrayCache:
    """Keeps arrays by name, mapped from files, so that memory does not grow with the cases.

    Attributes:
        folder: Where; None keeps them in memory, and nothing for the next time.
    """

    folder: Path | None = None

    @functools.cached_property
    def _named(self) -> Named:
        assert self.folder is not None
        return Named(self.folder)

    def keep(self, name: str, make: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """What ``make`` returned, now or before."""
        if self.folder is None:
            return make()
        found = self._named.get(name)
        return self._named.put(name, make()) if found is None else found

    def part(self, *told: object) -> ArrayCache:
        """A shelf of its own for what depends on ``told`` alone; other things have another."""
        if self.folder is None:
            return self
        return ArrayCache(self.folder / f"{zlib.crc32(repr(told).encode()):08x}")


def fingerprint(labels: Examples) -> int:
    """A number that changes with the names and labels of examples, if not with their pixels."""
    number = zlib.crc32(repr(list(labels.ids)).encode())
    for target in labels.targets:
        for part in (target.value, target.known):
            number = zlib.crc32(np.ascontiguousarray(part).data, number)
    return number


def by_case(examples: Examples) -> list[list[int]]:
    """Images of each case, cases in the order of their first image."""
    members: dict[str, list[int]] = {}
    for i, name in enumerate(case_names(examples)):
        members.setdefault(name, []).append(i)
    return list(members.values())


def case_names(examples: Examples) -> list[str]:
    """Case of each image."""
    return list(examples.groups or examples.ids)


def arrays_of_cases(
    examples: Examples,
    shelf: ArrayCache,
    make: Callable[[Sequence[int]], NDArray[Any]],
    what: str,
    which: Sequence[bool] | None = None,
) -> Iterator[tuple[int, NDArray[Any]]]:
    """Number of each image and what ``make`` made of it, case by case, through the shelf.

    Args:
        examples: Images.
        shelf: Of what ``make`` returns for these.
        make: From the numbers of images of one case to ``(n, ...)``.
        what: In words, for the progress.
        which: Images that are wanted; None for all.
    """
    cases = [[i for i in mine if which is None or which[i]] for mine in by_case(examples)]
    todo = [(number, mine) for number, mine in enumerate(cases) if mine]
    for number, mine in progress.track(todo, what):
        yield from zip(mine, shelf.keep(str(number), partial(make, mine)), strict=True)
