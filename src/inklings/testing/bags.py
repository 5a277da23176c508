"""A small experiment on bags, for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from inklings.spec import BagExperiment


def bag_experiment(cohort: Path, steps: int = 40, **changes: Any) -> BagExperiment:
    """Vectors through a small network; ``model__pooling="max"`` changes ``model: {pooling}``."""
    record: dict[str, Any] = {
        "task": "bags",
        "cohort": str(cohort),
        "model": {"name": "bags", "encoder": {"name": "mlp", "hidden": [16]}, "pooling": "lse"},
        "loss": "bag",
        "training": {
            "steps": steps,
            "batch_size": 8,
            "learning_rate": 1e-2,
            "loggers": [],
            "precision": "32-true",
        },
    }
    for key, value in changes.items():
        section, _, name = key.partition("__")
        if name:
            record.setdefault(section, {})[name] = value
        else:
            record[section] = value
    return BagExperiment.check(record, "test")
