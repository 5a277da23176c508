"""Masks as label images of OME-Zarr 0.4, whose coarser levels hold existing numbers in place."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.errors import MissingExtraError
from inklings.exports.scan import codes
from inklings.exports.source import Exporter, ExportSource
from inklings.files import owner
from inklings.predictions.heatmaps.colours import colours
from inklings.progress import note
from inklings.readers import open_image

_LARGEST = 512
"""Samples along a side of the coarsest level."""


class OmeZarr(Exporter):
    """``<case>.ome.zarr``: a label image, 0 background, 1 the first class and so on.

    Where a sample belongs to several classes, the most probable counts. It goes into ``labels/`` of
    the image.
    """

    def __init__(self) -> None:
        if find_spec("zarr") is None:
            raise MissingExtraError("--to ome-zarr needs zarr: pip install inklings[zarr]")

    def __call__(self, source: ExportSource, out: Path) -> Path:
        """Write one folder a case into ``out``, whole or not at all."""
        classes = source.head.classes
        for prediction in source:
            masks = np.stack([prediction.mask(source.head, k) for k in range(len(classes))])
            seen = source.glance(prediction.case)
            with open_image(seen.image, choice=seen.series) as image:
                grid = prediction.geometry or image.geometry
            if grid.direction is not None and not np.allclose(grid.axes, np.eye(len(grid.shape))):
                note(
                    f"case {prediction.case}: OME-Zarr holds no orientation: axes are as the file "
                    "stores them, and only the first sample lies where it lies in the patient"
                )
            path = out / f"{prediction.case}.ome.zarr"
            part = out / f".{path.stem}.{owner()}.x.part.zarr"
            shutil.rmtree(part, ignore_errors=True)
            found = codes(prediction, masks)
            write_labels(part, prediction.case, found, grid.spacing, grid.origin, classes)
            shutil.rmtree(path, ignore_errors=True)
            part.replace(path)
        return out


def write_labels(
    path: Path,
    name: str,
    labels: NDArray[np.unsignedinteger[Any]],
    spacing_mm: Sequence[float] | None,
    origin_mm: Sequence[float] | None,
    classes: Sequence[str],
) -> None:
    """Write one label image.

    Level ``k`` takes every ``2 ** k``-th sample along y and x, from the middle of the first block
    on (of a side shorter than that its last sample), and its translation says so.

    Args:
        path: A new folder.
        name: Of the label image, as it says itself.
        labels: ``(y, x)`` or ``(z, y, x)``.
        spacing_mm: In array order; None writes no unit.
        origin_mm: Centre of the first sample, ``(x, y[, z])``.
        classes: Names of 1, 2, ...
    """
    zarr: Any = import_module("zarr")
    names = "zyx"[3 - labels.ndim :]
    unit = {} if spacing_mm is None else {"unit": "millimeter"}
    step = np.array(spacing_mm or (1.0,) * labels.ndim)
    first = np.array(tuple(origin_mm or (0.0,) * labels.ndim)[::-1])
    group = zarr.open_group(str(path), mode="w", zarr_format=2)
    datasets = []
    for k in range(32):
        factor = np.array([1] * (labels.ndim - 2) + [2**k] * 2)
        begin = np.minimum(factor // 2, np.array(labels.shape) - 1)
        index = tuple(slice(int(b), None, int(f)) for b, f in zip(begin, factor, strict=True))
        level = np.ascontiguousarray(labels[index])
        chunks = (1,) * (labels.ndim - 2) + tuple(min(256, n) for n in level.shape[-2:])
        array = group.create_array(
            str(k), shape=level.shape, dtype=level.dtype, chunks=chunks,
            chunk_key_encoding={"name": "v2", "separator": "/"},
        )  # fmt: skip
        array[:] = level
        at = first + begin * step
        datasets.append({
            "path": str(k),
            "coordinateTransformations": [
                {"type": "scale", "scale": (factor * step).tolist()},
                {"type": "translation", "translation": at.tolist()},
            ],
        })  # fmt: skip
        if max(level.shape[-2:]) <= _LARGEST:
            break
    shown = colours(tuple(classes))
    group.attrs.update({
        "multiscales": [{
            "version": "0.4",
            "name": name,
            "axes": [{"name": axis, "type": "space", **unit} for axis in names],
            "datasets": datasets,
        }],
        "image-label": {
            "version": "0.4",
            "colors": [
                {"label-value": code, "rgba": [*map(int, colour), 255]}
                for code, colour in enumerate(shown, 1)
            ],
            "properties": [
                {"label-value": code, "class": name} for code, name in enumerate(classes, 1)
            ],
        },
    })  # fmt: skip
