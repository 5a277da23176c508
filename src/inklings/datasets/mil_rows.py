"""Instances as rows: of a table of text or parquet, or of the arrays X, y and bag."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.arrays import read_npz
from inklings.errors import DataError, LabelError
from inklings.tables import Table, parts, read_table, told
from inklings.tables.cells import is_missing, truth, whole

_HINT = (
    "say what they are called with --bag, --label, --instance, --patient; fill or remove rows "
    "without a number; leave columns out with --ignore"
)
_OTHERS = {
    **dict.fromkeys(("patient", "patient_id", "patientid", "case_id", "subject"), "--patient"),
    **dict.fromkeys(("split", "fold", "partition"), "--split"),
    **dict.fromkeys(("instance_label", "instance", "tile_label"), "--instance"),
    **dict.fromkeys(("bag_id", "bag_name", "slide", "slide_id"), "--bag"),
    **dict.fromkeys(("bag_label", "target"), "--label"),
    **dict.fromkeys(("os_months", "survival_time", "os_time"), "--time"),
    **dict.fromkeys(("event", "os_event", "os_status", "vital_status"), "--event"),
}
_ENOUGH = 10  # rows from which on a column that counts them cannot be chance


@dataclass(frozen=True)
class Columns:
    """What the columns of a table are called; all others are features.

    Attributes:
        bag: Name of the bag, the same in all its rows.
        label: Label of the bag: 0 or 1, names of classes, or numbers in one or two columns.
        instance: Label of the instance, 0 or 1, for evaluation only; None where there is none.
        patient: Bags of one patient share a split; None where each bag is one.
        split: train, val or test; None to split later.
        ignore: Neither features nor anything else.
    """

    bag: str = "bag"
    label: tuple[str, ...] = ("label",)
    instance: str | None = None
    patient: str | None = None
    split: str | None = None
    ignore: tuple[str, ...] = ()

    @property
    def named(self) -> tuple[str, ...]:
        """The columns that are no features."""
        some = (self.instance, self.patient, self.split)
        return (self.bag, *self.label, *(name for name in some if name))


@dataclass(frozen=True)
class InstanceRows:
    """All instances, bag after bag.

    Attributes:
        features: ``(N, D)`` float32, finite.
        names: Of the ``B`` bags.
        index: ``(N,)`` which bag each instance is of.
        label: Column to its ``B`` cells of labels.
        at: Column to ``B`` words for the places of the labels.
        truth: ``(N,)`` labels of instances, 255 where there is none; None where no column has them.
        patient: ``B`` patients; None where no column has them.
        split: ``B`` parts; None where no column has them.
        notes: What was guessed or passed over.
    """

    features: NDArray[np.float32]
    names: Sequence[str]
    index: NDArray[np.intp]
    label: Mapping[str, Sequence[str]]
    at: Mapping[str, Sequence[str]]
    truth: NDArray[np.uint8] | None = None
    patient: Sequence[str] | None = None
    split: Sequence[Any] | None = None
    notes: tuple[str, ...] = ()


def from_table(path: Path, columns: Columns) -> InstanceRows:
    """Read a table.

    Raises:
        DataError: If it is not what it should be; the message names row and column.
        LabelError: If the rows of a bag disagree.
    """
    wanted = (*columns.named, *columns.ignore)
    table = read_table(path, keep=wanted)
    table.require(wanted, _HINT)
    features = [n for n in table.names if n not in {*columns.named, *columns.ignore}]
    if not features:
        raise DataError(f"{path}: expected columns of features besides {', '.join(columns.named)}")
    for name in features:
        if option := _OTHERS.get(name.lower().replace(" ", "_")):
            raise DataError(
                f"{path}: expected features, got column {name!r}, which looks like none; "
                f"say {option} {name}, or leave it out with --ignore {name}"
            )
    bag = table.stated(columns.bag)
    values = table.numbers(features, "leave columns that are no features out with --ignore")
    _require_no_counter(table, features, values, bag)
    names, index = _grouped(bag)
    split = parts(table, columns.split) if columns.split else None
    patient = table.stated(columns.patient) if columns.patient else None
    notes = [*table.notes, *(told(table, columns.split) if columns.split else ())]
    if table.decimal(features) == ",":
        notes.append("numbers have decimal commas")
    notes += _repeated(table, bag, columns)
    label, at = {}, {}
    for column in columns.label:
        cells = [whole(cell) for cell in table.said(column)]
        label[column], where = _one_each(table, column, cells, index, names)
        at[column] = [table.at(i, column) for i in where]
    return InstanceRows(
        features=_narrow(path, values),
        names=names,
        index=index,
        label=label,
        at=at,
        truth=_truth(table, columns.instance) if columns.instance else None,
        patient=_one_each(table, columns.patient, patient, index, names)[0]
        if columns.patient and patient else None,
        split=_one_each(table, columns.split, split, index, names)[0]
        if columns.split and split else None,
        notes=tuple(notes),
    )  # fmt: skip


def from_npz(path: Path, column: Sequence[str] = ("label",)) -> InstanceRows:
    """Read ``X (N, D)``, ``y (N,)`` and ``bag (N,)``, and ``bag_name`` if there is one.

    Args:
        path: The file.
        column: What its labels ``y`` are called.

    Raises:
        DataError: If they are not there, or a feature is no finite number.
        LabelError: If the rows of a bag disagree.
    """
    try:
        file = read_npz(path, ("X", "y", "bag", "bag_name"))
        features, label, bag = file["X"], file["y"], file["bag"]
        names = file.get("bag_name")
    except KeyError as error:
        raise DataError(f"{path}: expected arrays X, y and bag, got no {error}") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: expected arrays X, y and bag, got: {error}") from None
    if len(column) > 1:
        raise DataError(f"{path}: expected one column of labels (y), got {' and '.join(column)}")
    label, bag = _text(label, path), _text(bag, path)
    names = None if names is None else _text(names, path)
    shapes = features.ndim == 2 and label.shape == bag.shape == features.shape[:1]
    if not shapes or features.dtype.kind not in "fiu" or not len(features):
        raise DataError(
            f"{path}: expected numbers X (N, D), y (N,) and bag (N,), got {features.dtype} "
            f"{features.shape}, {label.shape}, {bag.shape}"
        )
    wrong = np.flatnonzero(~np.isfinite(features).all(1))
    if len(wrong):
        raise DataError(
            f"{path}: expected finite features, got {len(wrong)} rows with others (first: row "
            f"{wrong[0] + 1}); fill or remove them"
        )
    said = [whole(str(one)).strip() for one in bag.tolist()]
    if any(is_missing(one) for one in said):
        row = next(i for i, one in enumerate(said) if is_missing(one)) + 1
        raise DataError(f"{path}: expected a bag for each row, got none in row {row}")
    if names is not None:
        said = _called(path, names, bag, said)
    table = Table(path, {}, range(1, len(features) + 1))
    names_, index = _grouped(said)
    cells = ["" if cell in ("nan", "None") else whole(cell) for cell in map(str, label.tolist())]
    label_, where = _one_each(table, "y", cells, index, names_)
    at = [table.at(i, "y") for i in where]
    return InstanceRows(
        _narrow(path, features), names_, index, {column[0]: label_}, {column[0]: at}
    )


def _text(cells: NDArray[Any], path: Path) -> NDArray[Any]:
    """Words that NumPy keeps as bytes, as text; all else as it is.

    Raises:
        DataError: If they are no UTF-8.
    """
    if cells.dtype.kind != "S":
        return cells
    try:
        return np.char.decode(cells, "utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: expected words in UTF-8, got {error.object[:20]!r}; save them as text (str)"
        ) from None


def _called(path: Path, names: NDArray[Any], bag: NDArray[Any], said: list[str]) -> list[str]:
    """Names of bags from the list of all names; bags of one name keep their number."""
    if bag.dtype.kind not in "iu" or not 0 <= int(bag.min()) <= int(bag.max()) < len(names):
        raise DataError(f"{path}: expected bag to count the {len(names)} names in bag_name")
    told = [str(names[i]).strip() for i in bag.tolist()]
    if len(set(told)) < len(set(said)):
        return [f"{name}_{number}" for name, number in zip(told, said, strict=True)]
    return told


def _grouped(bag: Sequence[str]) -> tuple[list[str], NDArray[np.intp]]:
    names, index = np.unique(np.array(bag), return_inverse=True)
    return names.tolist(), index


def _one_each(
    table: Table, column: str, cells: Sequence[Any], index: NDArray[np.intp], names: Sequence[str]
) -> tuple[list[Any], list[int]]:
    """One cell a bag, and the row it stands in; rows that say nothing agree with all others."""
    found: list[Any] = [None] * len(names)
    where = [-1] * len(names)
    for i, (k, cell) in enumerate(zip(index.tolist(), cells, strict=True)):
        if where[k] < 0 or (cell and not found[k]):
            found[k], where[k] = cell, i
        elif cell and cell != found[k]:
            hint = "" if column not in ("label", "y") else (
                "; labels of instances go into a column of their own (--instance)"
            )  # fmt: skip
            raise LabelError(
                f"{table.path}, rows {table.rows[where[k]]} and {table.rows[i]}: expected one "
                f"{column} a bag, got {found[k]!r} and {cell!r} in bag {names[k]!r}{hint}"
            )
    return found, where


def _truth(table: Table, column: str) -> NDArray[np.uint8]:
    """Labels of instances: 1, 0, and 255 where nothing is said."""
    said = table.said(column)
    found = np.full(len(said), 255, np.uint8)
    for i, cell in enumerate(said):
        there = truth(whole(cell)) if cell else None
        if cell and there is None:
            raise LabelError(
                f"{table.at(i, column)}: expected 0 or 1 (or yes and no), got {cell!r}; "
                "instances are positive or not"
            )
        if there is not None:
            found[i] = there
    return found


def _require_no_counter(
    table: Table, names: Sequence[str], values: NDArray[np.float64], bag: Sequence[str]
) -> None:
    """A column that counts rows is an index: in a sorted table it gives the label away."""
    count = len(values)
    if count < _ENOUGH:
        return
    seen: Counter[str] = Counter()
    within = np.empty(count)
    for i, name in enumerate(bag):
        within[i] = seen[name]
        seen[name] += 1
    several = max(seen.values()) > 2
    for k, name in enumerate(names):
        ordered = np.sort(values[:, k]) - values[:, k].min()
        counts = values[:, k].min() in (0, 1) and (ordered == np.arange(count)).all()
        inside = several and any((values[:, k] == within + start).all() for start in (0, 1))
        if counts or inside:
            what = "the rows" if counts else "the rows of each bag"
            raise DataError(
                f"{table.path}: expected features, got column {name!r}, which counts {what}; take "
                f"it out with --ignore {name}"
            )


def _repeated(table: Table, bag: Sequence[str], columns: Columns) -> list[str]:
    """Rows that stand there twice word for word."""
    kept = [table.columns[n] for n in table.names if n not in columns.ignore]
    first: dict[tuple[str, ...], int] = {}
    twice: list[tuple[int, int]] = []
    for i, row in enumerate(zip(*kept, strict=True)):
        before = first.setdefault(row, i)
        if before != i:
            twice.append((before, i))
    if not twice:
        return []
    one, other = twice[0]
    where = f"rows {table.rows[one]} and {table.rows[other]} of bag {bag[one]!r}"
    more = f" and {len(twice) - 1} more" if len(twice) > 1 else ""
    return [f"the same instance twice: {where}{more}; kept"]


def _narrow(path: Path, values: NDArray[Any]) -> NDArray[np.float32]:
    """Single precision, which has to hold them."""
    with np.errstate(over="ignore"):
        found = values.astype(np.float32)
    wrong = np.flatnonzero(~np.isfinite(found).all(1))
    if len(wrong):
        raise DataError(
            f"{path}: expected features below 3e38, got {values[wrong[0]].max():.3g} in instance "
            f"{wrong[0] + 1}"
        )
    return found
