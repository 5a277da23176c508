"""Chest phantoms in the layout of LUNA16: subsets, annotations, exclusions, candidates, ratings.

Scans are written one after the other, so that any number fits into the memory of one. Exclusions
are places on vessels, which some readers mark in real scans, too; candidates are these, others
like them, and every nodule.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from inklings import progress
from inklings.files import write_bytes, write_text
from inklings.geometry import Geometry
from inklings.simulation.phantoms.chest import SHAPE, Chest, Patient
from inklings.simulation.phantoms.nodules import Nodule

_ROOT = "2.25.4707"
_SUBSETS = 10
_EXCLUDED, _EASY = 3, 40
_TABLES = {
    "annotations.csv": ("seriesuid", "coordX", "coordY", "coordZ", "diameter_mm"),
    "annotations_excluded.csv": ("seriesuid", "coordX", "coordY", "coordZ", "diameter_mm"),
    "candidates.csv": ("seriesuid", "coordX", "coordY", "coordZ", "class"),
    "candidates_V2.csv": ("seriesuid", "coordX", "coordY", "coordZ", "class"),
    "annotations_with_malignancy.csv": (
        "seriesuid", "coordX", "coordY", "coordZ", "diameter_mm", "mal_bool", "mal_details",
    ),
}  # fmt: skip
Rows = dict[str, list[tuple[Any, ...]]]


def write_luna(
    root: Path,
    scans: int = 10,
    seed: int = 0,
    shape: tuple[int, int, int] = SHAPE,
    nodules: int | None = None,
    malignant: float = 0.4,
    subsets: int = _SUBSETS,
) -> Path:
    """Write ``scans`` phantoms as LUNA16 is delivered.

    Args:
        root: New folder.
        scans: How many patients, spread over the subsets.
        seed: Of the first; the others count on.
        shape: Slices, rows and columns.
        nodules: In each; 1 to 6 by default.
        malignant: Chance of each nodule.
        subsets: How many ``subset<k>`` folders.

    Returns:
        ``root``.
    """
    rows: Rows = {name: [] for name in _TABLES}
    for number in progress.track(range(scans), "chest phantoms"):
        patient = Patient(seed * 100_000 + number, nodules, malignant)
        scan = patient.render(shape)
        uid = f"{_ROOT}.{seed}.{number}"
        write_mhd(root / f"subset{number % subsets}" / f"{uid}.mhd", scan.image, scan.geometry)
        _tell(rows, uid, patient, scan)
    for name, columns in _TABLES.items():
        write_text(root / name, _csv(columns, rows[name]))
    return root


def _tell(rows: Rows, uid: str, patient: Patient, scan: Chest) -> None:
    rng = np.random.default_rng([patient.seed, 53])
    excluded, easy = _places(rng, patient, scan.geometry, scan.nodules)
    for nodule in scan.nodules:
        place = (uid, *nodule.centre_mm)
        rows["annotations.csv"].append((*place, nodule.diameter_mm))
        rows["annotations_with_malignancy.csv"].append(
            (*place, nodule.diameter_mm, nodule.malignant, str(list(nodule.ratings)))
        )
        for table in ("candidates.csv", "candidates_V2.csv"):
            off = rng.normal(0, nodule.diameter_mm / 10, 3)
            rows[table].append((uid, *np.round(np.add(nodule.centre_mm, off), 3).tolist(), 1))
    rows["annotations_excluded.csv"] += [(uid, *place, -1) for place in excluded]
    for table in ("candidates.csv", "candidates_V2.csv"):
        rows[table] += [(uid, *place, 0) for place in (*excluded, *easy)]


def _places(
    rng: np.random.Generator, patient: Patient, geometry: Geometry, nodules: Sequence[Nodule]
) -> tuple[list[tuple[float, ...]], list[tuple[float, ...]]]:
    """Places on vessels that are no nodules: those that are excluded, and others."""
    nodes = np.concatenate([tree.nodes[tree.radius > 0.8] for tree in patient.anatomy.trees])
    nodes = nodes[rng.permutation(len(nodes))]
    points = np.round(patient.placed(nodes), 3)
    index = geometry.to_indices(points)
    kept = ((index >= 0) & (index <= np.array(geometry.shape) - 1)).all(1)
    for nodule in nodules:
        off = np.linalg.norm(points - nodule.centre_mm, axis=1)
        kept &= off > nodule.diameter_mm / 2 + 8
    chosen = [tuple(point) for point in points[kept].tolist()]
    return chosen[:_EXCLUDED], chosen[_EXCLUDED : _EXCLUDED + _EASY]


def write_mhd(path: Path, image: Any, geometry: Geometry) -> None:
    """Write ``image (Z, Y, X)`` int16 as ``.mhd`` and ``.raw``, the header last."""
    raw = path.with_suffix(".raw")
    write_bytes(raw, np.ascontiguousarray(image, "<i2").tobytes(), durable=False)
    spacing = geometry.require_spacing()
    lines = {
        "ObjectType": "Image",
        "NDims": 3,
        "BinaryData": True,
        "BinaryDataByteOrderMSB": False,
        "CompressedData": False,
        "TransformMatrix": _numbers(geometry.axes.T.ravel()),
        "Offset": _numbers(geometry.origin or (0, 0, 0)),
        "CenterOfRotation": "0 0 0",
        "AnatomicalOrientation": "RAI",
        "ElementSpacing": _numbers(spacing[::-1]),
        "DimSize": " ".join(map(str, geometry.shape[::-1])),
        "ElementType": "MET_SHORT",
        "ElementDataFile": raw.name,
    }
    write_text(path, "".join(f"{key} = {value}\n" for key, value in lines.items()))


def _numbers(values: Any) -> str:
    return " ".join(f"{float(value):.10g}" for value in values)


def _csv(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
