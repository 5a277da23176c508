"""Cohorts of pictures, volumes and slides with two cases a patient."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.geometry import Geometry
from inklings.labels.files import write_mask
from inklings.labels.kinds import MaskLabel
from inklings.readers.nifti import write_nifti

AXES = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def _case(i: int, image: Path, mask: Path) -> Case:
    labels = (MaskLabel(mask, "image", "classes", ("disc",)),)
    split = "train" if i < 4 else "val" if i < 6 else "test"
    return Case(f"case{i}", f"patient{i // 2}", {"image": image}, labels, split)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Eight pictures of four patients: a bright disc on a dark ground."""
    cases = []
    for i in range(8):
        rng = np.random.default_rng(i)
        y, x = np.mgrid[:48, :48]
        cy, cx = rng.integers(12, 36, 2)
        disc = (y - cy) ** 2 + (x - cx) ** 2 <= 64
        image, mask = tmp_path / f"{i}.png", tmp_path / f"{i}-mask.png"
        grey = np.clip(60 + 90 * disc + rng.normal(0, 15, disc.shape), 0, 255).astype(np.uint8)
        Image.fromarray(grey).save(image)
        write_mask(mask, disc.astype(np.uint8))
        cases.append(_case(i, image, mask))
    return Cohort("pairs", tuple(cases), ("disc",)).write(tmp_path / "pictures").folder or tmp_path


@pytest.fixture
def volumes(tmp_path: Path) -> Path:
    """Eight volumes of four patients: a bright ball and a small bright speck that is no ball."""
    cases = []
    grid = Geometry((12, 32, 32), (3.0, 1.0, 1.0), (0.0, 0.0, 0.0), AXES)
    for i in range(8):
        rng = np.random.default_rng(i)
        z, y, x = np.mgrid[:12, :32, :32]
        cz, cy, cx = 6, *rng.integers(10, 16, 2).tolist()
        ball = 4 * (z - cz) ** 2 + (y - cy) ** 2 + (x - cx) ** 2 <= 49
        speck = (abs(z - 6) <= 1) & (abs(y - 27) <= 1) & (abs(x - 27) <= 1)
        values = 100 + 900 * (ball | speck) + rng.normal(0, 50, ball.shape)
        image, mask = tmp_path / f"{i}.nii.gz", tmp_path / f"{i}-mask.nii.gz"
        write_nifti(image, values.astype(np.int16), grid)
        write_mask(mask, ball.astype(np.uint8), grid)
        cases.append(_case(i, image, mask))
    return Cohort("balls", tuple(cases), ("disc",)).write(tmp_path / "volumes").folder or tmp_path
