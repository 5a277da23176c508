"""Which images of a folder of predictions are unlike those of the training: ``likeness.csv``."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inklings.arrays import read_npz
from inklings.errors import DataError
from inklings.files import read_text, write_rows
from inklings.predictions.findings import Findings
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.likeness import LEVEL, Judged, Likeness
from inklings.predictions.shift import two_sample
from inklings.predictions.slides import SlidePrediction
from inklings.predictions.stored import case_file, damaged

TABLE = "likeness.csv"
_COLUMNS = ("case", "distance", "nearer", "of", "unlike", "by")
_NAMED = 5
_SHIFTED = 0.01  # probability of such a line about patients like those of the training


def write_likeness(
    there: PredictionFolder, likeness: Likeness, patients: Mapping[str, str]
) -> tuple[str, ...]:
    """Write a line for each case whose statistics were kept.

    Args:
        there: The predictions.
        likeness: Of the run.
        patients: Case to patient.

    Returns:
        In words which images are unlike those of the training, and whether all together are.

    Raises:
        DataError: If a case is damaged.
    """
    kept, rows = [], []
    for case in there.cases:
        found = _statistics(there, case)
        if found is not None and found.shape == likeness.values.shape[1:]:
            kept.append(case)
            rows.append(found)
    lost = len(there.cases) - len(rows)
    alone = f"{lost} of {len(there.cases)} cases are not compared with those of the training"
    if not rows:
        return (alone,) if lost else ()
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
    _, first = np.unique([patients[case] for case in kept], return_index=True)
    lines = (said(judged), drift(likeness, np.stack(rows)[first]), alone if lost else "")
    return tuple(line for line in lines if line)


def _statistics(there: PredictionFolder, case: str) -> NDArray[np.float32] | None:
    """What was kept of a case, without reading all of what was predicted; None where nothing."""
    if there.kind == "findings" or case in there.slides:
        payload = there.payload(case)
        assert isinstance(payload, Findings | SlidePrediction)
        values = [np.nan if value is None else value for value in payload.statistics]
        return np.array(values, np.float32) if values else None
    path = case_file(there.path, case)
    try:
        return read_npz(path, ("statistics",)).get("statistics")
    except ValueError as error:
        raise damaged(path, error) from None


def drift(likeness: Likeness, values: NDArray[np.float32]) -> str:
    """In words whether new patients as a whole are unlike those of the training; "" where not.

    The two-sample test of Kolmogorov and Smirnov, of each statistic of the fingerprint but sides,
    and of both distances, at a level of 1 % over all.

    Args:
        likeness: Of the run.
        values: ``(M, F + D)``, one image of each patient.
    """
    pairs = likeness.compared(values)
    level = _SHIFTED / len(pairs)
    found = {
        name: p
        for name, (known, new) in pairs.items()
        if (p := two_sample(known.tolist(), new.tolist(), level)) is not None and p < level
        if not name.startswith("distance") or np.median(new) > np.median(known)  # nearer is alike
    }
    if not found:
        return ""
    worst = min(found, key=lambda name: found[name])
    return (
        f"as a whole the {len(values)} patients are unlike those of the training ({worst}, "
        f"Kolmogorov-Smirnov p = {found[worst]:.2g})"
    )


def said(judged: Mapping[str, Judged]) -> str:
    """In words which cases are unlike the training images, the farthest first; "" where none is."""
    found = unlike(judged)
    if not found:
        return ""
    names = ", ".join(found[:_NAMED]) + (", ..." if len(found) > _NAMED else "")
    return (
        f"{len(found)} of {len(judged)} images are unlike the training images: {names} (see "
        f"{TABLE}; by chance about 1 in {round(1 / LEVEL)} is)"
    )


def unlike(judged: Mapping[str, Judged]) -> list[str]:
    """Cases that are unlike the training images, the farthest first."""
    found = (case for case, one in judged.items() if one.unlike)
    return sorted(found, key=lambda case: -judged[case].distance)


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
