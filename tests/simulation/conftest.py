"""A small cohort of discs with exact instance masks, and its objects."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.labels.files import write_mask
from inklings.labels.kinds import BagLabel, MaskLabel


def draw_discs(seed: int, count: int = 12, shape: tuple[int, int] = (96, 128)) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    objects = np.zeros(shape, np.int32)
    for number in range(1, count + 1):
        y, x, r = rng.uniform(8, shape[0] - 8), rng.uniform(8, shape[1] - 8), rng.uniform(4, 8)
        objects[(rows - y) ** 2 + (columns - x) ** 2 <= r * r] = number
    return objects


@pytest.fixture
def discs() -> np.ndarray:
    return draw_discs(0)


@pytest.fixture
def full(tmp_path: Path) -> Path:
    """Six cases, the last without any object, and one with nothing but a bag label."""
    return make_cohort(tmp_path / "full")


def make_cohort(folder: Path) -> Path:
    cases = []
    for i in range(6):
        objects = draw_discs(i, 0 if i == 5 else 12)
        image, mask = folder / "images" / f"c{i}.png", folder / "masks" / f"c{i}.png"
        image.parent.mkdir(parents=True, exist_ok=True)
        Pillow.fromarray((objects > 0).astype(np.uint8) * 200).save(image)
        write_mask(mask, objects.astype(np.uint16))
        label = MaskLabel(mask, "image", "instances", ("nucleus",))
        split = ("train", "train", "train", "val", "test", "test")[i]
        facts = {"modality": "phantom"}
        cases.append(Case(f"c{i}", f"p{i}", {"image": image}, (label,), split, facts))
    bag = (BagLabel("nucleus", True),)
    cases.append(Case("c6", "p6", cases[0].images, bag, "train"))
    Cohort("discs", tuple(cases), ("nucleus",), {"licence": "CC0"}).write(folder)
    return folder
