"""A manifest of the GDC against what lies on disk: what is missing, damaged, or not in it.

A manifest is the table that the portal gives for a download: ``id``, ``filename``, ``md5``,
``size``. The client puts each file into a folder called by its id. Sums that were made once are
kept (`inklings.cache`) under path, size and time of the file.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inklings.cache import Cache, digest
from inklings.datasets.pairing import is_data
from inklings.errors import DataError
from inklings.parallel import mapped
from inklings.tables.reading import read_table

COLUMNS = ("id", "filename", "md5", "size")
_BLOCK = 1 << 22


@dataclass(frozen=True)
class Entry:
    """One file of a manifest.

    Attributes:
        id: Of the GDC; the client calls the folder so.
        name: Of the file.
        md5: Of what it should hold, 32 small hexadecimal digits.
        size: In bytes.
    """

    id: str
    name: str
    md5: str
    size: int


@dataclass(frozen=True)
class Compared:
    """What became of the files of a manifest.

    Attributes:
        whole: Files on disk that are what the manifest says.
        damaged: Files that are not, to the reason.
        missing: Entries without a file, in order.
    """

    whole: frozenset[Path]
    damaged: Mapping[Path, str]
    missing: tuple[Entry, ...]

    def line(self, extra: int) -> str:
        """One line; ``extra`` is how many slides on disk it does not list."""
        total = len(self.whole) + len(self.damaged) + len(self.missing)
        return (
            f"manifest: {total} files: {len(self.whole)} whole, {len(self.missing)} missing, "
            f"{len(self.damaged)} damaged; {extra} slides on disk are not in it"
        )


def read_manifest(path: Path) -> tuple[Entry, ...]:
    """The entries of a manifest.

    Raises:
        DataError: If it is none, or lists a file twice.
    """
    table = read_table(path, COLUMNS)
    table.require(COLUMNS, "a manifest of the GDC has them")
    sums, sizes = table.columns["md5"], table.numbers(["size"], "bytes")[:, 0]
    for i, value in enumerate(sums):
        if len(value) != 32 or set(value.lower()) - set("0123456789abcdef"):
            raise DataError(
                f"{table.at(i, 'md5')}: expected 32 hexadecimal digits, got {value!r}; download "
                "the manifest again"
            )
    rows = zip(table.columns["id"], table.columns["filename"], sums, sizes, strict=True)
    entries = tuple(Entry(id, name, md5.lower(), int(size)) for id, name, md5, size in rows)
    name, times = Counter((one.id, one.name) for one in entries).most_common(1)[0]
    if times > 1:
        raise DataError(f"{path}: expected each file once, got {name[1]} {times} times")
    return entries


def compare(entries: Sequence[Entry], root: Path) -> Compared:
    """Look for every entry below ``root``, compare its size, then its md5.

    A file belongs to an entry if it bears its name and lies in a folder called by its id, or if
    no other file, and no other entry, bears that name.
    """
    there: dict[str, list[Path]] = {}
    for path in sorted(root.rglob("*")):
        if is_data(path.relative_to(root)) and path.is_file():
            there.setdefault(path.name, []).append(path)
    named = Counter(entry.name for entry in entries)
    found: dict[Path, Entry] = {}
    missing: list[Entry] = []
    for entry in entries:
        places = there.get(entry.name, [])
        own = [path for path in places if entry.id in path.relative_to(root).parts]
        if not own and len(places) == named[entry.name] == 1:
            own = places
        if len(own) == 1:
            found[own[0]] = entry
        else:
            missing.append(entry)
    damaged: dict[Path, str] = {}
    for path, entry in found.items():
        if (size := path.stat().st_size) != entry.size:
            damaged[path] = f"{path.name}: {size} of {entry.size} bytes"
    whole = [path.resolve() for path in found if path not in damaged]
    sums = dict(mapped(summed, whole, what="comparing md5", workers=None))
    for path, entry in found.items():
        if path not in damaged and (told := sums[path.resolve()]) != entry.md5:
            damaged[path] = f"{path.name}: md5 {told}, expected {entry.md5}"
    return Compared(frozenset(found) - set(damaged), damaged, tuple(missing))


def summed(path: Path) -> tuple[Path, str]:
    """A file and its md5, made now or kept from before."""
    stat = path.stat()

    def make() -> dict[str, np.ndarray]:
        with path.open("rb") as file:
            found = hashlib.md5(usedforsecurity=False)
            while block := file.read(_BLOCK):
                found.update(block)
        return {"md5": np.frombuffer(found.digest(), np.uint8)}

    key = digest("md5", path, stat.st_size, stat.st_mtime_ns)
    return path, Cache.shared().arrays("md5", key, make)["md5"].tobytes().hex()
