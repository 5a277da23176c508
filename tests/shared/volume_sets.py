"""Small folders of volumes, written with nibabel and SimpleITK, and nnU-Net's raw data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from PIL import Image as Pillow

SHAPE = (5, 8, 9)
SPACING = (3.0, 1.0, 1.5)


def codes_of(seed: int, values: Sequence[int] = (0, 1, 2), shape: tuple[int, ...] = SHAPE) -> Any:
    """Random codes, all of them there."""
    rng = np.random.default_rng(seed)
    codes = rng.choice(np.array(values, np.uint8), shape)
    codes.flat[: len(values)] = values
    return codes


def grey_of(seed: int, shape: tuple[int, ...] = SHAPE) -> Any:
    """Random grey levels."""
    return np.random.default_rng(1000 + seed).integers(0, 900, shape).astype(np.int16)


def write(
    path: Path,
    array: NDArray[Any],
    spacing: tuple[float, ...] = SPACING,
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Path:
    """A volume ``(z, y, x)`` as NIfTI by nibabel, as anything else by SimpleITK; PNG by Pillow."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if array.ndim == 2 or path.suffix == ".png":
        Pillow.fromarray(array).save(path)
    elif path.name.endswith((".nii", ".nii.gz")):
        affine = np.diag([-spacing[2], -spacing[1], spacing[0], 1.0])  # LPS, as SimpleITK writes
        affine[:3, 3] = np.multiply(origin, (-1, -1, 1))
        nibabel.save(nibabel.Nifti1Image(array.T, affine), path)
    else:
        image = sitk.GetImageFromArray(array)
        image.SetSpacing(spacing[::-1])
        image.SetOrigin(origin)
        sitk.WriteImage(image, str(path))
    return path


def nnunet(
    home: Path,
    labels: Mapping[str, Any],
    codes: Sequence[int],
    cases: Sequence[str] = ("a_001", "a_002", "a_003"),
    tests: Sequence[str] = (),
    channels: Mapping[str, str] | None = None,
    ending: str = ".nii.gz",
    version: int = 2,
) -> dict[str, NDArray[Any]]:
    """nnU-Net's raw data of one version; what is written as labels, by case."""
    channels = channels if channels is not None else {"0": "T1", "1": "T2"}
    shape = SHAPE[1:] if ending in (".png", ".bmp") else SHAPE
    truth = {}
    for k, case in enumerate([*cases, *tests]):
        part = "Tr" if case in cases else "Ts"
        for number in map(int, channels):
            grey = grey_of(10 * k + number, shape)
            grey = grey.astype(np.uint8) if len(shape) == 2 else grey
            write(home / f"images{part}" / f"{case}_{number:04}{ending}", grey)
        if case in cases:
            truth[case] = codes_of(k, codes, shape)
            write(home / "labelsTr" / f"{case}{ending}", truth[case])
    said: dict[str, Any] = {"name": home.name.split("_", 1)[-1], "numTraining": len(cases)}
    if version == 2:
        said |= {"channel_names": dict(channels), "labels": dict(labels), "file_ending": ending}
    else:
        said |= {
            "modality": dict(channels),
            "labels": {str(code): name for name, code in labels.items()},
            "training": [
                {"image": f"./imagesTr/{c}.nii.gz", "label": f"./labelsTr/{c}.nii.gz"}
                for c in cases
            ],
            "test": [f"./imagesTs/{c}.nii.gz" for c in tests],
            "licence": "CC BY 4.0",
        }
    (home / "dataset.json").write_text(json.dumps(said))
    return truth
