"""Numbers of an import become label files: planes as PNG, volumes as NIfTI on their grid."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from inklings.cohorts.case import Case
from inklings.cohorts.opening import open_case
from inklings.datasets.dataset import Mask
from inklings.datasets.instances import encode
from inklings.errors import LabelError
from inklings.files import write_bytes
from inklings.geometry import Geometry
from inklings.labels.files import mask_suffix, write_mask


def write_numbers(folder: Path, stem: str, mask: Mask, case: Case, image: str) -> Path:
    """Write one mask and return where.

    Raises:
        LabelError: If its shape is not that of the volume it lies on.
        DataError: If the grid has to be asked for, and the image cannot be opened.
    """
    if mask.samples.ndim == 2:
        path = folder / f"{stem}{mask_suffix(mask.samples)}"
        if path.suffix == ".png":
            write_bytes(path, encode(mask.samples), durable=False)  # very many, and made again
        else:
            write_mask(path, mask.samples)
        return path
    geometry = mask.geometry or _grid(case, image)
    if geometry.shape != mask.samples.shape:
        raise LabelError(f"a mask of {mask.samples.shape} samples, the image has {geometry.shape}")
    path = folder / f"{stem}.nii.gz"
    write_mask(path, mask.samples, placed(geometry))
    return path


def _grid(case: Case, image: str) -> Geometry:
    with open_case(case, image) as opened:
        return opened.geometry


def placed(geometry: Geometry) -> Geometry:
    """With a spacing to write, also where the image says none."""
    if geometry.spacing is not None:
        return geometry
    return dataclasses.replace(geometry, spacing=(1.0,) * len(geometry.shape))
