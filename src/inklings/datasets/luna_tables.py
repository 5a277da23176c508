"""The tables of LUNA16: places in scans, one a row, in millimetres of the patient.

``seriesuid, coordX, coordY, coordZ`` and what is said of the place: a diameter, a class, a
probability. Separated by commas, tabs or semicolons. Ids of digits only are numbers: ``00783``
and ``783`` are the same scan, as spreadsheets cut leading zeros.
"""

from __future__ import annotations

import ast
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
from numpy.typing import NDArray

from inklings.errors import DataError
from inklings.findings.points import PointTable, plain_id
from inklings.tables import Table, read_table
from inklings.tables.bytes import content, decoded
from inklings.tables.cells import is_missing, truth, whole
from inklings.tables.layout import below, layout_of

PLACE = ("coordX", "coordY", "coordZ")
_RATED = ("seriesuid", *PLACE, "diameter_mm", "mal_bool", "mal_details")


def read_places(path: Path, numbers: Sequence[str] = ()) -> PointTable:
    """Read a table.

    Args:
        path: A table.
        numbers: Columns wanted besides the place.

    Raises:
        DataError: If it is not such a table; the message names row and column.
    """
    wanted = (*PLACE, *numbers)
    said = _quickly(path, wanted)
    if said is None:
        table = read_table(path, keep=("seriesuid", *wanted))
        # A detector that found nothing writes no row.
        table.require(("seriesuid", *wanted), filled=False)
        numbered = table.numbers(wanted).reshape(-1, len(wanted))
        ids = pa.array(table.stated("seriesuid"), pa.string())
    else:
        ids, numbered = said
    ids = ids.dictionary_encode()
    names = np.array([plain_id(name) for name in ids.dictionary.to_pylist()], object)
    values = {name: numbered[:, k] for k, name in enumerate(wanted) if name in numbers}
    return PointTable(names[ids.indices.to_numpy()], numbered[:, : len(PLACE)], values)


def _quickly(path: Path, wanted: Sequence[str]) -> tuple[Any, NDArray[np.float64]] | None:
    """Ids and numbers ``(N, len(wanted))`` of a plain table, of which there are a million rows.

    None where a cell is missing or no number: `read_table` then says which.
    """
    text, _ = decoded(path, content(path))
    layout = layout_of(path, text)
    header = [name.strip() for name in layout.header]
    if any(header.count(name) != 1 for name in ("seriesuid", *wanted)):
        return None
    types = {name: pa.string() if name == "seriesuid" else pa.float64() for name in header}
    try:
        table = pacsv.read_csv(
            io.BytesIO(below(text, layout.skipped).encode()),
            read_options=pacsv.ReadOptions(column_names=header),
            parse_options=pacsv.ParseOptions(delimiter=layout.separator),
            convert_options=pacsv.ConvertOptions(
                column_types=types,
                include_columns=["seriesuid", *wanted],
                strings_can_be_null=False,
                null_values=[],
            ),
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError):
        return None
    numbers = np.stack([table[name].to_numpy() for name in wanted], 1)
    if not len(table) or not np.isfinite(numbers).all():
        return None
    ids = table["seriesuid"].combine_chunks()
    return None if any(map(is_missing, ids.unique().to_pylist())) else (ids, numbers)


def is_of_ratings(path: Path) -> bool:
    """Whether a table rates nodules by their malignancy; anything else is taken for marks."""
    text, _ = decoded(path, content(path))
    return "mal_bool" in [name.strip() for name in layout_of(path, text).header]


def read_ids(path: Path) -> tuple[str, ...]:
    """The scans of a study, one id a line; a head line ``seriesuid`` is skipped.

    Raises:
        DataError: If there is none.
    """
    if not path.is_file():
        raise DataError(f"expected a list of series ids at {path}, but there is no such file")
    text, _ = decoded(path, content(path))
    lines = [re.split("[,;\t]", line)[0].strip(' "') for line in text.splitlines()]
    ids = [plain_id(line) for line in lines if line and line != "seriesuid"]
    if not ids:
        raise DataError(f"{path}: expected one series id a line, got an empty file")
    return tuple(dict.fromkeys(ids))


@dataclass(frozen=True, slots=True)
class Rated:
    """One nodule of ``annotations_with_malignancy.csv``.

    Attributes:
        series: Id of the scan.
        point: ``(x, y, z)`` mm.
        diameter_mm: As annotated.
        malignant: The label of the table.
        ratings: What the readers said, 1 to 5.
    """

    series: str
    point: tuple[float, float, float]
    diameter_mm: float
    malignant: bool
    ratings: tuple[int, ...]

    @property
    def by_rule(self) -> bool:
        """The label by the rule of the reference: at least two readers say 4 or more."""
        return malignant_by_rule(self.ratings)


def malignant_by_rule(ratings: Sequence[int]) -> bool:
    """Whether at least two readers rate 4 or more."""
    return sum(rating >= 4 for rating in ratings) >= 2


def read_malignancy(path: Path) -> tuple[Rated, ...]:
    """Read the table of malignancy (Stevens et al. 2020, from LIDC).

    Raises:
        DataError: If it is not such a table; the message names row and column.
    """
    table = read_table(path, keep=_RATED)
    table.require(_RATED)
    points = table.numbers(PLACE)
    diameters = table.numbers(["diameter_mm"])[:, 0]
    ids = table.stated("seriesuid")
    stars = table.said("mal_details")
    return tuple(
        Rated(
            plain_id(ids[i]),
            (float(points[i, 0]), float(points[i, 1]), float(points[i, 2])),
            float(diameters[i]),
            _truth(table, i),
            _ratings(table, i, stars[i]),
        )
        for i in range(len(table))
    )


def _truth(table: Table, index: int) -> bool:
    said = table.columns["mal_bool"][index]
    found = truth(whole(said))
    if found is None:
        raise DataError(f"{table.at(index, 'mal_bool')}: expected true or false, got {said!r}")
    return found


def _ratings(table: Table, index: int, cell: str) -> tuple[int, ...]:
    try:
        return tuple(int(value) for value in ast.literal_eval(cell or "[]"))
    except (TypeError, ValueError, SyntaxError):
        raise DataError(
            f"{table.at(index, 'mal_details')}: expected a list of ratings such as [3, 4], got "
            f"{cell!r}"
        ) from None
