from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow

from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.labels.kinds import MaskLabel

Pictures = Mapping[str, NDArray[np.uint8]]
MakeCohort = Callable[..., Cohort]


def squares(height: int = 40, width: int = 48) -> NDArray[np.uint16]:
    mask = np.zeros((height, width), np.uint16)
    mask[5:15, 5:15] = 1
    mask[20:30, 25:35] = 2
    return mask


@pytest.fixture
def make_cohort(tmp_path: Path) -> MakeCohort:
    """Write pictures (and masks of two squares, where none are given) as a cohort and read it."""

    def make(
        pictures: Pictures,
        masks: Mapping[str, NDArray[Any] | None] | None = None,
        **fields: Mapping[str, Any],
    ) -> Cohort:
        cases = []
        for name, picture in pictures.items():
            image = tmp_path / "images" / f"{name}.png"
            label = tmp_path / "labels" / f"{name}.png"
            for path in (image, label):
                path.parent.mkdir(exist_ok=True)
            Pillow.fromarray(picture).save(image)
            mask = (masks or {}).get(name, squares(*picture.shape[:2]))
            labels: tuple[MaskLabel, ...] = ()
            if mask is not None:
                Pillow.fromarray(mask).save(label)
                labels = (MaskLabel(label, "image", "instances", ("nucleus",)),)
            more = {key: values[name] for key, values in fields.items() if name in values}
            cases.append(Case(**{"id": name, "patient": name, "images": {"image": image},
                                 "labels": labels, **more}))  # fmt: skip
        Cohort("small", tuple(cases), ("nucleus",)).write(tmp_path)
        return Cohort.read(tmp_path)

    return make


def noise(seed: int, height: int = 40, width: int = 48) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)


@pytest.fixture
def noisy(make_cohort: MakeCohort) -> Cohort:
    """Six sound cases that have nothing in common."""
    return make_cohort({f"c{i}": noise(i) for i in range(6)})
