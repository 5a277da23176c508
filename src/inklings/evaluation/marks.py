"""Marks of a detector, and what is to be found: from folders, tables and cohorts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from inklings.cohorts.balls import balls_of, class_of
from inklings.cohorts.case import Case
from inklings.datasets.luna_tables import read_places
from inklings.errors import DataError, SpecError
from inklings.evaluation.froc import Reference
from inklings.evaluation.selection import part_of
from inklings.evaluation.truth import truth
from inklings.findings.points import PointTable
from inklings.labels.kinds import IRRELEVANT
from inklings.predictions.findings import FOLDER, read_all


def read_marks(path: Path) -> PointTable:
    """A submission (CSV or TSV), or a folder that holds ``findings/<case>.json``.

    Raises:
        DataError: If it is neither.
    """
    if not path.is_dir():
        return read_places(path, ("probability",))
    every = read_all(path)
    rows = [(f.case, *one.centre_mm, one.score) for f in every for one in f]
    return PointTable.of(rows, "probability")


def unread(path: Path, reference: Reference) -> tuple[str, ...]:
    """Scans of the study for which a folder holds no findings, not even an empty file."""
    if not path.is_dir():
        return ()
    stems = np.array([file.stem for file in (path / FOLDER).glob("[!.]*.json")], object)
    there = set(reference.named(stems).tolist())
    return tuple(case for case in reference.cases if case not in there)


def from_cohort(folder: Path, split: str = "all", name: str | None = None) -> Reference:
    """The reference of a part of a cohort, with its patients.

    Args:
        folder: The cohort.
        split: The part that is scored.
        name: The class that is to be found; None: the only one that is marked by places.

    Raises:
        SpecError: If the cohort has no such part, or several classes.
        DataError: If there is no such object in it.
    """
    return of_cases(part_of(folder, truth(folder), split).cases, folder, name)


def of_cases(cases: Sequence[Case], folder: Path, name: str | None = None) -> Reference:
    """The reference of some cases of the cohort in ``folder``.

    Raises:
        SpecError: If there are none, or several classes.
        DataError: If there is no such object in them.
    """
    if not cases:
        raise SpecError(f"expected cases of this split in {folder}, got none; try another")
    name = class_of(cases, folder) if name is None else name
    rows: dict[str, list[tuple[str, float, float, float, float]]] = {name: [], IRRELEVANT: []}
    for case in cases:
        for one in balls_of(case, (name, IRRELEVANT)):
            size = -1.0 if one.diameter_mm is None else one.diameter_mm
            rows[one.name].append((case.id, *one.centre_mm, size))
    if not rows[name]:
        raise DataError(f"expected a {name} among the labels of {folder}, got none to be found")
    objects, ignored = (PointTable.of(rows[key], "diameter_mm") for key in (name, IRRELEVANT))
    ids, patients = zip(*((case.id, case.patient) for case in cases), strict=True)
    return Reference(ids, objects, ignored, patients, name)
