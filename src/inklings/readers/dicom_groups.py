"""Which planes make one volume: series taken apart by tolerance, and by what they mean.

Axes that differ by rounding are the same axes. Planes of different meaning (b values, magnitude
and phase) are never one volume; planes that lie twice at the same places are several volumes if
something that the files say tells them apart.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from inklings.readers.dicom_files import Bytes, File
from inklings.readers.dicom_headers import Plane
from inklings.readers.dicom_marks import ALWAYS, WHERE_DOUBLED, Mark, label
from inklings.readers.dicom_spacing import PROJECTIONS

SAME_AXES = 1e-3
"""By how much cosines of axes may differ that count as the same; noise is below 1e-4."""
SAME_NUMBER = 1e-3
"""Share by which echo times and the like may differ that count as the same."""
_NEAR_MM = 0.01
_FULL, _TOGETHER = 0.5, 1.5


@dataclass(frozen=True)
class Part:
    """Planes of one volume, in no order yet.

    Attributes:
        said: What tells it from others of the same UID, in words; empty where it is alone.
        copies: How many files are exact copies of others, and were left out.
    """

    planes: tuple[Plane, ...]
    said: tuple[str, ...] = ()
    copies: int = 0


def parts_of(planes: Sequence[Plane]) -> list[Part]:
    """The volumes, and pictures without a place, of one series UID."""
    kept, copies = _without_copies(planes)
    shapes = _by(
        kept, lambda p: (p.coding.rows, p.coding.columns, p.coding.samples, p.about.modality)
    )
    found = []
    for same in shapes.values():
        coding, modality = same[0].coding, same[0].about.modality
        size = (f"{coding.rows} x {coding.columns} {modality}",) if len(shapes) > 1 else ()
        for axes, aligned in _by_axes(same):
            for part in _apart(tuple(aligned), (*size, *axes)):
                found.append(Part(part.planes, part.said, copies))
    return _told_apart(found)


def _by(planes: Iterable[Plane], key: Callable[[Plane], Hashable]) -> dict[Hashable, list[Plane]]:
    found: dict[Hashable, list[Plane]] = defaultdict(list)
    for plane in planes:
        found[key(plane)].append(plane)
    return found


def _without_copies(planes: Sequence[Plane]) -> tuple[list[Plane], int]:
    """Each file once, where the same instance lies there twice with the same bytes."""
    files = _by(planes, lambda p: p.sop) if planes else {}
    dropped: set[File] = set()
    with Bytes() as source:
        for same in files.values():
            names = list(dict.fromkeys(plane.file for plane in same))
            if len(names) == 1 or not same[0].sop:
                continue
            seen: set[bytes] = set()
            for file in names:
                digest = hashlib.sha256(source.read(file)).digest()
                if digest in seen:
                    dropped.add(file)
                seen.add(digest)
    return [plane for plane in planes if plane.file not in dropped], len(dropped)


def _by_axes(planes: Iterable[Plane]) -> Iterator[tuple[tuple[str, ...], list[Plane]]]:
    """Planes of the same axes, whatever their noise; how they lie, where there are several."""
    found: list[tuple[np.ndarray | None, list[Plane]]] = []
    bare = []
    for plane in planes:
        if plane.orientation is None and plane.position is not None:
            bare.append(plane)
            continue
        axes = None if plane.orientation is None else np.array(plane.orientation)
        for known, members in found:
            if axes is known is None or (
                axes is not None and known is not None and np.abs(axes - known).max() < SAME_AXES
            ):
                members.append(plane)
                break
        else:
            found.append((axes, [plane]))
    if bare and found:
        max((members for _, members in found), key=len).extend(bare)  # to be refused by name
    elif bare:
        found.append((None, bare))
    for known, members in found:
        yield ((_lie(known),) if len(found) > 1 else ()), members


def _lie(axes: np.ndarray | None) -> str:
    if axes is None:
        return "without axes"
    normal = np.abs(np.cross(axes[:3], axes[3:]))
    straight = normal.max() > 0.9
    return ("sagittal", "coronal", "axial")[int(normal.argmax())] if straight else "oblique"


def _apart(group: tuple[Plane, ...], said: tuple[str, ...]) -> Iterator[Part]:
    if all(plane.position is None for plane in group):
        yield from _pictures(group, said)
        return
    for name in ALWAYS:
        sets = _by(group, lambda p, n=name: p.marks.get(n))  # type: ignore[misc]
        if len(sets) > 1:
            for value, part in _sorted(sets):
                yield from _apart(tuple(part), (*said, label(name, value)))
            return
    yield from _volumes(group, said, WHERE_DOUBLED)


def _pictures(group: tuple[Plane, ...], said: tuple[str, ...]) -> Iterator[Part]:
    """Frames of a file, and projections, are no slices of a volume."""
    first = group[0]
    alone = first.about.modality in PROJECTIONS or any(p.coding.frames > 1 for p in group)
    files = _by(sorted(group, key=lambda p: (p.instance, str(p.file))), lambda p: p.file)
    if not alone or len(files) == 1:
        yield Part(group, said)
        return
    for place, members in enumerate(files.values(), 1):
        yield Part(tuple(members), (*said, f"image {place}"))


def _volumes(
    group: tuple[Plane, ...], said: tuple[str, ...], names: Sequence[str]
) -> Iterator[Part]:
    """Where planes lie twice at the same places, what the files say tells them apart."""
    places = _places(group)
    if len(places) == sum(plane.position is not None for plane in group):
        yield Part(group, said)
        return
    dimensions = sorted({n for p in group for n in p.marks if n.startswith("dimension")})
    named = (*names, *dimensions) if names is WHERE_DOUBLED else names
    for at, name in enumerate(named):
        sets = _by_mark(group, name)
        if len(sets) > 1 and _tells(sets, len(places)):
            for value, part in _sorted(sets):
                yield from _volumes(tuple(part), (*said, label(name, value)), named[at + 1 :])
            return
    yield from _ranked(group, said, list(places.values()))


def _by_mark(group: Iterable[Plane], name: str) -> dict[Hashable, list[Plane]]:
    """Planes by a mark; numbers that differ by rounding are one."""
    sets = _by(group, lambda p: _mark(p, name))
    found: dict[Hashable, list[Plane]] = {v: m for v, m in sets.items() if type(v) is not float}
    near: float | None = None
    for value in sorted(v for v in sets if isinstance(v, float)):
        if near is None or value - near > SAME_NUMBER * abs(value):
            near = value
        found.setdefault(near, []).extend(sets[value])
    return found


def _mark(plane: Plane, name: str) -> Mark | None:
    if name == "folder":
        return plane.file.folder
    if name == "frame of reference":
        return plane.about.frame_of_reference
    if name == "spacing":
        return None if plane.spacing is None else tuple(float(f"{v:.3g}") for v in plane.spacing)
    return plane.marks.get(name)


def _places(group: Iterable[Plane]) -> dict[Hashable, list[Plane]]:
    """Planes by where they lie along the normal."""
    placed = [plane for plane in group if plane.position is not None]
    if not placed or placed[0].orientation is None:
        return _by(placed, lambda p: p.position)
    across, down = np.array(placed[0].orientation).reshape(2, 3)
    along = np.array([plane.position for plane in placed]) @ np.cross(across, down)
    order = np.argsort(along, kind="stable")
    numbers = np.cumsum(np.diff(along[order], prepend=along[order[0]]) > _NEAR_MM)
    found: dict[Hashable, list[Plane]] = defaultdict(list)
    for index, number in zip(order, numbers, strict=True):
        found[int(number)].append(placed[index])
    return found


def _tells(sets: dict[Hashable, list[Plane]], places: int) -> bool:
    """Whether planes fall into several stacks of about all places, and not into halves of one."""
    covered = [len(_places(part)) for part in sets.values()]
    full = sum(count >= _FULL * places for count in covered)
    return full > 1 and sum(covered) >= _TOGETHER * places


def _ranked(
    group: tuple[Plane, ...], said: tuple[str, ...], places: list[list[Plane]]
) -> Iterator[Part]:
    """The first of each place, the second of each place, and so on; by time, then by number."""
    count = len(places[0]) if places else 0
    placed = all(plane.position is not None for plane in group)
    if placed and len(places) > 1 and all(len(place) == count for place in places):
        for name, key in (
            ("time", lambda p: p.marks.get("time")),
            ("part", lambda p: (p.instance, p.frame)),
        ):
            keys = [[key(plane) for plane in place] for place in places]
            if all(None not in own and len(set(own)) == count for own in keys):
                rows = [sorted(place, key=key) for place in places]
                for rank in range(count):
                    yield Part(tuple(row[rank] for row in rows), (*said, f"{name} {rank + 1}"))
                return
    yield Part(group, said)


def _sorted(sets: dict[Hashable, list[Plane]]) -> list[tuple[Mark | None, list[Plane]]]:
    values = list(sets.items())
    if all(isinstance(v, (int, float)) for v, _ in values):
        values.sort(key=lambda item: float(item[0]))  # type: ignore[arg-type]
    return values  # type: ignore[return-value]


def _told_apart(parts: list[Part]) -> list[Part]:
    """The same words twice get a number, so that each part can be chosen."""
    count: dict[tuple[str, ...], int] = defaultdict(int)
    for part in parts:
        count[part.said] += 1
    if all(number == 1 for number in count.values()):
        return parts
    seen: dict[tuple[str, ...], int] = defaultdict(int)
    out = []
    for part in parts:
        seen[part.said] += 1
        more = (f"stack {seen[part.said]}",) if count[part.said] > 1 else ()
        out.append(Part(part.planes, (*part.said, *more), part.copies))
    return out
