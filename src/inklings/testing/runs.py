"""Runs and pictures for tests of whatever comes after a training, made in milliseconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from inklings.inference.run import Blueprint, Record, write_model
from inklings.spec import Component, Experiment

_SMALL = {"width": 4, "depth": 2}


def blueprint(**changes: Any) -> Blueprint:
    """A small U-Net for one class in colour pictures, with some fields replaced."""
    values: dict[str, Any] = {
        "model": Component(name="unet", options=_SMALL),
        "in_channels": 3,
        "channels": ("nucleus",),
        "classes": ("nucleus",),
        "divisor": 4,
    }
    return Blueprint(**{**values, **changes})


def untrained_run(
    folder: Path, seed: int = 0, inference: dict[str, Any] | None = None, **changes: Any
) -> Path:
    """A run folder as a training leaves it, whose weights have learnt nothing.

    Args:
        folder: To write.
        seed: Of the weights.
        inference: Section of the experiment; objects by watershed if None.
        changes: Fields of the blueprint.
    """
    plan = blueprint(**changes)
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
    Record(thresholds, trained_on=("p1", "p2"), split_hash="abc").write(folder)
    return folder


def pictures(folder: Path, count: int, seed: int = 0) -> Path:
    """Colour pictures of noise, of odd sizes from 20 to 59, named ``p000.png`` and so on."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for i in range(count):
        size = (*rng.integers(20, 60, 2).tolist(), 3)
        Image.fromarray(rng.integers(0, 256, size, dtype=np.uint8)).save(folder / f"p{i:03}.png")
    return folder
