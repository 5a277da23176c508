"""Candidates that LUNA16 publishes: kept beside a cohort, or read from a table as it was given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from inklings.cohorts.cohort import Cohort
from inklings.datasets.luna_tables import read_places
from inklings.errors import DataError
from inklings.files import written
from inklings.findings.points import PointTable, plain_id

CANDIDATES = "candidates.parquet"


def write_candidates(cohort: Cohort, tables: Mapping[str, Path], out: Path) -> int:
    """Write ``candidates.parquet``: the candidates of the provider in scans that are there."""
    names = {plain_id(case.id): case.id for case in cohort}
    parts = []
    for table, path in tables.items():
        places = read_places(path, ("class",))
        here = np.array([series in names for series in places.cases], bool)
        x, y, z = places.points[here].T
        ids = [names[series] for series in places.cases[here]]
        nodule = places.values["class"][here] > 0.5
        columns = {"case": ids, "x": x, "y": y, "z": z, "nodule": nodule}
        columns["table"] = [table] * len(ids)
        parts.append(pa.table(columns))
    if not parts:
        return 0
    joined = pa.concat_tables(parts)
    with written(out / CANDIDATES) as path:
        pq.write_table(joined, path)
    return int(joined.num_rows)


def read_candidates(
    folder: Path, table: str = "candidates_V2"
) -> dict[str, tuple[NDArray[np.float64], NDArray[np.bool_]]]:
    """Case to the candidates of the provider: points ``(N, 3)`` in mm, and which are nodules.

    Raises:
        DataError: If the import found no such table.
    """
    path = folder / CANDIDATES
    rows = pq.read_table(path, filters=[("table", "=", table)]) if path.is_file() else None
    if rows is None or not rows.num_rows:
        raise DataError(
            f"expected candidates of {table}.csv in {path}, got none; put the table into the "
            "folder of LUNA16 and run 'inklings import luna16' again"
        )
    case = np.array(rows["case"].to_pylist(), object)
    points = np.stack([rows[axis].to_numpy() for axis in "xyz"], 1)
    nodule = rows["nodule"].to_numpy(zero_copy_only=False)
    places = PointTable(case, points, {})
    return {name: (points[k], nodule[k]) for name, k in places.by_case().items()}


def published_candidates(
    source: str, folder: Path, cases: Sequence[str]
) -> dict[str, tuple[NDArray[np.float64], NDArray[np.bool_]]]:
    """Case to published candidates, as of `read_candidates`.

    Args:
        source: A table such as ``candidates.csv``, or the name of one that the cohort came with.
        folder: Of the cohort.
        cases: Their ids; rows of other scans are left out.

    Raises:
        DataError: If there is no such table, or it speaks of none of the cases.
    """
    if not Path(source).suffix:
        return read_candidates(folder, source)
    places, names = read_places(Path(source), ("class",)), {plain_id(case): case for case in cases}
    nodule = places.values["class"] > 0.5
    by_case = places.by_case().items()
    found = {names[one]: (places.points[k], nodule[k]) for one, k in by_case if one in names}
    if not found:
        raise DataError(
            f"{source}: expected candidates of the scans in {folder}, got none of them; give the "
            "table of the same scans"
        )
    return found
