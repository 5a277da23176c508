"""A small experiment on bags, for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from inklings.spec import Experiment


def bag_experiment(cohort: Path, steps: int = 40, **changes: Any) -> Experiment:
    """Vectors through a small network; ``model__pooling="max"`` changes ``model: {pooling}``."""
    record: dict[str, Any] = {
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
    return Experiment.check(record, "test")
