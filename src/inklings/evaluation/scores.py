"""The result of an evaluation: rows with intervals, a line per case, what it was measured on."""

from __future__ import annotations

import csv
import dataclasses
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inklings.errors import DataError, SpecError
from inklings.evaluation.changes import Change, change_lines, is_brief, number
from inklings.evaluation.head_lines import head_lines
from inklings.evaluation.intervals import FEW
from inklings.files import read_yaml, write_json, write_text
from inklings.records import as_record

_HEAD = ("cohort", "split", "split_hash", "empty", "judged", "annotated", "dense", "counts")
"""What every row says of the whole table."""


@dataclass(frozen=True)
class Row:
    """One metric over all cases.

    Attributes:
        metric: Name for files.
        value: NaN where no case defines it.
        low: Lower end of the interval over patients; NaN where there are too few.
        high: Upper end.
        n: Cases that define it.
        patients: Patients that these cases come from.
        unit: ``px`` or ``mm``; empty for a share.
        label: The class; ``all`` for what joins classes.
        title: Name for people.
        higher: Whether more is better.
    """

    metric: str
    value: float
    low: float
    high: float
    n: int
    patients: int
    unit: str
    label: str
    title: str
    higher: bool = True

    @property
    def name(self) -> str:
        """That of the metric."""
        return self.metric


