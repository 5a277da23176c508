"""The tables of LUNA16: places in scans, one a row, in millimetres of the patient.

``seriesuid, coordX, coordY, coordZ`` and what is said of the place: a diameter, a class, a
probability. Separated by commas, tabs or semicolons. Ids of digits only are numbers: ``00783``
and ``783`` are the same scan, as spreadsheets cut leading zeros.
"""

from __future__ import annotations

import ast
import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
from numpy.typing import NDArray

from inklings.errors import DataError

PLACE = ("coordX", "coordY", "coordZ")
EXCLUDED_MM = 10.0
"""Diameter of findings that nobody measured, by the rules of LUNA16."""


@dataclass(frozen=True)
class Places:
    """Rows of a table.

    Attributes:
        series: ``(N)`` ids.
        points: ``(N, 3)``, ``(x, y, z)`` mm.
        values: Other columns of numbers, each ``(N)``.
    """

    series: NDArray[np.object_]
    points: NDArray[np.float64]
    values: Mapping[str, NDArray[np.float64]]

    def __len__(self) -> int:
        return len(self.series)

    def by_series(self) -> dict[str, NDArray[np.int_]]:
        """Id to the rows of a scan, in their order."""
        if not len(self):
            return {}
        order = np.argsort(self.series, kind="stable")
        names, starts = np.unique(self.series[order], return_index=True)
        return dict(zip(names.tolist(), np.split(order, starts[1:]), strict=True))


def plain_id(text: str) -> str:
    """An id without blanks, and without the leading zeros of a number."""
    text = text.strip()
    return str(int(text)) if text.isdigit() else text


def read_places(path: Path, numbers: Sequence[str] = ()) -> Places:
    """Read a table.

    Args:
        path: CSV or TSV.
        numbers: Columns wanted besides the place.

    Raises:
        DataError: If it is not such a table; the message names the column or the line.
    """
    wanted = ("seriesuid", *PLACE, *numbers)
    try:
        with path.open(encoding="utf-8-sig") as file:
            first = file.readline()
    except FileNotFoundError:
        raise DataError(f"expected a table at {path}, but there is no such file") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: expected a table as text, got something else") from None
    separator = max(",\t;", key=first.count)
    types = {name: pa.string() if name == "seriesuid" else pa.float64() for name in wanted}
    try:
        table = pacsv.read_csv(
            path,
            parse_options=pacsv.ParseOptions(delimiter=separator),
            convert_options=pacsv.ConvertOptions(
                column_types=types, include_columns=list(wanted), strings_can_be_null=False
            ),
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: expected columns {', '.join(wanted)}, got {reason}") from None
    columns = {name: table[name].to_numpy() for name in wanted[1:]}
    points = np.stack([columns[name] for name in PLACE], 1)
    if not np.isfinite(points).all():
        line = int(np.flatnonzero(~np.isfinite(points).all(1))[0]) + 2
        raise DataError(f"{path}: expected numbers in {', '.join(PLACE)}, got none in line {line}")
    ids = table["seriesuid"].dictionary_encode().combine_chunks()
    names = np.array([plain_id(name) for name in ids.dictionary.to_pylist()], object)
    return Places(names[ids.indices.to_numpy()], points, {n: columns[n] for n in numbers})


def read_ids(path: Path) -> tuple[str, ...]:
    """The scans of a study, one id a line; a head line ``seriesuid`` is skipped.

    Raises:
        DataError: If there is none.
    """
    if not path.is_file():
        raise DataError(f"expected a list of series ids at {path}, but there is no such file")
    lines = [line.split(",")[0] for line in path.read_text(encoding="utf-8-sig").splitlines()]
    ids = [plain_id(line) for line in lines if line.strip() and line.strip() != "seriesuid"]
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
        DataError: If it is not such a table; the message names the line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return tuple(_rated(path, csv.DictReader(file)))
    except FileNotFoundError:
        raise DataError(f"expected a table at {path}, but there is no such file") from None


def _rated(path: Path, rows: csv.DictReader[str]) -> Iterator[Rated]:
    for line, row in enumerate(rows, 2):
        try:
            x, y, z = (float(row[name]) for name in PLACE)
            said = {"true": True, "1": True, "false": False, "0": False}[row["mal_bool"].lower()]
            stars = tuple(int(v) for v in ast.literal_eval(row["mal_details"] or "[]"))
            yield Rated(
                plain_id(row["seriesuid"]), (x, y, z), float(row["diameter_mm"]), said, stars
            )
        except (KeyError, TypeError, ValueError, SyntaxError, AttributeError) as error:
            raise DataError(
                f"{path}, line {line}: expected seriesuid, {', '.join(PLACE)}, diameter_mm, "
                f"mal_bool and mal_details, got a problem with {error}"
            ) from None
