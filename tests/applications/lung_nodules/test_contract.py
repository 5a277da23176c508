"""The stages of a search for nodules keep the contract of every task."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from inklings.spec import Experiment
from inklings.testing.tasks import TaskContract


class StageContract(TaskContract):
    task: str
    made: Callable[..., Experiment]
    detector: Path

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _world(cls, experiment: Callable[..., Experiment], detector: Path) -> None:
        cls.made, cls.detector = staticmethod(experiment), detector

    def record(self, folder: Path) -> dict[str, Any]:  # noqa: ARG002
        section = {"detector": str(self.detector)} if self.task == "candidates" else {}
        record = self.made(self.task, section).model_dump(mode="json")
        return {**record, "training": {"steps": 2, "batch_size": 2}}


class TestDetection(StageContract):
    task = "detection"


class TestCandidates(StageContract):
    task = "candidates"


class TestMalignancy(StageContract):
    task = "malignancy"


class TestNoduleSegmentation(StageContract):
    task = "detection"

    def record(self, folder: Path) -> dict[str, Any]:
        record = super().record(folder)
        del record["detection"]
        model = {"name": "unet", "width": 2, "depth": 1}
        return {**record, "task": "nodule_segmentation", "model": model, "loss": "luna_dice"}