@dataclass(frozen=True)
class Scores:
    """Everything an evaluation found, whatever was predicted.

    Attributes:
        rows: One per metric and class.
        cases: Per case: id, patient, and what there is to say of it, such as pixels or voxels of
            both sides and every metric with a column.
        head: What was scored against what, under which policy, and how many of the patients were
            trained on (``seen``).
        curves: Per class, what figures need: ``reliability``.
        changes: Against another run, if one was given.
        files: Further files by name: rows or columns of ``.csv``, a record of ``.json``.
    """

    rows: tuple[Row, ...]
    cases: tuple[Mapping[str, Any], ...]
    head: Mapping[str, Any] = field(default_factory=dict)
    curves: Mapping[str, Any] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    files: Mapping[str, Any] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, metric: str) -> Row:
        """The first row of ``metric``, which is that of the first class."""
        for row in self.rows:
            if row.metric == metric:
                return row
        raise SpecError(f"no metric {metric!r} in this table; it has {', '.join(self.names)}")

    def __contains__(self, metric: object) -> bool:
        return metric in self.names

    @property
    def names(self) -> list[str]:
        """Names of the metrics, in order, once each."""
        return list(dict.fromkeys(row.metric for row in self.rows))

    @property
    def _seen(self) -> dict[str, int]:
        """What every file says where patients were scored that were trained on."""
        return {"seen_patients": seen} if (seen := self.head.get("seen")) else {}

    def records(self) -> list[dict[str, Any]]:
        """Rows for JSON: each says by itself what it was measured on; NaN becomes null."""
        common = {k: self.head[k] for k in _HEAD if k in self.head} | self._seen
        changes = {(c.metric, c.label): c for c in self.changes}
        groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for line in self.files.get("groups.csv", ()):
            own = {k: line[k] for k in ("by", "group", "value", "low", "high", "n", "patients")}
            groups.setdefault((line["metric"], line["class"]), []).append(own)
        records = []
        for row in self.rows:
            record = {**_plain(row), **common}
            if change := changes.get((row.metric, row.label)):
                kept = ("second", "value", "low", "high", "p", "p_holm")
                record["change"] = _finite(_plain(change, kept))
            if of_groups := groups.get((row.metric, row.label)):
                record["groups"] = of_groups
            records.append(_finite(record))
        return records

    def text(self) -> str:
        """The table for people, about 80 columns wide."""
        lines = [*head_lines(self.head), ""]
        shown = [row for row in self.rows if is_brief(row.metric)]
        wide = max((len(_named(row, self.rows)) for row in shown), default=0)
        lines.append(f"{'':{wide}}     value   95 % interval         n")
        for row in shown:
            unit = f" {row.unit}" if row.unit else ""
            between = f"{number(row.low)} to {number(row.high)}" if row.low == row.low else "-"
            few = f"  ({row.patients} patients)" if 1 < row.patients < FEW else ""
            lines.append(
                f"{_named(row, self.rows):{wide}}  {number(row.value):>8}   "
                f"{between + unit:<18} {row.n:>5}{few}"
            )
        if groups := self.head.get("groups"):
            lines += ["", *groups]
        if self.changes:
            lines += ["", *change_lines(self.changes)]
        return "\n".join(lines)

    def record(self) -> dict[str, Any]:
        """All of it for JSON; NaN becomes null."""
        record = {
            "head": self.head,
            "rows": [_plain(row) for row in self.rows],
            "cases": self.cases,
            "curves": self.curves,
            "changes": [_plain(change) for change in self.changes],
        }
        return {k: _finite(v) for k, v in record.items()}

    def write(self, folder: Path) -> tuple[Path, ...]:
        """Write ``metrics.csv``, ``cases.csv``, ``evaluation.json`` and the further files.

        Where patients were trained on, every table has a column ``seen_patients`` that says so.
        """
        tables: dict[str, Any] = {
            "metrics.csv": [_plain(row) for row in self.rows],
            "cases.csv": self.cases,
            "evaluation.json": self.record(),
        }
        if self.changes:
            tables["compare.csv"] = [_plain(change) for change in self.changes]
        for name, content in (tables | dict(self.files)).items():
            if name.endswith(".json"):
                write_json(folder / name, _finite(content))
            else:
                write_text(folder / name, _csv(content, self._seen))
        return tuple(folder / name for name in (*tables, *self.files))

    @classmethod
    def read(cls, folder: Path) -> Scores:
        """Read what `write` wrote.

        Raises:
            DataError: If it is not there or not complete.
        """
        path = folder / "evaluation.json"
        record = read_yaml(path, "an evaluation written by 'inklings evaluate'")
        again = "run 'inklings evaluate' again"
        try:
            rows = [_floats(row, ("value", "low", "high")) for row in record["rows"]]
            named = ("first", "second", "value", "low", "high", "p", "p_holm")
            changes = [_floats(change, named) for change in record["changes"]]
            said = {**record, "rows": rows, "changes": changes}
            whole = isinstance(said["head"]["cases"], int) and all(
                "reliability" in curves for curves in said["curves"].values()
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise DataError(f"{path} is damaged ({error}); {again}") from None
        if not whole:
            raise DataError(f"{path} is damaged (it does not say of how many cases); {again}")
        return as_record(cls, said, path, again)


def _named(row: Row, rows: Sequence[Row]) -> str:
    several = len({r.label for r in rows if r.label != "all"}) > 1
    return f"{row.label}: {row.title}" if several else row.title


def _plain(record: Any, names: Sequence[str] | None = None) -> dict[str, Any]:
    """A record as a dictionary; in files, ``label`` goes by the word people use."""
    values = {"class" if k == "label" else k: v for k, v in dataclasses.asdict(record).items()}
    return {k: values[k] for k in names or values}


def _floats(record: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {
        "label" if k == "class" else k: math.nan if k in names and v is None else v
        for k, v in record.items()
    }


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return value


def _csv(
    rows: Sequence[Mapping[str, Any]] | Mapping[str, Sequence[Any]], more: Mapping[str, Any]
) -> str:
    """Rows rounded for people; columns, which are those of a curve, in full."""
    out = io.StringIO()
    if isinstance(rows, Mapping):
        lines = csv.writer(out, lineterminator="\n")
        lines.writerow((*rows, *more))
        lines.writerows((*row, *more.values()) for row in zip(*rows.values(), strict=True))
        return out.getvalue()
    names = [*rows[0], *more] if rows else ["metric"]
    writer = csv.DictWriter(out, names, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        cells = {**row, **more}.items()
        writer.writerow({k: "" if _finite(v) is None else _rounded(v) for k, v in cells})
    return out.getvalue()


def _rounded(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else value
