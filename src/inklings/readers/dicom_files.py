"""Files of DICOM in folders and zip archives: which lie there, and which of them are DICOM.

Names play no part beyond `DICOMDIR`: archives hand out files without suffixes. What is read of a
member of an archive is bounded by what a picture can need.
"""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self, cast

from inklings.errors import ReaderError
from inklings.system import read_at

MAGIC, MAGIC_AT = b"DICM", 128
HEAD = 512
"""Bytes of a file by which it is recognised."""
ZIP = b"PK\x03\x04"
SLIDE_CLASS = "1.2.840.10008.5.1.4.1.1.77.1.6"
SEGMENTATIONS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
"""Classes of objects that hold masks (`inklings.readers.dicom_segments`), and no image."""
SUFFIXES = (".dcm", ".ima", ".dicom")
_LARGE, _DENSE = 2**26, 250
_LONG_FORMS = (b"OB", b"OW", b"OF", b"OD", b"OL", b"OV", b"SQ", b"UC", b"UR", b"UT", b"UN")
_SHORT_FORMS = (
    b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN",
    b"SH", b"SL", b"SS", b"ST", b"TM", b"UI", b"UL", b"US",
)  # fmt: skip
_READING = (
    OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError,
    ValueError, struct.error, IndexError, KeyError,
)  # fmt: skip
"""What damaged and locked archives make `zipfile` raise."""


@dataclass(frozen=True, slots=True)
class File:
    """A file in a folder or an archive; ``name`` is relative to ``container``."""

    container: Path
    name: str

    @property
    def folder(self) -> str:
        """The innermost folder that it lies in."""
        return (self.container / self.name).parent.name

    def __str__(self) -> str:
        return self.name


