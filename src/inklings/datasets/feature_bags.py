"""Features that were computed before, by `inklings embed` or by CLAM, TRIDENT or STAMP."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from inklings.bags.store import head
from inklings.cases.case import SPLITS, Case
from inklings.cases.cohort import Cohort
from inklings.errors import DataError
from inklings.labels.kinds import BagLabel, Label
from inklings.progress import note

_SUFFIXES = (".h5", ".hdf5")


@dataclass(frozen=True)
class Names:
    """What the columns of the table of labels are called.

    Attributes:
        slide: Name of the file without its ending; it may have one in the table.
        label: Classes; several columns for several questions of their own.
        patient: Whose slides are one bag; None to take every slide by itself.
        split: train, val or test; None to split later.
    """

    slide: str = "slide"
    label: tuple[str, ...] = ("label",)
    patient: str | None = None
    split: str | None = None


def feature_bags(
    features: Path, table: Path, out: Path, names: Names | None = None, ordered: bool = False
) -> Cohort:
    """Write a cohort that points at files of features where they lie.

    A label column of 0 and 1 is a question of its own, named after the column; one column of
    other values has one class for each, and exactly one of them holds.

    Args:
        features: Folder with one HDF5 file a slide.
        table: CSV with one row a slide.
        out: Cohort folder.
        names: Of its columns.
        ordered: Whether the classes are grades, in the order of their names.

    Raises:
        DataError: If nothing fits together.
    """
    names = names or Names()
    rows = _rows(table, names)
    files = {p.stem: p.resolve() for p in sorted(features.iterdir()) if p.suffix in _SUFFIXES}
    if not files:
        raise DataError(f"expected files of features (.h5) in {features}, got none")
    known = [row for row in rows if _stem(row[names.slide]) in files]
    if not known:
        raise DataError(
            f"none of the {len(rows)} slides in {table} has a file in {features} (first: "
            f"{rows[0][names.slide]!r}; files: {', '.join(list(files)[:3])}, ...)"
        )
    if len(known) < len(rows):
        note(f"{len(rows) - len(known)} of {len(rows)} slides have no file of features")
    _require_one_width([files[_stem(row[names.slide])] for row in known])
    classes, questions = _classes(known, names)
    cases = tuple(_cases(known, names, files, classes, questions))
    task = "multilabel" if len(classes) > 1 else "binary"
    if not questions:
        task = "ordinal" if ordered else "multiclass"
    cohort = Cohort(out.absolute().name, cases, classes, {"source": str(features), "task": task})
    cohort.write(out)
    return cohort


def _rows(table: Path, names: Names) -> list[dict[str, str]]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{table}: expected a CSV file, got: {error}") from None
    wanted = [names.slide, *names.label, *(n for n in (names.patient, names.split) if n)]
    missing = [name for name in wanted if not rows or name not in rows[0]]
    if missing:
        there = ", ".join(rows[0]) if rows else "no rows"
        raise DataError(f"{table}: expected columns {', '.join(wanted)}, got {there}")
    return rows


def _stem(name: str) -> str:
    return re.sub(r"\.(h5|hdf5|svs|tiff?|ndpi|mrxs|scn|vms|bif|pt)$", "", name.strip())


def _require_one_width(paths: Sequence[Path]) -> None:
    widths: dict[tuple[int, ...], Path] = {}
    for path in paths:
        widths.setdefault(head(path).shape, path)
    if len(widths) > 1:
        what = ", ".join(f"{shape} in {path.name}" for shape, path in widths.items())
        raise DataError(f"expected features of one length, got {what}; use one encoder for all")


def _classes(rows: Sequence[Mapping[str, str]], names: Names) -> tuple[tuple[str, ...], bool]:
    """The classes, and whether each is a question of its own (0 or 1)."""
    values = {name: {row[name].strip() for row in rows} - {""} for name in names.label}
    if all(found <= {"0", "1"} for found in values.values()):
        return names.label, True
    if len(names.label) > 1:
        odd = next(name for name, found in values.items() if not found <= {"0", "1"})
        raise DataError(
            "expected 0 or 1 in each of several label columns, got "
            f"{', '.join(sorted(values[odd]))} in {odd}"
        )
    return tuple(sorted(values[names.label[0]], key=_natural)), False


def _natural(name: str) -> tuple[tuple[int, str], ...]:
    parts = re.split(r"(\d+)", name)
    return tuple((int(p), "") if p.isdigit() else (-1, p) for p in parts)


def _cases(
    rows: Sequence[Mapping[str, str]],
    names: Names,
    files: Mapping[str, Path],
    classes: tuple[str, ...],
    questions: bool,
) -> list[Case]:
    groups: dict[str, list[Mapping[str, str]]] = {}
    for row in rows:
        groups.setdefault(row[names.patient or names.slide].strip(), []).append(row)
    cases = []
    for name, group in groups.items():
        clean = re.sub(r"[^A-Za-z0-9_.+-]+", "_", _stem(name))
        labels = {_labels(row, names, classes, questions) for row in group}
        splits = {row[names.split].strip() for row in group} if names.split else set()
        if len(labels) > 1 or len(splits) > 1:
            raise DataError(
                f"{names.patient or names.slide} {name}: expected one label and one split for all "
                f"{len(group)} slides, got several"
            )
        split = next((s for s in SPLITS if s in splits), None)
        stems = [_stem(row[names.slide]) for row in group]
        images = {f"slide{i}" if len(stems) > 1 else "slide": files[s] for i, s in enumerate(stems)}
        cases.append(Case(clean, clean, images, labels.pop(), split))
    return cases


def _labels(
    row: Mapping[str, str], names: Names, classes: tuple[str, ...], questions: bool
) -> tuple[Label, ...]:
    if questions:
        return tuple(BagLabel(c, row[c].strip() == "1") for c in classes if row[c].strip())
    value = row[names.label[0]].strip()
    return tuple(BagLabel(c, c == value) for c in classes) if value else ()
