"""The rules of LUNA16 where they are not those of any FROC: its official files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from inklings.datasets.luna16 import NODULE
from inklings.datasets.luna_tables import read_ids, read_places
from inklings.evaluation.froc import Reference
from inklings.findings.points import PointTable


def from_tables(annotations: Path, excluded: Path | None, scans: Path | None) -> Reference:
    """The reference of the official files.

    Args:
        annotations: Nodules with ``diameter_mm``.
        excluded: What is ignored.
        scans: All ids; those of the annotations where it is not given.
    """
    nodules = read_places(annotations, ("diameter_mm",))
    ignored = (
        read_places(excluded, ("diameter_mm",)) if excluded else PointTable.of([], "diameter_mm")
    )
    ids = read_ids(scans) if scans else tuple(dict.fromkeys(nodules.cases.tolist()))
    known = set(ids)
    return Reference(ids, _within(nodules, known), _within(ignored, known), name=NODULE)


def _within(places: PointTable, known: set[str]) -> PointTable:
    here = np.array([name in known for name in places.cases], bool)
    values = {name: column[here] for name, column in places.values.items()}
    return PointTable(places.cases[here], places.points[here], values)
