"""Which images of a folder of predictions are unlike those of the training: ``likeness.csv``."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from inklings.arrays import read_npz
from inklings.errors import DataError
from inklings.files import read_text, write_rows
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.likeness import LEVEL, Judged, Likeness
from inklings.predictions.stored import case_file, damaged

TABLE = "likeness.csv"
_COLUMNS = ("case", "distance", "nearer", "of", "unlike", "by")
_NAMED = 5


def write_likeness(there: PredictionFolder, likeness: Likeness) -> str:
    """Write a line for each case whose statistics were kept; in words which are unlike, or "".

    Raises:
        DataError: If a case is damaged.
    """
    kept, rows = [], []
    for case in there.cases:
        path = case_file(there.path, case)
        if case in there.slides:
            continue
        try:
            arrays = read_npz(path, ("statistics",))
        except ValueError as error:
            raise damaged(path, error) from None
        found = arrays.get("statistics")
        if found is not None and found.shape == likeness.values.shape[1:]:
            kept.append(case)
            rows.append(found)
    if not rows:
        return ""
    judged = dict(zip(kept, likeness.judge(np.stack(rows)), strict=True))
    write_rows(
        there.path / TABLE,
        [
            {
                "case": case,
                "distance": f"{one.distance:.4g}",
                "nearer": one.nearer,
                "of": one.of,
                "unlike": "yes" if one.unlike else "no",
                "by": one.by,
            }
            for case, one in judged.items()
        ],
    )
    return said(judged)


def said(judged: Mapping[str, Judged]) -> str:
    """In words which cases are unlike the training images, the farthest first; "" where none is."""
    unlike = sorted(
        (case for case in judged if judged[case].unlike), key=lambda k: -judged[k].distance
    )
    if not unlike:
        return ""
    names = ", ".join(unlike[:_NAMED]) + (", ..." if len(unlike) > _NAMED else "")
    return (
        f"{len(unlike)} of {len(judged)} images are unlike the training images: {names} (see "
        f"{TABLE}; by chance about 1 in {round(1 / LEVEL)} is)"
    )


def read_likeness(folder: Path) -> dict[str, Judged]:
    """Case to how unlike the training images it is; empty where nothing was written.

    Raises:
        DataError: If the table is damaged.
    """
    path = folder / TABLE
    if not path.is_file():
        return {}
    rows = csv.DictReader(read_text(path, "a table of likeness").splitlines())
    try:
        return {
            row["case"]: Judged(
                float(row["distance"]),
                int(row["nearer"]),
                int(row["of"]),
                row["unlike"] == "yes",
                row["by"],
            )
            for row in rows
        }
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} is damaged ({error}); predict again") from None
