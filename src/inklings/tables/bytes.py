"""From the bytes of a file to the text of a table: containers, encodings."""

from __future__ import annotations

import codecs
import gzip
import io
import re
import zipfile
import zlib
from pathlib import Path

from inklings.errors import DataError

MOST_BYTES = 2**31
"""Larger tables are refused, packed or not."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NO_TEXT = (
    (b"\xd0\xcf\x11\xe0", "an Excel workbook (.xls)"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"%PDF", "a PDF"),
    (b"\x93NUMPY", "a NumPy array"),
)
_BROKEN = (
    zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, OSError, OverflowError,
)  # fmt: skip
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")


def content(path: Path) -> bytes:
    """All bytes of a table, unpacked where it is packed (gzip, or a zip of one file).

    Raises:
        DataError: If there is no such file, it is damaged, or holds something else than a table.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise DataError(f"{path}: expected a table below {_gib()}, got {path.stat().st_size}")
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"expected a table at {path}: {error.strerror}") from None
    if data.startswith(b"\x1f\x8b"):
        return _gunzipped(path, data)
    if data.startswith(b"PK\x03\x04"):
        return _unzipped(path, data)
    for magic, what in _NO_TEXT:
        if data.startswith(magic):
            raise DataError(f"{path}: expected a table as text (CSV), got {what}; save it as CSV")
    return data


def decoded(path: Path, data: bytes) -> tuple[str, list[str]]:
    """Text of a table and what was guessed about its encoding.

    Raises:
        DataError: If it is no text.
    """
    name = next((name for mark, name in _MARKS if data.startswith(mark)), None) or _wide(data)
    notes: list[str] = []
    try:
        text = data.decode(name or "utf-8")
    except UnicodeDecodeError as error:
        if name is not None and name != "utf-8-sig":
            raise DataError(f"{path}: expected a table as text, got broken {name}") from None
        row = data.count(b"\n", 0, error.start) + 1
        try:
            if not data.decode("utf-8", "ignore").isascii():
                raise error  # UTF-8 elsewhere: a broken byte, and no other encoding
            text = data.decode("cp1252")
        except UnicodeDecodeError:
            raise DataError(
                f"{path}, row {row}: expected text in UTF-8, got byte {data[error.start]:#04x}; "
                "save the table as UTF-8"
            ) from None
        said = text.splitlines()[row - 1].strip()[:60] if row <= len(text.splitlines()) else ""
        notes.append(f"not UTF-8: read as Windows-1252 (Latin-1), row {row} as {said!r}")
    if found := _CONTROLS.search(text):
        row = text.count("\n", 0, found.start()) + 1
        raise DataError(
            f"{path}, row {row}: expected a table as text (CSV), got control character "
            f"{found[0]!r}; save it as CSV in UTF-8"
        )
    return text, notes


def _wide(data: bytes) -> str | None:
    """UTF-16 without a mark: every other byte of its first ones is zero."""
    head = data[:400]
    if len(head) < 8 or not head.count(0):
        return None
    if head[1::2].count(0) > len(head) // 3:
        return "utf-16-le"
    return "utf-16-be" if head[::2].count(0) > len(head) // 3 else None


def _gunzipped(path: Path, data: bytes) -> bytes:
    try:
        with gzip.open(io.BytesIO(data)) as file:
            found = file.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: damaged gzip file ({error})") from None
    if len(found) > MOST_BYTES:
        raise DataError(f"{path}: expected a table below {_gib()}, got more when unpacked")
    return found


def _unzipped(path: Path, data: bytes) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [m for m in archive.infolist() if not m.is_dir()]
            members = [m for m in members if not m.filename.startswith("__MACOSX/")]
            if any(m.filename in ("[Content_Types].xml", "mimetype") for m in members):
                raise DataError(
                    f"{path}: expected a table as text (CSV), got a workbook of a spreadsheet; "
                    "save the sheet as CSV in UTF-8"
                )
            if len(members) != 1 or members[0].file_size > MOST_BYTES:
                raise DataError(f"{path}: expected a zip of one table, got {len(members)} files")
            return archive.read(members[0])
    except _BROKEN as error:
        raise DataError(f"{path}: damaged zip file ({error})") from None


def _gib() -> str:
    return f"{MOST_BYTES // 2**30} GiB"
