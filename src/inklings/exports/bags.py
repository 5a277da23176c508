"""Predictions of bags as tables: a row a bag, a row an instance."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.special import expit, softmax

from inklings.bags.sets import set_of
from inklings.bags.task import Task, decide
from inklings.exports.source import Exporter, ExportSource
from inklings.files import write_json, written
from inklings.predictions.bags import BagPrediction
from inklings.predictions.head import VALUES, Head, Kind
from inklings.progress import track


class Csv(Exporter):
    """``bags.csv`` and ``instances.csv``.

    Bags: case, instances, ``probability CLASS`` and ``called CLASS`` (0 or 1) for each class,
    and the guaranteed ``set`` of diagnoses where one was promised; of a regression the value
    instead, of a survival the log hazard and the survival at each time.
    Instances: case, instance (from 0), ``score CHANNEL`` (what the model would say of a bag of
    this instance alone), ``attention``, ``contribution CHANNEL`` and, of tiles, ``row`` and
    ``column``, where the model and the files know them.
    """

    of: tuple[Kind, ...] = ("bags",)
    suffix = ".csv"

    def __call__(self, source: ExportSource, out: Path) -> Path:
        """Write both tables into ``out``."""
        out.mkdir(parents=True, exist_ok=True)
        bags: list[dict[str, Any]] = []
        kinds: dict[str, Any] = {"case": pa.string()}
        for bag in track(self._read(source), "export", len(source.cases)):
            bags.append(row_of(bag, source.head))
            for name, values in columns_of(bag, source.head).items():
                kinds.setdefault(name, pa.from_numpy_dtype(values.dtype))
        schema = pa.schema(list(kinds.items()))
        with (
            written(out / f"instances{self.suffix}") as path,
            self._writer(path, schema) as file,
        ):
            for bag in self._read(source):
                file.write_table(_fitted(bag, columns_of(bag, source.head), schema))
        whole = pa.Table.from_pylist(bags)
        with written(out / f"bags{self.suffix}") as path, self._writer(path, whole.schema) as file:
            file.write_table(whole)
        return out

    def _read(self, source: ExportSource) -> Iterator[BagPrediction]:
        return (BagPrediction.read(source.folder, name) for name in source.cases)

    def _writer(self, path: Path, schema: Any) -> AbstractContextManager[Any]:
        return pacsv.CSVWriter(path, schema)  # type: ignore[no-any-return]


class Parquet(Csv):
    """``bags.parquet`` and ``instances.parquet``, with the columns of the CSV."""

    suffix = ".parquet"

    def _writer(self, path: Path, schema: Any) -> AbstractContextManager[Any]:
        return pq.ParquetWriter(path, schema)  # type: ignore[no-any-return]


class Json(Exporter):
    """``bags.json``: what the numbers mean, and for each bag its row and those of its instances."""

    of: tuple[Kind, ...] = ("bags",)

    def __call__(self, source: ExportSource, out: Path) -> Path:
        """Write one file into ``out``."""
        head = source.head
        bags = []
        for name in track(list(source.cases), "export"):
            bag = BagPrediction.read(source.folder, name)
            rows = {key: values.tolist() for key, values in columns_of(bag, head).items()}
            bags.append({**row_of(bag, head), "evidence": rows})
        record = {
            "run": head.provenance.run,
            "task": head.settings.get("task"),
            "classes": list(head.classes),
            "thresholds": list(head.thresholds),
            "meaning": head.settings.get("evidence"),
            "warning": head.settings.get("warning") or None,
            "bags": bags,
        }
        out.mkdir(parents=True, exist_ok=True)
        write_json(out / "bags.json", record)
        return out / "bags.json"


def row_of(bag: BagPrediction, head: Head) -> dict[str, Any]:
    """One bag: how many instances, and how probable classes are and what is called, or numbers."""
    row: dict[str, Any] = {"case": bag.case, "instances": len(bag.instances)}
    if bag.values is not None:
        return {**row, **numbers_of(bag, head)}
    for name, value in zip(head.classes, bag.probability, strict=True):
        row[f"probability {name}"] = float(value)
    for name, value in zip(head.classes, called_of(bag, head), strict=True):
        row[f"called {name}"] = int(value)
    if names := set_of(bag, head):
        row["set"] = ", ".join(names)
    return row


def numbers_of(bag: BagPrediction, head: Head) -> dict[str, float]:
    """Each number of a bag by its name: a value in its unit, or a log hazard and survival."""
    names = map(str, head.settings.get(VALUES, ()))
    values = () if bag.values is None else bag.values
    return dict(zip(names, map(float, values), strict=True))


def called_of(bag: BagPrediction, head: Head) -> NDArray[np.int64]:
    """Which classes are called, ``(K,)`` of 0 and 1."""
    task = cast(Task, head.settings.get("task", "binary"))
    called: NDArray[np.int64] = decide(task, bag.probability[None], head.thresholds)[0]
    if task in ("multiclass", "ordinal"):
        called = np.eye(len(head.classes), dtype=np.int64)[int(called)]
    return called


def scores_of(bag: BagPrediction, head: Head) -> NDArray[np.float64]:
    """What would be said of a bag of each instance alone, ``(N, C)``: probabilities or numbers."""
    logits = bag.instances.astype(np.float64)
    if bag.values is not None:  # numbers in the unit of the answer already
        return logits
    exclusive = head.settings.get("task") == "multiclass"
    score: NDArray[np.float64] = softmax(logits, axis=-1) if exclusive else expit(logits)
    return score


def columns_of(bag: BagPrediction, head: Head) -> dict[str, NDArray[Any]]:
    """Columns of the instances of one bag, ``(N,)`` each."""
    names = [str(name) for name in head.settings.get("channels", head.classes)]
    score = scores_of(bag, head)
    found: dict[str, NDArray[Any]] = {"instance": np.arange(len(score))}
    found |= dict(_named("score", names, score))
    if bag.attention is not None:
        found |= dict(_named("attention", names, bag.attention))
    if bag.contribution is not None:
        found |= dict(_named("contribution", names, bag.contribution))
    if bag.coords is not None:
        found |= {"row": bag.coords[:, 0], "column": bag.coords[:, 1]}
    return found


def _named(what: str, names: list[str], values: NDArray[Any]) -> Iterator[tuple[str, NDArray[Any]]]:
    """A column for each channel; one where there is one for all."""
    if values.ndim == 1:
        yield what, values.astype(np.float64)
        return
    for k in range(values.shape[1]):
        name = f"{what} {names[k]}" if k < len(names) else f"{what} {k}"
        yield name, values[:, k].astype(np.float64)


def _fitted(bag: BagPrediction, columns: dict[str, NDArray[Any]], schema: Any) -> Any:
    """The instances of one bag, empty where only other bags know something (places, say)."""
    count = len(bag.instances)
    known: dict[str, Any] = {"case": [bag.case] * count, **columns}
    empty = [None] * count
    return pa.table([pa.array(known.get(f.name, empty), f.type) for f in schema], schema=schema)
