"""The two tasks that inklings is made of keep the contract of every task."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.labels.kinds import MaskLabel
from inklings.simulation.phantoms.bags import vector_bags
from inklings.testing.tasks import TaskContract


class TestSegmentation(TaskContract):
    def record(self, folder: Path) -> dict[str, Any]:
        cases = []
        for i, part in enumerate(("train", "train", "val", "test")):
            mask = np.zeros((24, 24), np.uint8)
            mask[4 : 12 + i, 6:15] = 1
            picture, label = folder / f"{i}.png", folder / f"{i}-mask.png"
            Image.fromarray(mask * 150 + 40).save(picture)
            Image.fromarray(mask).save(label)
            labels = (MaskLabel(label, "image", "classes", ("square",)),)
            cases.append(Case(f"c{i}", f"p{i}", {"image": picture}, labels, part))  # type: ignore[arg-type]
        Cohort("squares", tuple(cases), ("square",)).write(folder / "cohort")
        return {
            "task": "segmentation",
            "cohort": str(folder / "cohort"),
            "model": {"name": "unet", "width": 2, "depth": 1},
            "loss": "bce",
            "sampling": {"size": 16},
            "training": {"steps": 2, "batch_size": 2},
            "inference": {"window": 32},
        }


class TestBags(TaskContract):
    def record(self, folder: Path) -> dict[str, Any]:
        vector_bags(folder / "cohort", 24)
        return {
            "task": "bags",
            "cohort": str(folder / "cohort"),
            "model": {"name": "bags", "encoder": {"name": "mlp", "hidden": [4]}, "pooling": "lse"},
            "loss": "bag",
            "bags": {"max_instances": 2},
            "training": {"steps": 2, "batch_size": 4},
        }
