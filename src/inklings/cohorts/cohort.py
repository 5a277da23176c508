"""A cohort: the cases of a study, as a table on disk.

``cohort.yaml`` says what the cohort is (name, classes, licence, citation, where it came from);
``cases.parquet`` has one row a case. Paths are stored relative to the folder, so that it may be
moved. Both are written atomically; nothing else needs to be known to read a cohort.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inklings.cohorts.case import SPLITS, Case, Split
from inklings.errors import DataError
from inklings.files import write_yaml, written
from inklings.labels.kinds import (
    BagLabel,
    BallLabel,
    BoxLabel,
    Label,
    MaskLabel,
    PointLabel,
    PolygonLabel,
    SurvivalLabel,
    ValueLabel,
)
from inklings.records import read_record

_KINDS: dict[str, type[Any]] = {
    "mask": MaskLabel,
    "box": BoxLabel,
    "point": PointLabel,
    "ball": BallLabel,
    "polygon": PolygonLabel,
    "bag": BagLabel,
    "value": ValueLabel,
    "survival": SurvivalLabel,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}
_FIELDS = {
    kind: {one.name: one.default for one in dataclasses.fields(kind)} for kind in _KINDS.values()
}
"""Fields of each kind to what need not be written."""

_COLUMNS = ("id", "patient", "split", "images", "labels", "facts", "choices", "annotates")
_Row = dict[str, str | None]
_AT_ONCE = 2**22
"""Characters of rows that are written together."""
_DAMAGED = (
    OSError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError,
)  # fmt: skip


@dataclass(frozen=True)
class _Head:
    """``cohort.yaml``."""

    name: str
    classes: tuple[str, ...]
    facts: dict[str, Any] | None = None


@dataclass(frozen=True)
class Cohort:
    """Cases and what is common to them.

    Attributes:
        name: Short name, for titles.
        cases: In order of id.
        classes: What can be annotated; background is never named.
        facts: Licence, citation, source, how it was split: whatever should travel along.
        folder: Where it was read from or written to; None in memory.
    """

    name: str
    cases: tuple[Case, ...]
    classes: tuple[str, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    folder: Path | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        ids = [case.id for case in self.cases]
        if len(set(ids)) < len(ids):
            twice = next(i for i in ids if ids.count(i) > 1)
            raise DataError(f"cohort {self.name!r}: expected unique case ids, got {twice!r} twice")

    def __repr__(self) -> str:
        """One line: how many cases of what, how they are divided, where they lie."""
        parts = [f"{len(part)} {name}" for name in SPLITS if (part := self.part(name))]
        said = f" ({', '.join(parts)})" if parts else ""
        return (
            f"<Cohort {self.name!r}: {len(self)} cases{said} of {', '.join(self.classes)}; "
            f"{self.folder or 'in memory'}>"
        )

    def __len__(self) -> int:
        return len(self.cases)

    def __iter__(self) -> Iterator[Case]:
        return iter(self.cases)

    def part(self, split: Split) -> tuple[Case, ...]:
        """The cases of one split."""
        return tuple(case for case in self.cases if case.split == split)

    def where(self, keep: Callable[[Case], bool]) -> Cohort:
        """The cohort of the cases for which ``keep`` is true."""
        kept = tuple(case for case in self.cases if keep(case))
        return dataclasses.replace(self, cases=kept, folder=None)

    @property
    def is_split(self) -> bool:
        """Whether every case has been given a split."""
        return bool(self.cases) and all(case.split is not None for case in self.cases)

    @property
    def split_hash(self) -> str | None:
        """Fingerprint of who is in which split; None before splitting."""
        if not self.is_split:
            return None
        text = "\n".join(sorted(f"{case.id}\t{case.patient}\t{case.split}" for case in self.cases))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def write(self, folder: str | Path) -> Cohort:
        """Write ``cohort.yaml`` and ``cases.parquet`` into ``folder``; the cohort that lies there.

        Raises:
            DataError: If a path cannot be expressed relative to the folder.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        folder = Path(folder).resolve()
        schema = pa.schema([(name, pa.string()) for name in _COLUMNS])
        cases = sorted(self.cases, key=lambda case: case.id)
        with (
            written(folder / "cases.parquet") as path,
            pq.ParquetWriter(path, schema, use_dictionary=False) as file,
        ):
            for group in _groups(to_row(case, folder) for case in cases):
                file.write_table(pa.Table.from_pylist(group, schema))
        head = {"name": self.name, "classes": list(self.classes), "cases": len(self.cases)}
        write_yaml(folder / "cohort.yaml", {**head, "facts": dict(self.facts)})
        return dataclasses.replace(self, folder=folder)

    @classmethod
    def read(cls, folder: str | Path) -> Cohort:
        """Read a cohort folder.

        Raises:
            DataError: If it is not one, or is damaged; the message says what to do.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        folder = Path(folder)
        if not (folder / "cohort.yaml").is_file():
            came = "no such folder" if not folder.exists() else "no cohort.yaml in it"
            raise DataError(
                f"expected a cohort folder (cohort.yaml and cases.parquet) at {folder}, "
                f"got {came}; make one with 'inklings import'"
            )
        again = "run the 'inklings import' that made it again"
        head = read_record(_Head, folder / "cohort.yaml", "a cohort description", again)
        try:
            rows = pq.read_table(folder / "cases.parquet").to_pylist()
            cases = tuple(from_row(row, folder.resolve()) for row in rows)
        except (pa.ArrowException, *_DAMAGED) as error:
            raise DataError(
                f"{folder / 'cases.parquet'} is damaged ({' '.join(str(error).split())}); {again}"
            ) from None
        return cls(head.name, cases, head.classes, head.facts or {}, folder)


def _groups(rows: Iterable[_Row]) -> Iterator[list[_Row]]:
    """Rows in groups of as much text as is held at once."""
    group: list[_Row] = []
    size = 0
    for row in rows:
        group.append(row)
        size += sum(len(text or "") for text in row.values())
        if size > _AT_ONCE:
            yield group
            group, size = [], 0
    if group:
        yield group


def to_row(case: Case, folder: Path) -> _Row:
    """A case as a row of ``cases.parquet``; paths become relative to ``folder``."""
    return {
        "id": case.id,
        "patient": case.patient,
        "split": case.split,
        "images": json.dumps({k: _relative(p, folder) for k, p in case.images.items()}),
        "labels": json.dumps([_label_to_json(label, folder) for label in case.labels]),
        "facts": json.dumps(dict(case.facts)),
        "choices": json.dumps(dict(case.choices)),
        "annotates": None if case.annotates is None else json.dumps(case.annotates),
    }


def from_row(row: Mapping[str, Any], folder: Path) -> Case:
    """The case of a row that `to_row` made.

    Raises:
        DataError: If its split is unknown, or its id names no files.
    """
    split = row["split"]
    if split is not None and split not in SPLITS:
        raise DataError(f"case {row['id']}: expected a split of {SPLITS}, got {split!r}")
    images = {k: _absolute(p, folder) for k, p in json.loads(row["images"]).items()}
    facts = json.loads(row["facts"])
    choices = json.loads(row.get("choices") or "{}")
    if not choices and "series" in facts:  # cohorts of version 0.1
        choices = dict.fromkeys(images, facts.pop("series"))
    annotates = row.get("annotates")
    return Case(
        id=row["id"],
        patient=row["patient"],
        images=images,
        labels=tuple(_label_from_json(value, folder) for value in json.loads(row["labels"])),
        split=split,
        facts=facts,
        choices=choices,
        annotates=None if annotates is None else tuple(json.loads(annotates)),
    )


def _label_to_json(label: Label, folder: Path) -> dict[str, Any]:
    record = {
        name: value
        for name, default in _FIELDS[type(label)].items()
        if (value := getattr(label, name)) != default
    }
    if isinstance(label, MaskLabel):
        record["path"] = _relative(label.path, folder)
    return {"type": _NAMES[type(label)], **record}


def _label_from_json(record: Mapping[str, Any], folder: Path) -> Label:
    values = {k: _tuples(v) for k, v in record.items() if k != "type"}
    if record["type"] == "mask":
        values["path"] = _absolute(record["path"], folder)
    label: Label = _KINDS[record["type"]](**values)
    return label


def _tuples(value: Any) -> Any:
    return tuple([_tuples(v) for v in value]) if isinstance(value, list) else value


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path.resolve(), folder)).as_posix()


def _absolute(path: str, folder: Path) -> Path:
    return Path(os.path.normpath(folder / path))
