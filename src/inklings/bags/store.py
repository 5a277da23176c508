"""Instances in HDF5 files: pixels or features, one row an instance.

Our own files hold ``features (N, D)`` or ``pixels (N, C, H, W)`` and, for tiles, ``coords (N, 2)``.
The features that CLAM (``features``), TRIDENT (``features``, perhaps with a leading 1) and STAMP
(``feats``) write are read as they are.

The rows of a bag are one file (the tiles of a slide), several (the slides of a patient), or a
range of one file (a thousand small bags), which the fact ``rows`` of the case then gives.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from inklings.cases.case import Case
from inklings.errors import DataError
from inklings.files import written

NAMES = ("features", "pixels", "feats")
ROWS = "rows"


@dataclass(frozen=True)
class Span:
    """Rows ``start`` to ``stop`` of one file."""

    path: Path
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class Head:
    """What a file holds, known without reading it.

    Attributes:
        count: Instances.
        shape: Of one: ``(D,)`` or ``(C, H, W)``.
        dtype: Of the numbers.
        attributes: Encoder, spacing, size: whatever its writer noted.
    """

    count: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    attributes: Mapping[str, Any]

    @property
    def bytes(self) -> int:
        """Size in memory."""
        return self.count * math.prod(self.shape) * self.dtype.itemsize


def head(path: Path) -> Head:
    """What is in ``path``.

    Raises:
        DataError: If it is no file of instances.
    """
    with _opened(path) as file:
        data = file[_name(file, path)]
        shape = data.shape[1:] if _leads(data) else data.shape
        names = {**dict(file.attrs), **dict(data.attrs)}
        return Head(int(shape[0]), tuple(map(int, shape[1:])), data.dtype, names)


def read(span: Span, rows: NDArray[np.int64] | None = None) -> NDArray[Any]:
    """The instances of ``span``, ``(n, *shape)``; only ``rows`` (ascending, from 0) if given.

    Raises:
        DataError: If the file is damaged or has fewer rows.
    """
    with _opened(span.path) as file:
        data = file[_name(file, span.path)]
        return _rows(data, span, rows)


def read_coords(span: Span) -> NDArray[np.int64] | None:
    """Where the instances lie, ``(n, 2)`` as ``(y, x)``; None if the file does not say.

    Files of other tools hold ``(x, y)``: what is not marked as ours is turned.
    """
    with _opened(span.path) as file:
        if "coords" not in file:
            return None
        found: NDArray[np.int64] = np.rint(_rows(file["coords"], span, None)).astype(np.int64)
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


def spans(case: Case) -> tuple[Span, ...]:
    """Where the instances of a case lie.

    Raises:
        DataError: If there are none, or the case does not say it well.
    """
    asked = case.facts.get(ROWS)
    found = []
    for path in case.images.values():
        if asked is None:
            found.append(Span(path, 0, head(path).count))
            continue
        try:
            start, stop = (int(number) for number in asked.split(":"))
        except ValueError:
            raise DataError(
                f"case {case.id}: expected rows as start:stop, got {asked!r}; import it again"
            ) from None
        found.append(Span(path, start, stop))
    if not sum(map(len, found)):
        raise DataError(f"case {case.id}: expected at least one instance in its bag, got none")
    return tuple(found)


def is_bag(case: Case) -> bool:
    """Whether a case is a bag of instances rather than an image."""
    return bool(case.images) and all(
        path.suffix.lower() in (".h5", ".hdf5") for path in case.images.values()
    )


def common_shape(cases: Sequence[Case]) -> tuple[int, ...]:
    """Shape of an instance, the same in every file.

    Raises:
        DataError: If files differ.
    """
    paths = dict.fromkeys(path for case in cases for path in case.images.values())
    shapes: dict[tuple[int, ...], Path] = {}
    for path in paths:
        shapes.setdefault(head(path).shape, path)
    if len(shapes) != 1:
        what = ", ".join(f"{shape} in {path.name}" for shape, path in shapes.items())
        raise DataError(f"expected instances of one shape, got {what or 'no files'}")
    return next(iter(shapes))


def _opened(path: Path) -> h5py.File:
    try:
        return h5py.File(path, "r")
    except FileNotFoundError:
        raise DataError(f"expected instances at {path}, but there is no such file") from None
    except OSError as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: expected an HDF5 file of instances, got: {reason}") from None


def _name(file: h5py.File, path: Path) -> str:
    for name in NAMES:
        if name in file:
            return name
    raise DataError(
        f"{path}: expected a dataset called {', '.join(NAMES)}, got {', '.join(file) or 'none'}"
    )


def _leads(data: h5py.Dataset) -> bool:
    return bool(data.ndim == 3 and data.shape[0] == 1)


def _rows(data: h5py.Dataset, span: Span, rows: NDArray[np.int64] | None) -> NDArray[Any]:
    count = data.shape[1] if _leads(data) else data.shape[0]
    if span.stop > count:
        raise DataError(f"{span.path}: expected {span.stop} instances, got {count}")
    where = slice(span.start, span.stop) if rows is None else rows + span.start
    values: NDArray[Any] = data[0, where] if _leads(data) else data[where]
    return values
