"""One disk cache: results that are slow to make, under the hash of all that they were made of.

A key holds no name that could come to mean something else: it is the `digest` of the files a
result was read from (`identity`), of every option and weight that shaped it, and of the code that
made it (`recipe`). What changes has another key, and what is no longer asked for is the first to go
when the cache is full.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from inklings import __version__
from inklings.arrays import read_npz
from inklings.errors import SpecError
from inklings.files import written
from inklings.progress import note
from inklings.system import hold

FOLDER_VARIABLE = "INKLINGS_CACHE"
SIZE_VARIABLE = "INKLINGS_CACHE_GB"
GIB = 1 << 30

_DEFAULT_GB = 20.0
_SUFFIX = ".npz"
_STALE_S = 3600
_SAMPLED = 1 << 20  # bytes of an image that are looked at, besides sizes and times
_BLOCK = 1 << 16
_HEADERS = (".mhd", ".nhdr")  # text that names the files of the samples
_PAIRED = (".hdr", ".img", ".mrxs")  # the rest has the same stem

Arrays = dict[str, NDArray[Any]]


def digest(*parts: object) -> str:
    """A name, 32 hexadecimal digits, that other values do not have.

    Args:
        parts: Numbers, texts, arrays, paths, dataclasses, sections of experiments, and lists and
            mappings of these; order counts, save that of mappings.

    Raises:
        TypeError: If a part is of another kind, whose text might not say all of it.
    """
    found = hashlib.sha256()
    _feed(found, parts)
    return found.hexdigest()[:32]


def _feed(found: Any, part: object) -> None:
    if isinstance(part, np.generic):
        part = part.item()
    if isinstance(part, np.ndarray):
        found.update(f"array {part.dtype.str} {part.shape} ".encode())
        found.update(np.ascontiguousarray(part).reshape(-1).view(np.uint8).data)
    elif isinstance(part, Mapping):
        found.update(f"mapping {len(part)} ".encode())
        for name in sorted(part):
            _feed(found, name)
            _feed(found, part[name])
    elif isinstance(part, list | tuple):
        found.update(f"list {len(part)} ".encode())
        for one in part:
            _feed(found, one)
    elif dataclasses.is_dataclass(part) and not isinstance(part, type):
        names = [field.name for field in dataclasses.fields(part)]
        _feed(found, [type(part).__name__, {name: getattr(part, name) for name in names}])
    elif hasattr(part, "model_dump"):
        _feed(found, [type(part).__name__, part.model_dump(mode="json")])
    elif part is None or isinstance(part, bool | int | float | str | bytes | Path):
        text = repr(str(part) if isinstance(part, Path) else part)
        found.update(f"{type(part).__name__} {len(text)} {text} ".encode())
    else:
        raise TypeError(f"cannot make a key of {type(part).__name__}")


def identity(image: Path) -> str:
    """Changes when the files of an image do: their names below it, sizes, times and samples.

    Sizes and times alone do not tell: slices of scans are of one size, and archives give all they
    hold one time. Files of a MiB and less are read whole, larger ones at start, middle and end.

    Args:
        image: File or folder; a header stands for itself and the files that hold its samples.
    """
    files = list(files_of(image))
    block = max(min(_SAMPLED // (3 * max(len(files), 1)), _BLOCK), 1024)
    said: list[object] = []
    for path in files:
        if not path.is_file():
            said.append([path.name, None])
            continue
        stat = path.stat()
        name = path.relative_to(image.parent).as_posix()
        said.append([name, stat.st_size, stat.st_mtime_ns, _samples(path, stat.st_size, block)])
    return digest(said)


def _samples(path: Path, size: int, block: int) -> bytes:
    with path.open("rb") as file:
        if size <= 3 * block:
            return hashlib.sha256(file.read()).digest()
        found = hashlib.sha256()
        for start in (0, (size - block) // 2, size - block):
            file.seek(start)
            found.update(file.read(block))
        return found.digest()


def files_of(image: Path) -> Iterator[Path]:
    """The files that an image is read from, in order."""
    if image.is_dir():
        yield from sorted(path for path in image.rglob("*") if path.is_file())
        return
    yield image
    suffix = image.suffix.lower()
    if suffix in _HEADERS and image.is_file() and image.stat().st_size < _SAMPLED:
        text = image.read_bytes().decode("utf-8", "replace")
        beside = (path for path in image.parent.iterdir() if path.name in text)
    elif suffix in _PAIRED:
        beside = (path for path in image.parent.glob(f"{image.stem}*") if path.stem == image.stem)
    else:
        return
    for path in sorted(beside):
        if path != image:
            yield from files_of(path) if path.is_dir() else (path,)


@lru_cache(maxsize=32)
def recipe(*modules: ModuleType) -> str:
    """Changes when the code of the modules does that make a result, or this program's version."""
    return digest(__version__, [Path(str(module.__file__)).read_bytes() for module in modules])


