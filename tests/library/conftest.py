"""Cohorts of images in memory, and runs that learnt to tell bright from dark within seconds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from images_in_memory import field, scan

import inklings as ik


@pytest.fixture(scope="session")
def train() -> Callable[..., ik.Run]:
    """Train a small network, unlike a recipe, on a cohort."""

    def build(cohort: ik.Cohort, out: Path, **changes: Any) -> ik.Run:
        record: dict[str, Any] = {
            "cohort": "given below",
            "model": {"name": "unet", "width": 4, "depth": 2},
            "loss": "bce",
            "training": {"steps": 30, "batch_size": 4, "learning_rate": 0.02, "loggers": []},
            "sampling": {"size": 32, "augment": []},
            "inference": {"threshold": 0.5},
        }
        return ik.train(ik.Experiment.check({**record, **changes}, "test"), cohort=cohort, out=out)

    return build


@pytest.fixture(scope="session")
def fields(tmp_path_factory: pytest.TempPathFactory) -> ik.Cohort:
    """Twelve grey pictures of 0.5 um."""
    pictures = [field(seed) for seed in range(12)]
    return ik.import_dataset(
        "arrays",
        out=tmp_path_factory.mktemp("fields") / "cohort",
        images=[image for image, _ in pictures],
        masks=[objects for _, objects in pictures],
        classes=["nucleus"],
        instances=True,
        spacing_mm=0.0005,
        fractions=(0.5, 0.25, 0.25),
    )


@pytest.fixture(scope="session")
def field_run(
    fields: ik.Cohort, train: Callable[..., ik.Run], tmp_path_factory: pytest.TempPathFactory
) -> ik.Run:
    return train(fields, tmp_path_factory.mktemp("fields") / "run")


@pytest.fixture(scope="session")
def scans(tmp_path_factory: pytest.TempPathFactory) -> ik.Cohort:
    """Eight volumes, stored along the axes of the patient."""
    volumes = [scan(seed) for seed in range(8)]
    return ik.import_dataset(
        "arrays",
        out=tmp_path_factory.mktemp("scans") / "cohort",
        images=[image for image, _ in volumes],
        masks=[mask for _, mask in volumes],
        classes=["liver"],
        patients=[f"p{seed // 2}" for seed in range(8)],
        spacing_mm=(4.0, 1.0, 1.0),
        fractions=(0.5, 0.25, 0.25),
    )


@pytest.fixture(scope="session")
def scan_run(
    scans: ik.Cohort, train: Callable[..., ik.Run], tmp_path_factory: pytest.TempPathFactory
) -> ik.Run:
    return train(
        scans,
        tmp_path_factory.mktemp("scans") / "run",
        volumes="2d",
        sampling={"size": 16, "augment": []},
    )
