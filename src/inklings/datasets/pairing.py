"""Which mask belongs to which image, by their names.

The rule: a mask belongs to the image of the same name, whatever the suffix of the file; endings
such as ``_mask`` and ``_image`` do not count. Where a name occurs in several folders, the path
below the fixed part of the pattern is compared instead of the name alone.
"""

from __future__ import annotations

import glob
import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from inklings.datasets.pictures import SUFFIXES
from inklings.errors import DataError

_ENDINGS = re.compile(
    r"(?<=.)[_-](masks?|segs?|segmentations?|labels?|gt|truth|annotations?|images?|img)$", re.I
)


@dataclass(frozen=True, slots=True)
class Pair:
    """An image and, if there is one, its mask.

    Attributes:
        id: Of the case, made from the name.
        place: Path of the image below the fixed part of the pattern, with ``/``.
    """

    id: str
    place: str
    image: Path
    mask: Path | None

    @property
    def stamp(self) -> str:
        """Sizes and times of the files."""
        stats = [path.stat() for path in (self.image, self.mask) if path]
        return " ".join(f"{stat.st_size}.{stat.st_mtime_ns}" for stat in stats)


def root_of(pattern: str) -> Path:
    """The fixed part of a pattern: the folder above its first wildcard."""
    path = Path(pattern)
    if path.is_dir():
        return path
    fixed = []
    for part in path.parts[:-1]:
        if glob.has_magic(part):
            break
        fixed.append(part)
    return Path(*fixed)


def matching(pattern: str, what: str, suffixes: tuple[str, ...] = SUFFIXES) -> list[Path]:
    """The files that match a pattern (or lie in a folder), in order; by default pictures.

    Raises:
        DataError: If there are none; ``what`` says what was looked for.
    """
    wanted = os.path.join(pattern, "*") if Path(pattern).is_dir() else pattern  # noqa: PTH118
    paths = (Path(name) for name in glob.glob(wanted, recursive=True))  # noqa: PTH207
    found = sorted(p for p in paths if p.name.lower().endswith(suffixes) and p.is_file())
    if not found:
        raise DataError(
            f"expected {what} that match {pattern!r}, found none ({', '.join(suffixes)}); "
            "put the pattern in quotes"
        )
    return found


def pairs(images: str, masks: str | None, suffixes: tuple[str, ...] = SUFFIXES) -> list[Pair]:
    """All images, each with its mask if it has one.

    Raises:
        DataError: If a mask has no image, an image two masks, or two images one name.
    """
    pictures = matching(images, "images", suffixes)
    drawn = matching(masks, "masks", suffixes) if masks else []
    both = set(pictures) & set(drawn)
    if both:
        raise DataError(f"{min(both)} matches --images and --masks; make the patterns disjoint")
    by_name = _unique(pictures, images, deep=False)
    deep = by_name is None
    by_name = by_name or _unique(pictures, images, deep=True)
    if by_name is None:
        twice = Counter(_key(p, root_of(images), True) for p in pictures).most_common(1)[0][0]
        raise DataError(f"several images are called {twice!r}; rename them or narrow --images")
    owner: dict[str, Path] = {}
    for path in drawn:
        key = _key(path, root_of(masks or ""), deep)
        if key not in by_name:
            raise DataError(
                f"no image belongs to the mask {path}: expected one named {key!r} "
                f"among the {len(by_name)} images that match {images!r}"
            )
        if key in owner:
            raise DataError(
                f"two masks for the image {by_name[key].name}: {owner[key]} and {path}; "
                "narrow --masks"
            )
        owner[key] = path
    names = {key: clean_id(key) for key in by_name}
    if len(set(names.values())) < len(names):
        twice = Counter(names.values()).most_common(1)[0][0]
        raise DataError(f"several images would become case {twice!r}; rename one of them")
    root = root_of(images)
    return [
        Pair(names[key], path.relative_to(root).as_posix(), path, owner.get(key))
        for key, path in sorted(by_name.items())
    ]


def _unique(paths: list[Path], pattern: str, deep: bool) -> dict[str, Path] | None:
    found = {_key(path, root_of(pattern), deep): path for path in paths}
    return found if len(found) == len(paths) else None


def _key(path: Path, root: Path, deep: bool) -> str:
    stem = _ENDINGS.sub("", re.sub(r"\.nii$", "", path.stem))
    return (path.relative_to(root).parent / stem).as_posix() if deep else stem


def without_ending(name: str) -> str:
    """A name without an ending that says what the file is: ``_mask``, ``_image``."""
    return _ENDINGS.sub("", name)


def clean_id(key: str) -> str:
    """A case id (it names files) from any name."""
    clean = re.sub(r"[^A-Za-z0-9_.+-]", "_", key)
    return clean if re.match(r"[A-Za-z0-9_]", clean) else f"_{clean}"
