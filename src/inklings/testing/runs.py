"""Runs, pictures and slides for tests of whatever comes after a training, made in milliseconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch
from numpy.typing import NDArray
from PIL import Image

from inklings.runs.run import ModelConfig, RunRecord, write_model
from inklings.spec import Component, Experiment

_SMALL = {"width": 4, "depth": 2}


def model_config(**changes: Any) -> ModelConfig:
    """A small U-Net for one class in colour pictures, with some fields replaced."""
    values: dict[str, Any] = {
        "model": Component(name="unet", options=_SMALL),
        "in_channels": 3,
        "channels": ("nucleus",),
        "classes": ("nucleus",),
        "divisor": 4,
    }
    return ModelConfig(**{**values, **changes})


def untrained_run(
    folder: Path, seed: int = 0, inference: dict[str, Any] | None = None, **changes: Any
) -> Path:
    """A run folder as a training leaves it, whose weights have learnt nothing.

    Args:
        folder: To write.
        seed: Of the weights.
        inference: Section of the experiment; objects by watershed if None.
        changes: Fields of the model_config.
    """
    plan = model_config(**changes)
    torch.manual_seed(seed)
    write_model(folder, plan.build(), plan)
    experiment: dict[str, Any] = {
        "cohort": "cohort",
        "model": {"name": plan.model.name, **plan.model.options},
        "loss": "bce",
        "training": {"steps": 1},
        "inference": inference or {"instances": "watershed", "window": 64},
    }
    Experiment.check(experiment, "untrained_run").write(folder / "experiment.yaml")
    thresholds = (0.5,) * len(plan.classes)
    RunRecord(thresholds, trained_on=("p1", "p2"), split_hash="abc").write(folder)
    return folder


def pictures(folder: Path, count: int, seed: int = 0) -> Path:
    """Colour pictures of noise, of odd sizes from 20 to 59, named ``p000.png`` and so on."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for i in range(count):
        size = (*rng.integers(20, 60, 2).tolist(), 3)
        Image.fromarray(rng.integers(0, 256, size, dtype=np.uint8)).save(folder / f"p{i:03}.png")
    return folder


def slides(
    folder: Path, count: int, shape: tuple[int, int] = (600, 500), um: float | None = 0.5
) -> Path:
    """Pyramids of two levels with purple blobs on white glass, ``s000.tiff`` and so on."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        write_pyramid(folder / f"s{i:03}.tiff", blobs(shape, i), um)
    return folder


def blobs(shape: tuple[int, int], seed: int = 0) -> NDArray[np.uint8]:
    """RGB ``(h, w, 3)``: discs of something stained, their pixels noisy, on white."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    picture = np.full((*shape, 3), 245, np.int64)
    for _ in range(3):
        centre, radius = rng.uniform(0.2, 0.8, 2) * shape, 0.2 * min(shape)
        inside = (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2
        stained = np.array([170, 90, 160])
        picture[inside] = stained + rng.integers(-60, 60, (int(inside.sum()), 1))
    return np.clip(picture, 0, 255).astype(np.uint8)


def write_pyramid(path: Path, picture: NDArray[np.uint8], um: float | None = None) -> None:
    """A tiled TIFF of level 0 and one four times coarser; ``(h, w, 3)`` or ``(h, w)``."""
    photometric = "rgb" if picture.ndim == 3 else "minisblack"
    with tifffile.TiffWriter(path) as file:
        for factor in (1, 4):
            cut = [n - n % factor for n in picture.shape[:2]]
            level = picture[: cut[0], : cut[1]][factor // 2 :: factor, factor // 2 :: factor]
            density: dict[str, Any] = {} if um is None else {"resolution": (1e4 / um / factor,) * 2}
            file.write(
                np.ascontiguousarray(level),
                photometric=photometric,
                tile=(128, 128),
                compression="adobe_deflate",
                resolutionunit="NONE" if um is None else "CENTIMETER",
                subfiletype=int(factor > 1),
                metadata=None,
                **density,
            )
