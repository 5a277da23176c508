"""Arrays of NumPy's zip files (``.npz``), read whole: every size and every checksum is looked at.

NumPy believes the shape that a damaged header claims, and then sees no checksum either, because
that is compared at the end of a member only.
"""

from __future__ import annotations

import ast
import math
import operator
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

_DAMAGED = (zipfile.BadZipFile, zlib.error, ValueError, KeyError, OSError, EOFError,
            NotImplementedError, RuntimeError, TypeError)  # fmt: skip
_DEFLATES = 1040  # no stream of this method makes more bytes of one
_CHUNK = 1 << 22
_LENGTHS = {(1, 0): 2, (2, 0): 4}  # bytes that say how long a header is, by the version
_LONGEST = 100_000


def read_npz(path: Path, names: Collection[str] | None = None) -> dict[str, NDArray[Any]]:
    """The arrays of a file by name; only those of ``names`` where these are given and there.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged: cut short, a checksum that differs, a shape that its bytes
            do not fill, or Python objects.
    """
    with _opened(path) as archive:
        members = {name.removesuffix(".npy"): name for name in archive.namelist()}
        wanted = members if names is None else [name for name in names if name in members]
        arrays = {}
        for name in wanted:
            info = archive.getinfo(members[name])
            if info.file_size > _DEFLATES * (info.compress_size + 1):
                raise ValueError(f"{info.compress_size} bytes cannot hold {info.file_size}")
            with archive.open(info) as file:
                arrays[name] = read_npy(file, info.file_size)
        return arrays


def shape_in(path: Path, name: str) -> tuple[int, ...]:
    """Shape of an array of a file, of which no value is read.

    Raises:
        FileNotFoundError, ValueError: As `read_npz`.
    """
    with _opened(path) as archive, archive.open(f"{name}.npy") as file:
        return _header(file)[0]


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (FileNotFoundError, PermissionError):
        raise
    except _DAMAGED as error:
        raise ValueError(" ".join(str(error).split()) or type(error).__name__) from None


def read_npy(file: IO[bytes], size: int) -> NDArray[Any]:
    """One array from a stream of ``size`` bytes, to its end.

    Raises:
        ValueError: If the header and the number of bytes do not fit together.
    """
    shape, fortran, dtype, start = _header(file)
    count = math.prod(shape)
    if dtype.hasobject:
        raise ValueError("objects of Python, which are not opened")
    if count * dtype.itemsize != size - start:
        raise ValueError(f"{count} values of {dtype} do not fit {size - start} bytes")
    data = bytearray(size - start)
    filled = 0
    while filled < len(data):
        part = memoryview(data)[filled : filled + _CHUNK]
        got = file.readinto(part)  # type: ignore[attr-defined]
        if not got:
            raise ValueError("cut short")
        filled += got
    if file.read(1):  # at the end a zip file compares the checksum
        raise ValueError("longer than it says")
    array = np.frombuffer(data, dtype) if dtype.itemsize else np.zeros(count, dtype)
    return array.reshape(shape, order="F" if fortran else "C")


def require_whole(path: Path) -> None:
    """Raise ValueError unless a ``.npy`` file holds as many bytes as its header says."""
    with path.open("rb") as file:
        shape, _, dtype, start = _header(file)
    size = path.stat().st_size
    if dtype.hasobject or math.prod(shape) * dtype.itemsize != size - start:
        raise ValueError(f"an array {shape} of {dtype} does not fit {size - start} bytes")


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Shape, order, type, and where the values start.

    NumPy takes a damaged header for one of Python 2, and lets errors of a tokenizer out.
    """
    try:
        version = npy.read_magic(file)
        if version not in _LENGTHS:
            raise ValueError(f"version {version} of NumPy's format")
        size = _LENGTHS[version]
        length = int.from_bytes(file.read(size), "little")
        text = file.read(length) if length <= _LONGEST else b""
        said = ast.literal_eval(text.decode("latin-1").strip())
        shape = tuple(operator.index(n) for n in said["shape"])
        dtype, fortran = npy.descr_to_dtype(said["descr"]), said["fortran_order"]
    except (ValueError, SyntaxError, TypeError, LookupError, RecursionError, MemoryError) as error:
        raise ValueError(f"no header of an array ({' '.join(str(error).split())[:120]})") from None
    if any(n < 0 for n in shape) or not isinstance(fortran, bool):
        raise ValueError(f"no header of an array (shape {shape}, order {fortran})")
    return shape, fortran, dtype, file.tell()
