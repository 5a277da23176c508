"""The stages of a search for nodules keep the contract of every task."""

from pathlib import Path
from typing import Any, ClassVar

import pytest

from inklings.testing.tasks import TaskContract


class StageContract(TaskContract):
    model: ClassVar[dict[str, Any]]
    loss = "bce"
    own: ClassVar[dict[str, Any]]
    cohort: Path

    @pytest.fixture(autouse=True, scope="class")
    def _world(self, request: pytest.FixtureRequest, cohort: Path) -> None:
        request.cls.cohort = cohort

    def record(self, folder: Path) -> dict[str, Any]:  # noqa: ARG002
        training = {"steps": 2, "batch_size": 2}
        record = {"cohort": str(self.cohort), "model": self.model, "loss": self.loss}
        return {**record, "training": training, **self.own}


class TestDetection(StageContract):
    model: ClassVar = {"name": "centre_point", "width": 4, "blocks": 1}
    loss = "centre_point"
    own: ClassVar = {"task": "detection", "detection": {"side": 32}}


class TestCandidates(StageContract):
    model: ClassVar = {"name": "nodule_net", "width": 4}
    detector: Path

    @pytest.fixture(autouse=True, scope="class")
    def _detector(self, request: pytest.FixtureRequest, detector: Path) -> None:
        request.cls.detector = detector

    def record(self, folder: Path) -> dict[str, Any]:
        section = {"side": 16, "detector": str(self.detector)}
        self.own = {"task": "candidates", "candidates": section}
        return super().record(folder)


class TestMalignancy(StageContract):
    model: ClassVar = {"name": "nodule_net", "width": 4}
    own: ClassVar = {"task": "malignancy", "malignancy": {"side": 16}}


class TestNoduleSegmentation(StageContract):
    model: ClassVar = {"name": "unet", "width": 2, "depth": 1}
    loss = "luna_dice"
    own: ClassVar = {"task": "nodule_segmentation"}
