"""Instances in HDF5 files: pixels or features, one row an instance.

Our own files hold ``features (N, D)`` or ``pixels (N, C, H, W)`` and, for tiles, ``coords (N, 2)``.
The features that CLAM (``features``), TRIDENT (``features``, perhaps with a leading 1) and STAMP
(``feats``) write are read as they are. One vector ``(D,)`` for a whole slide is one instance.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
from numpy.typing import NDArray

from inklings.errors import DataError, ReaderError
from inklings.files import written

NAMES = ("features", "pixels", "feats")
SUFFIXES = (".h5", ".hdf5")
_BLOCK_BYTES = 32 * 2**20
_MOST_PACKED = 1100  # what the filters of HDF5 can at most shrink by

Form = Literal["rows", "led", "vector", "squeezed"]
"""How instances lie in a dataset: ``(N, ...)``, ``(1, N, D)``, ``(D,)``, or with axes of one."""


@dataclass(frozen=True)
class Span:
    """Rows ``start`` to ``stop`` of one file."""

    path: Path
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class BagFileHead:
    """What a file holds, known without reading it.

    Attributes:
        count: Instances.
        shape: Of one: ``(D,)`` or ``(C, H, W)``.
        dtype: Of the numbers.
        attributes: Encoder, spacing, size: whatever its writer noted.
        name: Of the dataset.
        form: How the instances lie in it.
        places: What its writer noted of the places.
    """

    count: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    attributes: Mapping[str, Any]
    name: str = "features"
    form: Form = "rows"
    places: Mapping[str, Any] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """Size in memory."""
        return self.count * math.prod(self.shape) * self.dtype.itemsize


def head(path: Path) -> BagFileHead:
    """What is in ``path``.

    Raises:
        ReaderError: If it is no file of instances, or of ones that nobody wrote.
    """
    with _opened(path) as file:
        name = _name(file, path)
        data = file[name]
        form = _form(data, name, path)
        shape = _shape(data.shape, form)
        _require_written(data, path)
        _require_places(file, form, shape[0], path)
        attributes = {**dict(file.attrs), **dict(data.attrs)}
        lie = dict(file["coords"].attrs) if "coords" in file else {}
        return BagFileHead(
            shape[0], shape[1:], data.dtype.newbyteorder("="), attributes, name, form, lie
        )


def read(span: Span, rows: NDArray[np.int64] | None = None) -> NDArray[Any]:
    """The instances of ``span``, ``(n, *shape)``; only ``rows`` (ascending, from 0) if given.

    Raises:
        ReaderError: If the file is damaged, has fewer rows, or holds what is no finite number.
    """
    with _opened(span.path) as file:
        name = _name(file, span.path)
        found = _rows(file[name], span, rows, _form(file[name], name, span.path))
    _require_finite(found, span, rows)
    return found


def blocks(span: Span) -> Iterator[NDArray[Any]]:
    """The instances of ``span`` in blocks of bounded size, finite or not.

    Raises:
        ReaderError: If the file is damaged or has fewer rows.
    """
    there = head(span.path)
    step = max(1, _BLOCK_BYTES // max(1, there.bytes // max(there.count, 1)))
    for first in range(span.start, span.stop, step):
        part = Span(span.path, first, min(first + step, span.stop))
        with _opened(span.path) as file:
            yield _rows(file[there.name], part, None, there.form)


def not_finite(values: NDArray[Any]) -> NDArray[np.int64]:
    """Which instances of ``(n, *shape)`` hold NaN, or are infinite in single precision."""
    if values.dtype.kind != "f" or not len(values):
        return np.zeros(0, np.int64)
    fine = np.isfinite(values)
    if values.dtype.itemsize > 4:
        fine &= np.abs(values) <= np.finfo(np.float32).max
    return np.flatnonzero(~fine.reshape(len(values), -1).all(1))


def read_coords(span: Span) -> NDArray[np.int64] | None:
    """Where the instances lie, ``(n, 2)`` as ``(y, x)``; None if the file does not say.

    Files of other tools hold ``(x, y)``: what is not marked as ours is turned.
    """
    with _opened(span.path) as file:
        name = _name(file, span.path)
        if "coords" not in file or _form(file[name], name, span.path) == "vector":
            return None
        data = file["coords"]
        if data.shape[-1] != 2 or data.dtype.kind not in "fiu":
            return None
        form: Form = "led" if data.ndim == 3 else "rows"
        found: NDArray[np.int64] = np.rint(_rows(data, span, None, form)).astype(np.int64)
        return found if file.attrs.get("coords_order") == "yx" else found[:, ::-1]


def write(
    path: Path,
    values: NDArray[Any],
    coords: NDArray[np.int64] | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> None:
    """Write instances atomically: ``(N, D)`` as features, ``(N, C, H, W)`` as pixels."""
    with written(path, durable=False) as temporary, h5py.File(temporary, "w") as file:
        file.create_dataset("features" if values.ndim == 2 else "pixels", data=values)
        if coords is not None:
            file.create_dataset("coords", data=coords.astype(np.int64))
            file.attrs["coords_order"] = "yx"
        file.attrs.update(dict(attributes or {}))


def is_bag_file(path: Path) -> bool:
    """Whether a file is called like one of instances."""
    return path.suffix.lower() in SUFFIXES


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    try:
        with h5py.File(path, "r") as file:
            yield file
    except FileNotFoundError:
        raise ReaderError(f"expected instances at {path}, but there is no such file") from None
    except (OSError, KeyError, RuntimeError) as error:
        if path.is_file() and not path.stat().st_size:
            raise ReaderError(f"{path}: expected an HDF5 file of instances, got 0 bytes") from None
        reason = " ".join(str(error).split())
        raise ReaderError(f"{path}: expected an HDF5 file of instances, got: {reason}") from None


def _name(file: h5py.File, path: Path) -> str:
    held = [name for name in NAMES if name in file and isinstance(file[name], h5py.Dataset)]
    if {"features", "feats"} <= {*held}:
        raise ReaderError(
            f"{path}: expected one dataset of features, got 'features' and 'feats'; keep the one "
            "that is meant"
        )
    if held:
        return held[0]
    came = ", ".join(f"{n} (a group)" if isinstance(file[n], h5py.Group) else n for n in file)
    raise ReaderError(f"{path}: expected a dataset called {', '.join(NAMES)}, got {came or 'none'}")


def _form(data: h5py.Dataset, name: str, path: Path) -> Form:
    """How instances lie in a dataset, by its axes.

    Raises:
        ReaderError: If that cannot be told, or it holds no real numbers.
    """
    if data.dtype.kind not in "fiu" or data.shape is None:
        came = data.dtype if data.shape is not None else "nothing at all"
        raise ReaderError(f"{path}: expected numbers in {name!r}, got {came}")
    axes = data.shape
    if 0 in axes[1:]:
        raise ReaderError(f"{path}: expected instances of some length in {name!r}, got {axes}")
    if name == "pixels" and len(axes) == 4:
        return "rows"
    if name != "pixels" and len(axes) == 1 and axes[0]:
        return "vector"
    if name != "pixels" and len(axes) == 2:
        return "rows"
    if name != "pixels" and len(axes) == 3 and axes[0] == 1:
        return "led"
    if name != "pixels" and len(axes) > 2 and sum(size != 1 for size in axes[1:]) <= 1:
        return "squeezed"
    wanted = "(N, C, H, W)," if name == "pixels" else "(N, D), one row an instance,"
    raise ReaderError(f"{path}: expected {name!r} of shape {wanted} got {axes}")


def _shape(axes: tuple[int, ...], form: Form) -> tuple[int, ...]:
    if form == "vector":
        return 1, int(axes[0])
    if form == "led":
        return int(axes[1]), int(axes[2])
    if form == "squeezed":
        return int(axes[0]), math.prod(map(int, axes[1:]))
    return tuple(map(int, axes))


def _require_written(data: h5py.Dataset, path: Path) -> None:
    """A writer that was killed leaves a shape, and zeros that nobody measured."""
    if data.is_virtual or data.external or not data.size:
        return
    stored, whole = data.id.get_storage_size(), data.size * data.dtype.itemsize
    packed = data.compression is not None or data.id.get_create_plist().get_nfilters() > 0
    if stored * (_MOST_PACKED if packed else 1) < whole:
        raise ReaderError(
            f"{path}: expected {whole} bytes of instances, got {stored}; its writer was stopped, "
            "make it again"
        )


def _require_places(file: h5py.File, form: Form, count: int, path: Path) -> None:
    if form == "vector" or "coords" not in file or not isinstance(file["coords"], h5py.Dataset):
        return
    axes: tuple[int, ...] = file["coords"].shape or (0,)
    places = axes[1] if len(axes) == 3 and axes[0] == 1 else axes[0]
    if places != count:
        raise ReaderError(f"{path}: expected a place for each of {count} instances, got {places}")
    if file["coords"].dtype.kind == "f" and not np.isfinite(file["coords"][()]).all():
        raise ReaderError(f"{path}: expected places of instances, got NaN or infinity in 'coords'")


def _rows(
    data: h5py.Dataset, span: Span, rows: NDArray[np.int64] | None, form: Form
) -> NDArray[Any]:
    count = _shape(data.shape, form)[0]
    if span.stop > count:
        raise ReaderError(f"{span.path}: expected {span.stop} instances, got {count}")
    where = slice(span.start, span.stop) if rows is None else rows + span.start
    if form == "vector":
        values: NDArray[Any] = data[()][None][where]
    else:
        values = data[0, where] if form == "led" else data[where]
    if form == "squeezed":
        values = values.reshape(len(values), -1)
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def _require_finite(values: NDArray[Any], span: Span, rows: NDArray[np.int64] | None) -> None:
    wrong = not_finite(values)
    if len(wrong):
        first = int(wrong[0] if rows is None else rows[wrong[0]]) + span.start + 1
        raise DataError(
            f"{span.path}, row {first}: expected finite numbers, got NaN or infinity in "
            f"{len(wrong)} of {len(values)} instances; make the file again, or leave it out"
        )
