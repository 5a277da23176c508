"""Rows of a table as instances: the classic benchmarks (npz), or any CSV with a bag column."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inklings.bags.writer import MadeBag, write_bags
from inklings.cases.cohort import Cohort
from inklings.errors import DataError, LabelError


@dataclass(frozen=True)
class Columns:
    """What the columns of a CSV are called; all others are features.

    Attributes:
        bag: Name of the bag, the same in all its rows.
        label: Label of the bag: 0 or 1, or names of classes.
        instance: Label of the instance, 0 or 1, for evaluation only; None where there is none.
        patient: Bags of one patient share a split; None where each bag is one.
        ignore: Neither features nor anything else.
    """

    bag: str = "bag"
    label: str = "label"
    instance: str | None = None
    patient: str | None = None
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Table:
    features: NDArray[np.float32]
    bag: NDArray[np.str_]
    label: NDArray[np.str_]
    instance: NDArray[np.str_] | None = None
    patient: NDArray[np.str_] | None = None


def mil_table(
    path: Path,
    out: Path,
    columns: Columns | None = None,
    class_: str = "positive",
    ordered: bool = False,
) -> Cohort:
    """Write a table of instances as a cohort of bags.

    Args:
        path: ``.npz`` with ``X (N, D)``, ``y (N,)`` and ``bag (N,)`` (``bag_name`` if there is
            one), or ``.csv``.
        out: Cohort folder.
        columns: Of a CSV.
        class_: Name of the class where labels are 0 and 1.
        ordered: Whether several classes are grades, in the order of their names.

    Raises:
        DataError: If the table is not what it should be.
        LabelError: If the rows of a bag disagree on its label.
    """
    table = _npz(path) if path.suffix == ".npz" else _csv(path, columns or Columns())
    if not np.isfinite(table.features).all():
        rows = np.flatnonzero(~np.isfinite(table.features).all(1))
        raise DataError(
            f"{path}: expected finite features, got {len(rows)} rows with others (first: row "
            f"{rows[0] + 1}); fill or remove them"
        )
    names, first, index = np.unique(table.bag, return_index=True, return_inverse=True)
    label = table.label[first]
    _require_one(path, table.label, label, index, names)
    if set(label.tolist()) <= {"0", "1"}:
        classes: tuple[str, ...] = (class_,)
        present = [(value == "1",) for value in label]
        task = "binary"
    else:
        classes = tuple(sorted(set(label.tolist()), key=_natural))
        present = [tuple(value == name for name in classes) for value in label]
        task = "ordinal" if ordered else "multiclass"
    ids = _ids(names.tolist())
    bags = [
        MadeBag(
            id=ids[i],
            instances=table.features[rows],
            present=present[i],
            patient="" if table.patient is None else str(table.patient[first[i]]),
            truth=None if table.instance is None else (table.instance[rows] == "1").astype("u1"),
        )
        for i in range(len(names))
        for rows in [np.flatnonzero(index == i)]
    ]
    facts = {"source": path.name, "task": task, "features": int(table.features.shape[1])}
    return write_bags(out, path.stem, classes, bags, facts)


def _npz(path: Path) -> _Table:
    try:
        with np.load(path, allow_pickle=False) as file:
            features, label, bag = file["X"], file["y"], file["bag"]
            names = file.get("bag_name")
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{path}: expected arrays X, y and bag, got: {error}") from None
    if features.ndim != 2 or label.shape != bag.shape or len(label) != len(features):
        raise DataError(
            f"{path}: expected X (N, D), y (N,) and bag (N,), got {features.shape}, {label.shape}, "
            f"{bag.shape}"
        )
    said = bag.astype(str) if names is None else np.char.strip(names)[bag]
    if names is not None and len(np.unique(said)) < len(np.unique(bag)):
        said = np.char.add(np.char.add(said, "_"), bag.astype(str))
    return _Table(features.astype(np.float32), said, label.astype(np.int64).astype(str))


def _csv(path: Path, columns: Columns) -> _Table:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: expected a CSV file, got: {error}") from None
    if not rows:
        raise DataError(f"{path}: expected rows below the names of the columns, got none")
    special = [columns.bag, columns.label]
    special += [c for c in (columns.instance, columns.patient) if c]
    missing = [name for name in special if name not in rows[0]]
    if missing:
        raise DataError(
            f"{path}: expected columns {', '.join(special)}, got {', '.join(rows[0])}; say what "
            "they are called with --bag, --label, --instance, --patient"
        )
    names = [name for name in rows[0] if name not in {*special, *columns.ignore}]
    try:
        features = np.array([[float(row[name]) for name in names] for row in rows], np.float32)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{path}: expected numbers in every other column, got: {error}; leave columns out "
            "with --ignore"
        ) from None

    def column(name: str | None) -> NDArray[np.str_] | None:
        return None if name is None else np.array([row[name].strip() for row in rows])

    bag, label = column(columns.bag), column(columns.label)
    assert bag is not None
    assert label is not None
    return _Table(features, bag, label, column(columns.instance), column(columns.patient))


def _require_one(
    path: Path,
    every: NDArray[np.str_],
    label: NDArray[np.str_],
    index: NDArray[np.intp],
    names: NDArray[np.str_],
) -> None:
    wrong = np.unique(index[every != label[index]])
    if len(wrong):
        raise LabelError(
            f"{path}: expected one label a bag, got several in {len(wrong)} bags (first: "
            f"{names[wrong[0]]}); labels of instances go into a column of their own (--instance)"
        )


def _ids(names: Sequence[str]) -> list[str]:
    """Names as ids of cases: letters, digits and a few signs; made unique where need be."""
    found: list[str] = []
    for name in names:
        clean = re.sub(r"[^A-Za-z0-9_.+-]+", "_", name.strip())
        clean = clean if re.match(r"[A-Za-z0-9_]", clean) else f"_{clean}"
        found.append(clean if clean not in found else f"{clean}_{len(found)}")
    return found


def _natural(name: str) -> tuple[tuple[int, str], ...]:
    """Numbers in a name by value: grade 10 after grade 9."""
    parts = re.split(r"(\d+)", name)
    return tuple((int(p), "") if p.isdigit() else (-1, p) for p in parts)