@dataclass(frozen=True)
class Entry:
    """One result in the cache.

    Attributes:
        kind: What it is, in a word: ``scans``.
        path: Where.
        bytes: On the disk.
        used: When last, in seconds since 1970.
    """

    kind: str
    path: Path
    bytes: int
    used: float


@dataclass(frozen=True)
class Cache:
    """Results by kind and key, each in a file that is whole or not there.

    Attributes:
        folder: Where; None keeps nothing.
        limit: Bytes that all files may take together; None for no bound. The least recently used
            ones go first.
    """

    folder: Path | None = None
    limit: int | None = None

    @classmethod
    def shared(cls) -> Self:
        """The one of this user: in ``INKLINGS_CACHE``, of at most ``INKLINGS_CACHE_GB`` (20).

        Raises:
            SpecError: If the size is no number.
        """
        asked = os.environ.get(SIZE_VARIABLE) or str(_DEFAULT_GB)
        try:
            limit = int(float(asked) * GIB)
        except (ValueError, OverflowError):
            limit = -1
        if limit < 0:
            raise SpecError(f"{SIZE_VARIABLE}: expected a number of GB, got {asked!r}")
        home = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
        return cls(Path(os.environ.get(FOLDER_VARIABLE) or Path(home) / "inklings"), limit)

    def arrays(self, kind: str, key: str, make: Callable[[], Arrays]) -> Arrays:
        """What ``make`` returned, now or before.

        A damaged file is made anew, with a note; what cannot be kept is handed out all the same.

        Args:
            kind: What it is, in a word.
            key: `digest` of all that it is made of.
            make: Makes the arrays, by name.
        """
        if self.folder is None:
            return make()
        path = self.folder / kind / f"{key}{_SUFFIX}"
        try:
            found = read_npz(path)
            os.utime(path)
        except FileNotFoundError:
            pass
        except (ValueError, OSError) as error:
            note(f"cache: {path} is damaged ({error}); it is made again")
        else:
            return found
        made = make()
        try:
            self._keep(path, made)
        except OSError as error:
            _once(f"cache: nothing is kept in {self.folder} ({error.strerror or error})")
        return made

    def entries(self) -> list[Entry]:
        """All that is kept, the least recently used first."""
        if self.folder is None:
            return []
        found = []
        for path in self.folder.glob(f"*/*{_SUFFIX}"):
            try:
                stat = path.stat()
            except FileNotFoundError:  # another process was faster
                continue
            found.append(Entry(path.parent.name, path, stat.st_size, stat.st_mtime))
        return sorted((one for one in found if one.path.name[0] != "."), key=lambda one: one.used)

    def clear(self, kind: str | None = None) -> list[Entry]:
        """Remove what is kept, or what is of one kind; what was removed."""
        gone = [one for one in self.entries() if kind in (None, one.kind)]
        for one in gone:
            one.path.unlink(missing_ok=True)
        return gone

    def _keep(self, path: Path, arrays: Arrays) -> None:
        size = sum(array.nbytes for array in arrays.values())
        if self.limit is not None and size > self.limit:
            if self.limit:
                _once(f"cache: {size / GIB:.1f} GB are not kept, more than {SIZE_VARIABLE}")
            return
        with written(path, durable=False) as part, part.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        if self.limit is not None:
            self._make_room(path)

    def _make_room(self, new: Path) -> None:
        assert self.folder is not None
        assert self.limit is not None
        with locked(self.folder):
            sweep(new.parent, f".*.part{_SUFFIX}")
            entries = self.entries()
            used = sum(one.bytes for one in entries)
            for one in entries:
                if used <= self.limit:
                    return
                if one.path != new:
                    one.path.unlink(missing_ok=True)
                    used -= one.bytes
                    _once(
                        f"cache: {self.folder} is full, what was not used for longest goes "
                        f"({SIZE_VARIABLE}={self.limit / GIB:g})"
                    )


@lru_cache(maxsize=64)
def _once(text: str) -> None:
    note(text)


def sweep(folder: Path, pattern: str) -> None:
    """Remove what killed processes left half written; what is written just now is younger."""
    for path in folder.glob(pattern):
        try:
            if time.time() - path.stat().st_mtime > _STALE_S:
                path.unlink()
        except FileNotFoundError:
            continue


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One process at a time: two cannot both fill the last room, or change one thing."""
    with (folder / ".lock").open("w") as file:
        hold(file, wait=True)
        yield
