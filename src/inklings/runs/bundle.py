"""A run in one file: how ``model.zip`` is written, opened and checked.

A bundle is a zip of the files of a run, of a small input with its output, and of ``bundle.json``,
which holds the SHA-256 of each. Nothing in it is executed, nothing leaves the folder that it is
unpacked into, and what unpacks to more than a model can be is refused before it is written.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from inklings import __version__
from inklings.errors import DataError
from inklings.files import written
from inklings.records import read_record
from inklings.runs.weights import digest_of

INDEX = "bundle.json"
INPUT, OUTPUT = "test_input.npy", "test_output.npy"

_MOST_FILES = 64
_SMALL = 64 << 20
_DENSE = 4
"""What is larger than `_SMALL` unpacks to at most so many times its packed size: weights and
networks are hardly compressible, and are stored as they are."""
_LONGEST = 128
_BLOCK = 1 << 20
_BROKEN = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, NotImplementedError,
    ValueError, IndexError,
)  # fmt: skip
_WHEN = (1980, 1, 1, 0, 0, 0)  # the same run gives the same bytes

_opened: dict[tuple[Path, int, int], tempfile.TemporaryDirectory[str]] = {}
_sources: dict[Path, Path] = {}


@dataclass(frozen=True)
class Index:
    """``bundle.json``.

    Attributes:
        version: Of inklings that wrote it.
        task: What the run has learnt.
        sha256: Of each other file, by its name.
    """

    version: str
    task: str
    sha256: Mapping[str, str]

    @property
    def digest(self) -> str:
        """One hash of all that the bundle holds: its names, their bytes, the task."""
        said = json.dumps([self.task, sorted(self.sha256.items())])
        return hashlib.sha256(said.encode()).hexdigest()

    @classmethod
    def read(cls, folder: Path) -> Index:
        """Of an unpacked bundle.

        Raises:
            DataError: If there is none, or it is damaged.
        """
        made = "a bundle made by 'inklings bundle'"
        return read_record(cls, folder / INDEX, made, "copy the bundle again from its source")


def write_bundle(out: Path, task: str, files: Mapping[str, Path]) -> Index:
    """Write a bundle, whole or not at all.

    Args:
        out: The file.
        task: What the run has learnt.
        files: What it holds, by the name there.
    """
    index = Index(__version__, task, {name: digest_of(path) for name, path in files.items()})
    with written(out) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr(_entry(INDEX), json.dumps(asdict(index), indent=2) + "\n")
        for name, path in files.items():
            entry = _entry(name, path.stat().st_size)
            with path.open("rb") as source, zipped.open(entry, "w", force_zip64=True) as to:
                shutil.copyfileobj(source, to, _BLOCK)
    return index


def _entry(name: str, size: int = 0) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _WHEN)
    entry.compress_type = zipfile.ZIP_DEFLATED if size <= _SMALL else zipfile.ZIP_STORED
    entry.external_attr = 0o644 << 16
    return entry


def is_bundle(path: Path) -> bool:
    """Whether a run is given as a file and not as a folder."""
    return path.is_file()


def opened(path: Path) -> Path:
    """The folder of a run: ``path`` itself, or of a bundle its files, until this process ends.

    Raises:
        DataError: If a file is no bundle, or is damaged.
    """
    if not is_bundle(path):
        return path
    state = path.stat()
    key = (path.resolve(), state.st_mtime_ns, state.st_size)
    if key not in _opened:
        home = tempfile.TemporaryDirectory(prefix="inklings-")
        folder = Path(home.name) / path.stem
        unpack(path, folder)
        check(path, folder)
        _opened[key], _sources[folder] = home, path
    return Path(_opened[key].name) / path.stem


def source_of(folder: Path | None) -> Path | None:
    """Where a run was read from: of an opened bundle its file, else the folder itself."""
    return None if folder is None else _sources.get(folder, folder)


def unpack(path: Path, folder: Path) -> None:
    """Write the files of a bundle into a new folder.

    Raises:
        DataError: If it is no bundle, or holds what no bundle holds; nothing is written outside of
            the folder.
    """
    again = "copy it again from its source"
    try:
        with zipfile.ZipFile(path) as zipped:
            entries = list(_entries(path, zipped))
            folder.mkdir(parents=True)
            for entry in entries:
                left = entry.file_size
                with zipped.open(entry) as source, (folder / entry.filename).open("wb") as to:
                    while block := source.read(min(_BLOCK, left + 1)):
                        if (left := left - len(block)) < 0:
                            raise zipfile.BadZipFile(f"{entry.filename} is larger than it says")
                        to.write(block)
    except _BROKEN as error:
        words = " ".join(str(error).split())
        raise DataError(
            f"{path}: expected a bundle made by 'inklings bundle' or the folder of a run, got a "
            f"file that cannot be unpacked ({words}); {again}"
        ) from None


def _entries(path: Path, zipped: zipfile.ZipFile) -> Iterator[zipfile.ZipInfo]:
    """The files of a bundle, once all that is said of them can be."""
    entries = [entry for entry in zipped.infolist() if not entry.is_dir()]
    names = [entry.filename for entry in entries]
    if INDEX not in names:
        raise DataError(
            f"{path}: expected a bundle made by 'inklings bundle', got a zip without {INDEX}"
        )
    if len(names) > _MOST_FILES or len({name.lower() for name in names}) < len(names):
        raise DataError(
            f"{path}: expected at most {_MOST_FILES} files of different names, got {len(names)}, "
            f"{len(set(names))} of them different; it is not opened"
        )
    for entry in entries:
        name = entry.filename
        linked = (entry.external_attr >> 28) not in (0, 8)  # 8: a plain file, as Unix says it
        plain = "" != PurePosixPath(name).name == name != ".." and len(name.encode()) <= _LONGEST
        if not plain or "\\" in name or ":" in name or linked:
            raise DataError(
                f"{path}: expected plain files without a folder, got {name[:_LONGEST]!r}; it is "
                "not opened"
            )
        if entry.flag_bits & 1:
            raise DataError(f"{path}: {name} is locked with a password; give the folder of the run")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise DataError(
                f"{path}: {name} is compressed in a way that no bundle is (method "
                f"{entry.compress_type}); it is not opened"
            )
        if entry.file_size > max(_SMALL, _DENSE * entry.compress_size):
            raise DataError(
                f"{path}: {name} would unpack from {entry.compress_size:,} to "
                f"{entry.file_size:,} bytes, which no file of a run does; it is not opened"
            )
        yield entry


def check(path: Path, folder: Path) -> Index:
    """The index of an unpacked bundle, whose files are those that it was written with.

    Raises:
        DataError: If one is missing, another is there, or one has other bytes.
    """
    index = Index.read(folder)
    there = {file.name for file in folder.iterdir()} - {INDEX}
    for name in sorted(there ^ set(index.sha256)):
        said = "is not among its files" if name in index.sha256 else f"is not in its {INDEX}"
        raise DataError(f"{path}: {name} {said}; bundle the run again")
    for name, digest in index.sha256.items():
        if (found := digest_of(folder / name)) != digest:
            raise DataError(
                f"{path}: {name} is not what was bundled (SHA-256 {digest[:16]}... expected, "
                f"{found[:16]}... found); copy it again from its source, or bundle the run again"
            )
    return index
