"""A table of slides or patients: which row belongs to which slide, and what it says of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from inklings.bags.answers import answers
from inklings.cohorts.case import Split
from inklings.datasets.slide_files import SlideFile
from inklings.datasets.slide_names import bare, folders
from inklings.errors import DataError
from inklings.labels.kinds import BagLabel
from inklings.tables import Table, parts, read_table, told
from inklings.tables.cells import number

SPACING = ("spacing_um", "mpp")
"""Columns that say how large a pixel of level 0 is, whatever the file says."""
_PATIENT = ("patient", "patient_id")


@dataclass(frozen=True)
class SlideRow:
    """What a table says of one slide."""

    labels: tuple[BagLabel, ...] = ()
    facts: dict[str, str] = field(default_factory=dict)
    split: Split | None = None
    spacing_um: float | None = None
    patient: str | None = None


def joined(
    path: Path,
    slides: Sequence[SlideFile],
    ids: Sequence[str],
    patients: Sequence[str],
    label: str | None,
    split: str | None,
) -> tuple[list[SlideRow | None], list[str]]:
    """What a table says of each slide, None where it names it nowhere, and notes in words.

    Args:
        path: The table.
        slides: On disk.
        ids: Their ids.
        patients: Their patients.
        label: Column of labels.
        split: Column of the parts of a split.

    Raises:
        DataError: If no column names slides or patients, a row fits two slides, or rows disagree.
        LabelError: If labels are none.
    """
    table = read_table(path, keep=[name for name in (label, split) if name])
    table.require([name for name in (label, split) if name])
    key, rows = _key(table, slides, ids, patients)
    named = [k for k, row in enumerate(rows) if row is not None]
    matched: list[int] = [row for row in rows if row is not None]
    words = [f"{table.path.name}: {note}" for note in table.notes]
    words.append(f"table: column {key!r} names {len(named)} of {len(slides)} slides")
    said = None
    if label:
        cells = [table.columns[label][i] for i in matched]
        said = answers({label: cells}, lambda i, column: table.at(matched[i], column))
        words += [f"{table.path.name}: {note}" for note in said.notes]
    split_of = parts(table, split) if split else [None] * len(table)
    words += [f"{table.path.name}: {note}" for note in told(table, split)] if split else []
    records = table.records()
    found: list[SlideRow | None] = [None] * len(slides)
    for place, (k, i) in enumerate(zip(named, matched, strict=True)):
        labels = said.labels(place) if said else ()
        record = records[i]
        facts = {n: v for n, v in record.items() if v and n not in (key, label, split, *SPACING)}
        patient = next((record[n] for n in _PATIENT if record.get(n)), None)
        found[k] = SlideRow(labels, facts, split_of[i], _spacing(table, i), patient)
    return found, words


def _key(
    table: Table, slides: Sequence[SlideFile], ids: Sequence[str], patients: Sequence[str]
) -> tuple[str, list[int | None]]:
    """The column that names most slides or patients, and the row of each slide."""
    best: tuple[int, str] = (0, "")
    for column in table.names:
        cells = {cell.lower() for cell in table.said(column) if cell}
        plain = {bare(cell).lower() for cell in cells}
        hits = sum(
            bool(({*slide.names, one.lower()} & (cells | plain)) or patient.lower() in cells)
            for slide, one, patient in zip(slides, ids, patients, strict=True)
        )
        best = max(best, (hits, column), key=lambda pair: pair[0])
    if not best[0]:
        raise DataError(
            f"{table.path}: expected a column with names of slides or patients "
            f"({slides[0].path.name}, {patients[0]}), got none among "
            f"{', '.join(table.names[:8])}"
        )
    return best[1], _rows(table, best[1], slides, ids, patients)


def _rows(
    table: Table,
    key: str,
    slides: Sequence[SlideFile],
    ids: Sequence[str],
    patients: Sequence[str],
) -> list[int | None]:
    records = table.records()
    of_slide: list[list[int]] = [[] for _ in slides]
    of_patient: dict[str, list[int]] = {}
    own = {one.lower(): k for k, one in enumerate(ids)}
    for i, cell in enumerate(table.said(key)):
        if not cell:
            continue
        of_patient.setdefault(cell.lower(), []).append(i)
        name = bare(cell).lower()
        mine = [k for k, s in enumerate(slides) if {cell.lower(), name} & s.names]
        asked = tuple(part.lower() for part in folders(cell))
        mine = [k for k in mine if _ends(slides[k], asked)]
        if len(mine) > 1 and not asked and cell.lower() in own:
            mine = [own[cell.lower()]] if not _shared(slides, name) else mine
        elif not mine and cell.lower() in own:
            mine = [own[cell.lower()]]
        if len(mine) > 1 and cell.lower() not in {p.lower() for p in patients}:
            raise DataError(
                f"{table.at(i, key)}: expected the name of one slide, got {cell!r}, which is that "
                f"of {' and '.join(slides[k].place for k in mine[:3])}; write the folder before it"
            )
        if len(mine) == 1:
            of_slide[mine[0]].append(i)
    chosen = [
        rows or of_patient.get(patient.lower(), [])
        for rows, patient in zip(of_slide, patients, strict=True)
    ]
    for slide, rows in zip(slides, chosen, strict=True):
        if len({tuple(records[i].items()) for i in rows}) > 1:
            raise DataError(
                f"{table.at(rows[0])} and row {table.rows[rows[1]]}: expected one row for the "
                f"slide {slide.place}, got two that differ"
            )
    return [rows[0] if rows else None for rows in chosen]


def _shared(slides: Sequence[SlideFile], name: str) -> bool:
    return Counter(slide.name.lower() for slide in slides)[name] > 1


def _ends(slide: SlideFile, asked: Sequence[str]) -> bool:
    """Whether the folders that a table writes are the last ones of where a slide lies."""
    if not asked:
        return True
    place = [part.lower() for part in slide.path.absolute().parent.parts]
    return place[-len(asked) :] == list(asked)


def _spacing(table: Table, row: int) -> float | None:
    for column in SPACING:
        cell = table.said(column)[row] if column in table.columns else ""
        if not cell:
            continue
        um = number(cell, ",") if "," in cell else number(cell)
        if um is None or not 0 < um < 1000:
            raise DataError(
                f"{table.at(row, column)}: expected micrometres a pixel above 0, got {cell!r}"
            )
        return um
    return None
