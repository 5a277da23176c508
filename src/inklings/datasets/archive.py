"""Files that may lie in a folder or in a zip archive, read alike.

An archive's directory is read once, by the process that plans; an `Entry` then knows where its
bytes lie, so that the processes that convert need no directory of 20,000 names each.
"""

from __future__ import annotations

import functools
import os
import shutil
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from inklings.errors import DataError, ReaderError
from inklings.files import write_bytes, written
from inklings.progress import note
from inklings.system import open_to_read, read_at

_LOCAL_HEADER = struct.Struct("<4s22xHH")
_DEFLATES = 1040  # no stream of this method makes more bytes of one
_DAMAGED = (
    zlib.error, struct.error, EOFError, ValueError, NotImplementedError, RuntimeError, IndexError,
)  # fmt: skip
_SLACK = 256  # local headers may carry a longer extra field than the directory says


@dataclass(frozen=True, slots=True)
class Entry:
    """One file.

    Attributes:
        container: The archive, or the folder.
        name: Path within the container, with ``/``.
        size: Bytes that it takes on disk.
        stamp: Changes when the content does: CRC in an archive, time of change in a folder.
        offset: Where its local header starts in the archive; None in a folder.
        method: How the archive compressed it: 0 stored, 8 deflated.
        bytes: How many it holds, as the archive says; no more are ever made of it.
    """

    container: Path
    name: str
    size: int
    stamp: int
    offset: int | None = None
    method: int = 0
    bytes: int = 0

    @property
    def parts(self) -> tuple[str, ...]:
        """The components of ``name``."""
        return tuple(self.name.split("/"))

    def __str__(self) -> str:
        return f"{self.container.name}/{self.name}"


def read(entry: Entry) -> bytes:
    """The bytes of one file.

    Raises:
        ReaderError: If they are cut short, damaged, or compressed in an unknown way.
    """
    if entry.offset is None:
        try:
            return (entry.container / entry.name).read_bytes()
        except OSError as error:
            raise ReaderError(f"{entry}: {error.strerror}") from None
    length = os.fstat(_descriptor(entry.container)).st_size
    if not 0 <= entry.offset < length or entry.size > length:
        raise ReaderError(f"{entry}: the archive is truncated")
    guess = _LOCAL_HEADER.size + len(entry.name.encode()) + _SLACK + entry.size
    block = read_at(_descriptor(entry.container), guess, entry.offset)
    if len(block) < _LOCAL_HEADER.size:
        raise ReaderError(f"{entry}: the archive is truncated")
    _, name, extra = _LOCAL_HEADER.unpack_from(block)
    start = _LOCAL_HEADER.size + name + extra
    data = block[start : start + entry.size]
    if len(data) < entry.size:
        data = read_at(_descriptor(entry.container), entry.size, entry.offset + start)
    try:
        if entry.method == zipfile.ZIP_DEFLATED:
            data = zlib.decompressobj(-15).decompress(data, entry.bytes + 1)
    except zlib.error as error:
        raise ReaderError(f"{entry}: damaged in the archive ({error})") from None
    except MemoryError:
        raise ReaderError(f"{entry}: {entry.bytes:,} bytes are more than memory holds") from None
    if zlib.crc32(data) != entry.stamp:
        raise ReaderError(f"{entry}: damaged in the archive (its checksum differs)")
    return data


@functools.lru_cache(maxsize=8)
def _descriptor(path: Path) -> int:
    return open_to_read(path)


def entries(path: Path, scratch: Path) -> list[Entry]:
    """All files under a folder or in an archive, and in the archives therein, by name.

    Args:
        path: Folder or zip archive.
        scratch: Where archives within archives are unpacked to; never listed itself.

    Raises:
        DataError: If there is nothing at ``path``, or a file there is no zip archive.
    """
    if path.is_dir():
        found = list(_in_folder(path, scratch))
    elif path.is_file():
        found = list(_in_archive(path, scratch))
    else:
        raise DataError(f"expected a zip archive or a folder at {path}, but there is nothing")
    return sorted(found, key=lambda entry: (str(entry.container), entry.name))