def files(path: Path) -> list[File]:
    """All files under a folder, in an archive, or the one at ``path``; hidden ones are none.

    Raises:
        ReaderError: If it is an archive that cannot be read.
    """
    if path.is_dir():
        found = (p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
        return sorted((File(path, p.relative_to(path).as_posix()) for p in found), key=str)
    with path.open("rb") as file:
        if file.read(4) != ZIP:
            return [File(path.parent, path.name)]
    with _archive(path) as archive:
        names = [info.filename for info in archive.infolist() if info.filename.strip("/")]
        names = [name for name in names if not name.endswith("/")]
    shown = (n for n in names if not n.rpartition("/")[2].startswith(".") and "__MACOSX" not in n)
    return sorted((File(path, name) for name in shown), key=str)


def is_dicom(name: str, head: bytes) -> bool:
    """By the magic word, or in files without it by the first two elements.

    Args:
        name: Of the file; a ``DICOMDIR`` is a list of files and no image.
        head: Its first `HEAD` bytes.
    """
    if name.rpartition("/")[2].upper() == "DICOMDIR":
        return False
    return head[MAGIC_AT : MAGIC_AT + 4] == MAGIC or _begins_with_elements(head)


def begins_as_dicom(path: Path) -> bool:
    """Whether a file is DICOM by how it begins."""
    with path.open("rb") as stream:
        return is_dicom(path.name, stream.read(HEAD))


def is_cut_off(name: str, head: bytes) -> bool:
    """Whether a file that is not recognised was one of DICOM before it lost its beginning or end.

    Args:
        name: Of the file; without a suffix, or with one of DICOM.
        head: Its first `HEAD` bytes.
    """
    base = name.rpartition("/")[2]
    if base.upper() == "DICOMDIR" or ("." in base and not base.lower().endswith(SUFFIXES)):
        return False
    lost = len(head) <= MAGIC_AT + len(MAGIC) or not any(head[:MAGIC_AT])
    return lost and (b"\0" in head[:MAGIC_AT] or not head)


def is_slide(head: bytes) -> bool:
    """Whether the file that begins with ``head`` is a part of a whole slide."""
    return SLIDE_CLASS.encode() in head


def _begins_with_elements(head: bytes) -> bool:
    """Two elements of the first groups in rising order, as files from before 1993 begin."""
    for little in (True, False):
        at, last = 0, (0, -1)
        for _ in range(2):
            tag = _number(head, at, 2, little), _number(head, at + 2, 2, little)
            if len(head) < at + 8 or tag <= last or tag[0] not in (2, 8, 16):
                break
            form = head[at + 4 : at + 6]
            if form in _LONG_FORMS:
                length, at = _number(head, at + 8, 4, little), at + 12
            elif form in _SHORT_FORMS:
                length, at = _number(head, at + 6, 2, little), at + 8
            else:
                length, at = _number(head, at + 4, 4, little), at + 8
            if length > HEAD // 2 or length % 2:
                break
            at, last = at + length, tag
        else:
            return True
    return False


def _number(data: bytes, at: int, size: int, little: bool) -> int:
    return int.from_bytes(data[at : at + size], "little" if little else "big")


def _archive(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except _READING as error:
        raise ReaderError(
            f"{path}: expected a whole zip archive, got one that is truncated or damaged "
            f"({error}); copy it again from its source"
        ) from None


class Bytes:
    """Bytes of files; the archive and the member of it that was read last stay at hand."""

    def __init__(self) -> None:
        self._archive: zipfile.ZipFile | None = None
        self._member: tuple[File, bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._archive is not None:
            self._archive.close()
            self._archive = None

    def open(self, file: File) -> tuple[BinaryIO, int]:
        """A stream of a file, and how many bytes it has.

        Raises:
            ReaderError: If it cannot be read, or is locked.
        """
        try:
            if file.container.is_dir():
                stream = (file.container / file.name).open("rb")
                return stream, os.fstat(stream.fileno()).st_size
            archive, info = self._info(file)
            raw = cast(io.RawIOBase, archive.open(info))
            return cast(BinaryIO, io.BufferedReader(raw, 2**16)), info.file_size
        except _READING as error:
            raise _unreadable(file, error) from None

    def head(self, file: File, size: int = HEAD) -> bytes:
        """The first bytes of a file; none where it is damaged.

        Raises:
            ReaderError: If a member of an archive is locked.
        """
        try:
            stream, _ = self.open(file)
            with stream:
                return stream.read(size)
        except ReaderError:
            if file.container.is_dir():
                return b""
            raise
        except _READING:
            return b""

    def read(self, file: File, start: int = 0, size: int | None = None, needed: int = 0) -> bytes:
        """Bytes from ``start`` on, fewer than ``size`` where the file ends.

        Args:
            file: See `files`.
            start: First byte.
            size: How many; None for all.
            needed: Bytes that the file should have by its own header, if that is known.

        Raises:
            ReaderError: As `open`; also if a checksum is wrong, or a member of an archive would
                unpack to more than is needed and than pictures do.
        """
        end = None if size is None else start + size
        try:
            if file.container.is_dir():
                with (file.container / file.name).open("rb", buffering=0) as stream:
                    if size is None:
                        return stream.read()
                    return read_at(stream.fileno(), size, start)
            if self._member is None or self._member[0] != file:
                archive, info = self._info(file)
                _require_picture(info, file, needed)
                self._member = file, archive.read(info)
            return self._member[1][start:end]
        except _READING as error:
            raise _unreadable(file, error) from None

    def _info(self, file: File) -> tuple[zipfile.ZipFile, zipfile.ZipInfo]:
        if self._archive is None or self._archive.filename != str(file.container):
            self._archive = _archive(file.container)
        info = self._archive.getinfo(file.name)
        if info.flag_bits & 1:
            raise ReaderError(
                f"{file.container}: {file} is locked with a password; unpack the archive and give "
                "its folder"
            )
        return self._archive, info


def _require_picture(info: zipfile.ZipInfo, file: File, needed: int) -> None:
    most = max(_LARGE, needed + _LARGE // 64, _DENSE * info.compress_size)
    if info.file_size > most:
        raise ReaderError(
            f"{file.container}: {file} would unpack from {info.compress_size:,} to "
            f"{info.file_size:,} bytes, which no picture does; it is not opened"
        )


def _unreadable(file: File, error: BaseException) -> ReaderError:
    words = " ".join(str(error).split()) or type(error).__name__
    return ReaderError(f"{file}: cannot be read ({words}); copy it again from its source")
