"""What can be jumped to in a case: findings that were written, or pieces of a prediction."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inklings.cases.case import Case
from inklings.geometry import Region
from inklings.viewer.layers import Layer, Layers
from inklings.viewer.pictures import Pictures
from inklings.viewer.shelf import Predicted
from inklings.viewer.volumes import millimetres

_MOST = 400
_SIDE = 2048
_AROUND = 3  # dimensions in which corners count as touching


@dataclass(frozen=True)
class Find:
    """One place.

    Attributes:
        id: Unique within the case and its prediction.
        title: The class, or what was found.
        probability: In [0, 1]; None where nobody said.
        malignancy: In [0, 1]; None where nobody said.
        size: Diameter of the disc or ball of the same content, in ``unit``.
        unit: ``mm``, ``um`` or ``px``.
        centre: Index in the image, array order.
        radii: Half of its box, array order, in samples.
        point: Where it is for the page of volumes, in mm; None for pictures.
    """

    id: str
    title: str
    probability: float | None
    malignancy: float | None
    size: float
    unit: str
    centre: tuple[float, ...]
    radii: tuple[float, ...]
    point: tuple[float, float, float] | None = None

    def record(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def finds(
    layers: Layers, pictures: Pictures, case: Case, number: int, predicted: Predicted
) -> list[Find]:
    """Places of one prediction of a case, the surest first; the largest few hundred."""
    written = predicted.folder / "findings" / f"{case.id}.json"
    if written.is_file():
        return _written(written, pictures, case)
    of_case = layers.of(case)
    if f"prediction{number}" not in of_case:
        return []
    found = _pieces(layers, pictures, case, of_case[f"prediction{number}"], of_case)
    found.sort(key=lambda find: (-(find.probability or 0), -find.size))
    return found[:_MOST]


def _pieces(
    layers: Layers, pictures: Pictures, case: Case, whole: Layer, of_case: dict[str, Layer]
) -> list[Find]:
    geometry = pictures.image(case).geometry
    factor = 1
    if len(geometry.shape) == 3:
        codes = layers.dense(case, whole)
    else:
        shrink = max(whole.height, whole.width) / _SIDE
        factor = 1 if shrink <= 1 else 2 ** math.ceil(math.log2(shrink))
        area = Region((0, 0), (-(-whole.height // factor), -(-whole.width // factor)))
        codes = layers.read(case, whole, factor, area)
    step = factor * geometry.shape[-1] * whole.span / whole.width
    objects = layers.objects(case, whole) if factor == 1 and codes.ndim == 2 else None
    found = []
    for code, name in enumerate(whole.classes, 1):
        heat_layer = of_case[f"{whole.id}.{code - 1}"]
        if codes.ndim == 3:
            heat = layers.dense(case, heat_layer)
        else:
            heat = layers.read(case, heat_layer, factor, area)
        mask = codes == code
        numbers = (
            np.where(mask, objects, 0).astype(np.int32)
            if objects is not None
            else ndimage.label(mask, np.ones((_AROUND,) * codes.ndim))[0]
        )
        for piece, box in _largest(numbers):
            inside = numbers[box] == piece
            found.append(
                _measured(
                    f"{whole.id}.{code}.{piece}", name, inside, heat[box], box, step, geometry
                )
            )
    return found


def _largest(numbers: NDArray[Any]) -> list[tuple[int, tuple[slice, ...]]]:
    boxes = ndimage.find_objects(numbers)
    sizes = np.bincount(numbers.ravel(), minlength=len(boxes) + 1)[1:]
    order = np.argsort(-sizes, kind="stable")[:_MOST]
    return [(int(k) + 1, boxes[k]) for k in order if boxes[k] is not None]


def _measured(
    name: str,
    title: str,
    inside: NDArray[np.bool_],
    heat: NDArray[np.uint8],
    box: tuple[slice, ...],
    step: float,
    geometry: Any,
) -> Find:
    places = np.argwhere(inside).mean(0) + [s.start for s in box]
    flat = len(box) == 2
    scale = step if flat else 1.0
    centre = tuple(float((v + 0.5) * scale - 0.5) for v in places)
    radii = tuple(float((s.stop - s.start) * scale / 2) for s in box)
    samples = float(inside.sum()) * scale ** len(box)
    cell = 1.0 if geometry.spacing is None else math.prod(geometry.spacing)
    content = samples * cell
    across = 2 * math.sqrt(content / math.pi) if flat else (6 * content / math.pi) ** (1 / 3)
    unit = "px" if geometry.spacing is None else "um" if flat else "mm"
    return Find(
        name,
        title,
        round(float(heat[inside].mean()) / 255, 4),
        None,
        across * (1000 if unit == "um" else 1),
        unit,
        centre,
        radii,
        None if flat else millimetres(geometry, centre),
    )


def _written(path: Path, pictures: Pictures, case: Case) -> list[Find]:
    """Findings of `inklings nodules`: places in the patient."""
    record = json.loads(path.read_text(encoding="utf-8"))
    rows = record["findings"] if isinstance(record, dict) else record
    geometry = pictures.image(case).geometry
    spacing = np.array(geometry.spacing or (1.0,) * len(geometry.shape))
    found = []
    for number, row in enumerate(rows):
        centre = tuple(float(v) for v in geometry.to_indices(row["centre_mm"]))
        diameter = float(row["diameter_mm"])
        found.append(
            Find(
                str(row.get("id", f"finding{number + 1}")),
                str(row.get("kind") or "nodule"),
                row.get("nodule", row.get("probability")),
                row.get("malignancy"),
                diameter,
                "mm",
                centre,
                tuple(float(v) for v in diameter / 2 / spacing),
                millimetres(geometry, centre),
            )
        )
    return found