def laid_out(source: Path, scratch: Path) -> Path:
    """The folder of a dataset: itself, or what is in the archives, unpacked beside the cohort.

    A folder of nothing but archives is unpacked, each into a folder of its name; archives that lie
    among other files are not looked into, which is noted. What was unpacked before is kept if its
    length and checksum are those of the archive, unpacked anew if not, and removed if the archive
    no longer has it.

    Args:
        source: Folder or archive.
        scratch: As `Dataset.items` gets it; unpacked is to ``unpacked`` beside it.

    Raises:
        DataError: If there is neither, or two files of different content would be unpacked to one
            place.
    """
    several = source.is_dir()
    if several:
        zips, plain = packed(source)
        if zips and plain:
            note(
                f"{source}: {len(zips)} archives among other files are not looked into "
                f"({zips[0].name}, ...); unpack them there, or give a folder of archives alone"
            )
        if plain or not zips:
            return source
    folder = scratch.parent / "unpacked"
    placed: dict[Path, Entry] = {}
    for entry in entries(source, scratch):
        own = folder / _of_its_own(entry.container, source) if several else folder
        path = own / Path(*[part for part in entry.parts if part not in ("..", "/", "")])
        other = placed.setdefault(path, entry)
        if (other.stamp, other.bytes) != (entry.stamp, entry.bytes):
            raise DataError(
                f"{source}: {other} and {entry} would both be unpacked to "
                f"{path.relative_to(folder)}; unpack them each into a folder of its own, and give "
                "the folder of these"
            )
        try:
            if not _holds(path, entry):
                write_bytes(path, read(entry), durable=False)
        except OSError as error:
            raise ReaderError(f"{entry}: cannot be unpacked to {folder} ({error})") from None
    for path in [path for path in folder.rglob("*") if path.is_file() and path not in placed]:
        path.unlink()  # of an earlier state of the archive, or half written by a killed process
    return folder


def _holds(path: Path, entry: Entry) -> bool:
    """Whether a file that was unpacked before is what the archive holds now."""
    if not path.is_file() or path.stat().st_size != entry.bytes:
        return False
    sum_of_all = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            sum_of_all = zlib.crc32(block, sum_of_all)
    return sum_of_all == entry.stamp


def _of_its_own(container: Path, source: Path) -> Path:
    """Where an archive is unpacked to, among others; one within another has its own name."""
    inside = container.relative_to(source) if container.is_relative_to(source) else container.name
    return Path(inside).with_suffix("")


def packed(folder: Path) -> tuple[list[Path], bool]:
    """Archives under a folder that are not extracted beside themselves; if there is more."""
    found, more = [], False
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not _is_clutter(name))
        for name in sorted(files):
            path = Path(here, name)
            if path.suffix.lower() == ".zip" and path.stem not in folders:
                found.append(path)
            elif not _is_clutter(name):
                more = True
    return found, more


def _in_folder(folder: Path, scratch: Path) -> Iterator[Entry]:
    for here, folders, files in os.walk(folder):
        folders[:] = [f for f in folders if not _is_clutter(f) and Path(here, f) != scratch.parent]
        for file in files:
            path = Path(here, file)
            if _is_clutter(file):
                continue
            if path.suffix.lower() == ".zip":
                if path.stem not in folders:  # else it has been extracted beside itself
                    yield from _in_archive(path, scratch)
                continue
            stat = path.stat()
            name = path.relative_to(folder).as_posix()
            yield Entry(folder, name, stat.st_size, stat.st_mtime_ns)


def _in_archive(path: Path, scratch: Path) -> Iterator[Entry]:
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if info.is_dir() or any(map(_is_clutter, info.filename.split("/"))):
                    continue
                if info.flag_bits & 1 or info.compress_type not in (0, zipfile.ZIP_DEFLATED):
                    raise DataError(
                        f"{path}: {info.filename} is encrypted or compressed in a rare way; "
                        "extract the archive and give the folder"
                    )
                if info.file_size > _DEFLATES * (info.compress_size + 1):
                    raise zipfile.BadZipFile(
                        f"{info.filename}: {info.compress_size} bytes cannot hold {info.file_size}"
                    )
                if info.filename.lower().endswith(".zip"):
                    yield from _in_archive(unpacked(archive, info, scratch), scratch)
                    continue
                yield Entry(
                    path,
                    info.filename,
                    info.compress_size,
                    info.CRC,
                    info.header_offset,
                    info.compress_type,
                    info.file_size,
                )
    except (zipfile.BadZipFile, *_DAMAGED) as error:
        raise DataError(
            f"expected a zip archive at {path}, got another file or one that is truncated "
            f"({error}); download it again or give the extracted folder"
        ) from None


def unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo, scratch: Path) -> Path:
    """Copy one file out of an archive into ``scratch``, unless it is there already."""
    name = info.filename.rsplit("/", 1)[-1]  # an archive may say ../ and must not be obeyed
    path = scratch / f"{info.CRC:08x}-{name}"
    if not path.is_file() or path.stat().st_size != info.file_size:
        with written(path) as temporary, archive.open(info) as source, temporary.open("wb") as to:
            shutil.copyfileobj(source, to, 1 << 20)
    return path


def _is_clutter(name: str) -> bool:
    return name == "__MACOSX" or (name.startswith(".") and name != ".")
