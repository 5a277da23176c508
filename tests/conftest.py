"""What every test starts from, and bright discs on a dark ground: learnt within seconds."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from inklings import progress
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.data.examples import Examples, from_masks
from inklings.labels.kinds import MaskLabel
from inklings.spec import Experiment, SegmentationExperiment

Disc = tuple[NDArray[np.uint8], NDArray[np.bool_]]


def disc_image(seed: int, side: int = 64) -> Disc:
    """``(3, side, side)`` uint8 and its mask."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    mask = np.zeros((side, side), np.bool_)
    for _ in range(5):
        cy, cx = rng.integers(6, side - 6, 2)
        mask |= (y - cy) ** 2 + (x - cx) ** 2 <= rng.integers(4, 9) ** 2
    noisy = 60 + 90 * mask + rng.normal(0, 15, (3, side, side))
    return np.clip(noisy, 0, 255).astype(np.uint8), mask


def disc_examples(seeds: range) -> Examples:
    """Examples with complete labels."""
    pairs = [disc_image(seed) for seed in seeds]
    return from_masks([image for image, _ in pairs], [mask for _, mask in pairs])


@pytest.fixture(scope="session")
def discs() -> Examples:
    return disc_examples(range(12))


@pytest.fixture(scope="session")
def val_discs() -> Examples:
    return disc_examples(range(100, 104))


@pytest.fixture
def spec() -> Callable[..., Experiment]:
    """Build a small experiment; keyword arguments replace parts of ``training`` or the whole."""

    def build(cohort: Path | str = "cohort", **changes: Any) -> Experiment:
        training = {
            "steps": 6,
            "batch_size": 4,
            "precision": "32-true",
            "loggers": [],
            "log_every": 2,
            "checkpoint_every": 2,
        }
        record: dict[str, Any] = {
            "cohort": str(cohort),
            "model": {"name": "unet", "width": 4, "depth": 2},
            "loss": "bce_dice",
            "sampling": {"size": 32},
        }
        record |= {k: v for k, v in changes.items() if k in SegmentationExperiment.model_fields}
        training |= {
            k: v for k, v in changes.items() if k not in SegmentationExperiment.model_fields
        }
        return Experiment.check({**record, "training": training}, "test")

    return build


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    """A cohort folder of ten cases: six to train on, two to validate, two to test."""
    folder = tmp_path / "cohort"
    (folder / "files").mkdir(parents=True)
    cases = []
    for i in range(10):
        image, mask = disc_image(i)
        picture, label = folder / "files" / f"{i}.png", folder / "files" / f"{i}-mask.png"
        Image.fromarray(np.moveaxis(image, 0, -1)).save(picture)
        Image.fromarray(mask.astype(np.uint8)).save(label)
        labels = (MaskLabel(label, "image", "instances", ("disc",)),)
        split = "train" if i < 6 else "val" if i < 8 else "test"
        cases.append(Case(f"case{i}", f"patient{i}", {"image": picture}, labels, split))
    Cohort("discs", tuple(cases), ("disc",)).write(folder)
    return folder


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What tests make slowly is kept for the others of the same run, and for nobody else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INKLINGS_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def _progress_is_shown() -> Iterator[None]:
    """A command run with ``--quiet`` in this process would silence the tests that follow."""
    progress.silence(False)
    yield
    progress.silence(False)
