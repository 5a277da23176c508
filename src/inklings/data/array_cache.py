"""Arrays of cases on disk: what was finished before an interruption is not made again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from inklings import progress
from inklings.cache import digest
from inklings.data.examples import Examples
from inklings.data.packed import PackedArrays, Place, checksum
from inklings.data.slices import Planes

_INDEX = "index.jsonl"
_SHOWN = 1 << 16  # values of an image that tell it from others


class ArrayCache:
    """Keeps arrays by name, mapped from files, so that memory does not grow with the cases.

    An array counts when its line in the index is whole, which is written after the array; another
    process finds it again.

    Args:
        folder: For nothing else; None keeps arrays in memory, and nothing for the next time.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self._packed: PackedArrays | None = None
        self._places: dict[str, Place] = {}
        self._bytes = 0

    def keep(self, name: str, make: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """What ``make`` returned, now or before; a damaged array is made anew, with a note."""
        if self.folder is None:
            return make()
        packed = self._packed or self._open(self.folder)
        place = self._places.get(name)
        if place is not None:
            found = packed.view(place)
            if checksum(found) == place.crc:
                return found
            progress.note(f"{self.folder}: {name} is damaged; it is made again")
        array = make()
        if _size(self.folder) != self._bytes:  # another object has written here
            packed = self._open(self.folder)
        place = packed.add(array)
        with (self.folder / _INDEX).open("a", encoding="utf-8") as file:
            file.write(json.dumps([name, *place]) + "\n")
        self._places[name], self._bytes = place, _size(self.folder)
        return packed.view(place)

    def part(self, *told: object) -> ArrayCache:
        """One of its own for what depends on ``told`` alone (`inklings.cache.digest`)."""
        if self.folder is None:
            return self
        return ArrayCache(self.folder / digest(*told))

    def _open(self, folder: Path) -> PackedArrays:
        self._places = _places(folder / _INDEX)
        self._bytes = _size(folder)
        self._packed = PackedArrays(folder, tuple(self._places.values()))
        return self._packed


def _size(folder: Path) -> int:
    index = folder / _INDEX
    return index.stat().st_size if index.exists() else 0


def _places(index: Path) -> dict[str, Place]:
    if not index.exists():
        return {}
    text = index.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:  # killed within a line
        with index.open("r+", encoding="utf-8") as file:
            file.truncate(len(whole.encode()))
    lines = map(json.loads, whole.splitlines())
    return {
        name: Place(file, start, tuple(shape), dtype, crc)
        for name, file, start, shape, dtype, crc in lines
    }


def fingerprint(labels: Examples) -> str:
    """Changes with the names and labels of examples and with their pixels.

    Of an image it looks at the start, the middle and the end: all of a tile, some of a volume.
    """
    images = labels.images
    if isinstance(images, Planes):
        shown: list[object] = [images.places, images.context, *map(_some, images.volumes)]
    else:
        shown = [_some(image) for image in images]
    told = [(target.value, target.known) for target in labels.targets]
    return digest(list(labels.ids), shown, told)


def _some(image: NDArray[Any]) -> object:
    flat = image.reshape(-1)
    starts = (0, max(len(flat) - _SHOWN, 0) // 2, max(len(flat) - _SHOWN, 0))
    return [image.shape, [flat[start : start + _SHOWN] for start in dict.fromkeys(starts)]]


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
