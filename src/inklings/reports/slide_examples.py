"""Predicted slides as pictures: the thumbnail with the outlines of both sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from skimage.measure import label

from inklings.cohorts.case import Case
from inklings.cohorts.region import annotate_overview
from inklings.geometry import Region
from inklings.labels.kinds import CaseLabel
from inklings.predictions.guarantee import guaranteed, promises_masks
from inklings.predictions.head import Head
from inklings.predictions.heatmaps.tiled import Map, level_near
from inklings.predictions.numbers import coded
from inklings.predictions.slides import (
    CLASSES,
    HEATMAP,
    THUMBNAIL,
    Area,
    SlidePrediction,
    folder_of,
)
from inklings.reports.examples import Example, score_of
from inklings.reports.pictures import Plane, overlay


def predicted_slide(
    line: Mapping[str, Any], folder: Path, head: Head, case: Case, remarks: Sequence[str] = ()
) -> Example:
    """One predicted slide; where there is a guaranteed mask, it is outlined, too.

    Args:
        line: Its line in the table of cases.
        folder: The predictions.
        head: Their head.
        case: With true labels.
        remarks: A few words each, to be noted first.
    """
    record = SlidePrediction.read(folder, case.id)
    with Pillow.open(folder_of(folder, case.id) / THUMBNAIL) as picture:
        thumbnail = np.asarray(picture.convert("RGB"))
    shape = (thumbnail.shape[0], thumbnail.shape[1])
    layers: dict[str, NDArray[Any]] = {}
    name = next((k.image for k in case.labels if not isinstance(k, CaseLabel)), None)
    if name is not None:
        true = annotate_overview(case, name, record.classes)
        layers["truth"] = _objects(true.category, shape)
    side = max(shape)
    layers["predicted"] = _objects(_overview(record, folder, CLASSES, side)[0], shape)
    if promises_masks(head):
        heat = _overview(record, folder, HEATMAP, side)
        layers["guaranteed"] = _objects(coded(heat, guaranteed(head).thresholds), shape)
    notes = tuple(_size(area) for area in record.areas)
    return Example(
        overlay(Plane(thumbnail, layers), f"case {case.id}"),
        case.id,
        score_of(line),
        (*remarks, *notes, *record.remarks),
    )


def _overview(record: SlidePrediction, folder: Path, name: str, side: int) -> NDArray[np.uint8]:
    """A map ``(C, y, x)`` at the level next above ``side`` samples."""
    path = folder_of(folder, record.case) / name
    with Map(path, level_near(path, side)) as found:
        return found.read(Region((0, 0), found.shape[1:]))


def _objects(codes: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.int64]:
    """Numbered regions of one class, on another grid of the same extent."""
    near = Pillow.fromarray(codes).resize(shape[::-1], Pillow.Resampling.NEAREST)
    numbers: NDArray[np.int64] = label(np.asarray(near), background=0, connectivity=1)  # type: ignore[no-untyped-call]
    return numbers


def _size(area: Area) -> str:
    if area.mm2 is None:
        return f"{area.name} {area.share:.1%} of the tissue"
    return f"{area.name} {area.mm2:.3g} mm\u00b2"
