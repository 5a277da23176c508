"""What can be jumped to in a case: findings that were written, or pieces of a prediction."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inklings.cohorts.case import Case
from inklings.errors import GeometryError
from inklings.geometry import Region
from inklings.labels.corrections import Shape
from inklings.predictions.findings import Findings
from inklings.viewer.layers import Layer, Layers
from inklings.viewer.pictures import PictureTiles
from inklings.viewer.shelf import Predicted
from inklings.viewer.volumes import millimetres

_MOST = 400
_SIDE = 2048
_FINE = 4096  # samples of the longer side of a finding, where it is looked at again
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
        outlined: False where a place and a size are all that is known of it.
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
    outlined: bool = True

    def record(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True)
class FindingPages:
    """Places of a case, how many of what the stages before left, and shapes by their ids."""

    places: tuple[Find, ...] = ()
    funnel: Mapping[str, int] = field(default_factory=dict)
    shapes: Mapping[str, Shape] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """For JSON."""
        return {"findings": [find.record() for find in self.places], "funnel": dict(self.funnel)}

    @property
    def nbytes(self) -> int:
        """What a cache should count."""
        return 100 + sum(500 + len(shape.runs) for shape in self.shapes.values())


def finds(
    layers: Layers, pictures: PictureTiles, case: Case, source: str, predicted: Predicted | None
) -> FindingPages:
    """Places of one prediction of a case, or of its labels; the surest first, then the largest.

    Args:
        layers: Of the shelf.
        pictures: Its images.
        case: Which case.
        source: Of a layer: ``prediction0``, ``labels``, ``truth``.
        predicted: The folder, if it is a prediction.
    """
    if predicted is not None and predicted.there.kind == "findings":
        done = case.id in predicted.cases
        return _written(predicted.folder, source, pictures, case) if done else FindingPages()
    of_case = layers.of(case)
    if source not in of_case:
        return FindingPages()
    found = _pieces(layers, pictures, case, of_case[source], of_case)
    found.sort(key=lambda pair: (-(pair[0].probability or 0), -pair[0].size))
    kept = found[:_MOST]
    return FindingPages(
        tuple(find for find, _ in kept), shapes={find.id: shape for find, shape in kept}
    )


def outline(layers: Layers, pictures: PictureTiles, case: Case, find: str, there: Shape) -> Shape:
    """The samples that a finding takes, as finely as its layer has them.

    Args:
        layers: Of the shelf.
        pictures: Its images.
        case: Which case.
        find: Id of the finding.
        there: What `FindingPages` has of it: on a slide its samples at a distance.
    """
    source, *number = find.split(".")
    whole = layers.of(case).get(source)
    if whole is None or there.kind != "mask" or len(there.size) != 2:
        return there
    width = pictures.image(case).geometry.shape[-1]
    factor, code = round(2 * there.radii[0] * whole.width / (width * whole.span)), int(number[0])
    finer = max(1, -(-max(there.size) * factor // _FINE))
    finer = min(factor, 2 ** math.ceil(math.log2(finer)))
    if finer == factor:
        return there
    ratio, step = factor // finer, 2 * there.radii[0] * finer / factor
    near = np.pad(there.mask(), 1)
    start = [
        round((p + 0.5) / (2 * r) - 0.5) - 1
        for p, r in zip(there.points[0], there.radii, strict=True)
    ]
    limits = [-(-n // finer) for n in (whole.height, whole.width)]
    low = [max(0, a * ratio) for a in start]
    high = [min(n, (a + s) * ratio) for n, a, s in zip(limits, start, near.shape, strict=True)]
    region = Region(tuple(low), tuple(b - a for a, b in zip(low, high, strict=True)))
    own = layers.read(case, whole, finer, region) == code
    cells = [np.arange(a, b) // ratio - s for a, b, s in zip(low, high, start, strict=True)]
    around = ndimage.binary_dilation(near, np.ones((_AROUND,) * 2))
    own &= around[np.ix_(*cells)]
    pieces, _ = ndimage.label(own, np.ones((_AROUND,) * 2))
    wanted = np.unique(pieces[near[np.ix_(*cells)]])
    mask = np.isin(pieces, wanted[wanted > 0])
    return Shape.of_mask(mask, tuple(low), step) if mask.any() else there


def _pieces(
    layers: Layers, pictures: PictureTiles, case: Case, whole: Layer, of_case: dict[str, Layer]
) -> list[tuple[Find, Shape]]:
    geometry = pictures.image(case).geometry
    factor = 1
    if len(geometry.shape) == 3:
        codes = layers.dense(case, whole)
        if codes.shape != geometry.shape:
            raise GeometryError(
                f"case {case.id}: expected a layer of shape {geometry.shape}, got {codes.shape}"
            )
    else:
        shrink = max(whole.height, whole.width) / _SIDE
        factor = 1 if shrink <= 1 else 2 ** math.ceil(math.log2(shrink))
        area = Region((0, 0), (-(-whole.height // factor), -(-whole.width // factor)))
        codes = layers.read(case, whole, factor, area)
    step = factor * geometry.shape[-1] * whole.span / whole.width
    objects = layers.objects(case, whole) if factor == 1 and codes.ndim == 2 else None
    found = []
    for code, name in enumerate(whole.classes, 1):
        heat_layer = of_case.get(f"{whole.id}.{code - 1}")  # labels have none
        if heat_layer is None:
            heat = None
        elif codes.ndim == 3:
            heat = layers.dense(case, heat_layer)
        else:
            heat = layers.read(case, heat_layer, factor, area)
        mask = codes == code
        # A model tells apart the objects of its first class only.
        apart = objects if code == 1 or heat is None else None
        numbers = (
            np.where(mask, apart, 0).astype(np.int32)
            if apart is not None
            else ndimage.label(mask, np.ones((_AROUND,) * codes.ndim))[0]
        )
        for piece, box in _largest(numbers):
            inside = numbers[box] == piece
            sure = None if heat is None else round(float(heat[box][inside].mean()) / 255, 4)
            find = _measured(f"{whole.id}.{code}.{piece}", name, inside, sure, box, step, geometry)
            shape = Shape.of_mask(
                inside, tuple(s.start for s in box), step if codes.ndim == 2 else 1.0
            )
            found.append((find, shape))
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
    probability: float | None,
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
    cell = 1.0 if geometry.spacing is None else geometry.cell_mm
    content = samples * cell
    across = 2 * math.sqrt(content / math.pi) if flat else (6 * content / math.pi) ** (1 / 3)
    unit = "px" if geometry.spacing is None else "um" if flat else "mm"
    return Find(
        name,
        title,
        probability,
        None,
        across * (1000 if unit == "um" else 1),
        unit,
        centre,
        radii,
        None if flat else millimetres(geometry, centre),
    )


def _written(folder: Path, source: str, pictures: PictureTiles, case: Case) -> FindingPages:
    """Findings, which are places in the patient."""
    there = Findings.read(folder, case.id)
    geometry = pictures.image(case).geometry
    geometry.require_spacing()
    places, shapes = [], {}
    for number, finding in enumerate(there.found, 1):
        centre = tuple(geometry.to_indices(finding.centre_mm).tolist())
        words = (finding.word("side"), finding.word("zone"), finding.name)
        name, radii = f"{source}.finding{number}", geometry.radii(finding.diameter_mm / 2)
        shapes[name] = Shape("ball", (centre,), radii)
        places.append(
            Find(
                name,
                " ".join(word for word in words if word),
                finding.score,
                finding.number("malignancy_probability"),
                finding.diameter_mm,
                "mm",
                centre,
                radii,
                millimetres(geometry, centre),
                outlined=False,
            )
        )
    return FindingPages(tuple(places), there.stage_counts, shapes)
