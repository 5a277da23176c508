"""The experiment files of the stages of a search for lung nodules."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from inklings.errors import DataError
from inklings.spec import Component, Experiment, Section

_Count = Annotated[int, Field(gt=0)]
NODULE = "nodule"
"""Class of the balls in a cohort of chest CTs."""
WINDOW_HU = -1000.0, 400.0
"""What becomes black and white."""
DETECTION: dict[str, Any] = {
    "region": "lungs",
    "intensity": {"name": "window", "low": WINDOW_HU[0], "high": WINDOW_HU[1]},
}
"""Section ``detection`` of a detector of lung nodules, beside its defaults."""
GREY = Component.model_validate(DETECTION["intensity"])
"""The same, as a component."""
_HERE = "inklings.applications.lung_nodules.tasks"


class BoxSection(Section):
    """Boxes around places of a CT, of which a network says yes or no.

    Attributes:
        side: Of a box, in voxels of ``spacing_mm``: one number, or ``(z, y, x)``.
        spacing_mm: Between the voxels of a box; ``voxels`` takes those of the scan as they are,
            as the reference does.
        positives: Share of drawn boxes of the second class.
        augment: Which changes a box undergoes.
        monitor: What the best weights on validation boxes go by, if ``training.validate_every``
            is given: ``f1``, or ``sensitivity`` at so many ``false_positives`` a scan.
        false_positives: Of a scan.
    """

    side: _Count | tuple[_Count, _Count, _Count] = 48
    spacing_mm: Annotated[float, Field(gt=0)] | Literal["voxels"] = 1.25
    positives: float = Field(default=0.5, ge=0, le=1)
    augment: tuple[Component, ...] = (
        Component(name="flips"),
        Component(name="offset"),
        Component(name="scale"),
        Component(name="rotate"),
        Component(name="noise"),
    )
    monitor: Literal["f1", "sensitivity"] = "f1"
    false_positives: float = Field(default=1.0, gt=0)

    @property
    def sides(self) -> tuple[int, int, int]:
        """Voxels of a box, ``(z, y, x)``."""
        return (self.side,) * 3 if isinstance(self.side, int) else self.side


class Candidates(BoxSection):
    """Nodule or not; with the detector whose candidates are judged.

    Attributes:
        detector: Run folder of the detector.
        side, spacing_mm, positives, augment, monitor, false_positives: As in `BoxSection`.
    """

    detector: Path


class Malignancy(BoxSection):
    """Malignant or benign.

    Attributes:
        finetune: Layers that learn, counted from the output, when it starts from a classifier of
            candidates (``--from``): 1 the last, 2 the last and the block before it; None all.
        side, spacing_mm, positives, augment, monitor, false_positives: As in `BoxSection`.
    """

    finetune: int | None = Field(default=None, ge=1, le=2)


class BoxExperiment(Experiment):
    """Base of what judges boxes."""

    @property
    @abstractmethod
    def boxes(self) -> BoxSection:
        """How boxes are cut, drawn and changed."""


class CandidateExperiment(BoxExperiment):
    """Whether a candidate of a detector is a nodule (``task: candidates``)."""

    learner: ClassVar[str] = f"{_HERE}.candidates:CandidateTask"
    task: Literal["candidates"] = "candidates"
    candidates: Candidates

    @property
    def boxes(self) -> BoxSection:
        """How boxes are cut, drawn and changed."""
        return self.candidates


class MalignancyExperiment(BoxExperiment):
    """Whether a nodule is malignant (``task: malignancy``)."""

    learner: ClassVar[str] = f"{_HERE}.malignancy:MalignancyTask"
    task: Literal["malignancy"] = "malignancy"
    malignancy: Malignancy = Malignancy()

    @property
    def boxes(self) -> BoxSection:
        """How boxes are cut, drawn and changed."""
        return self.malignancy


class NoduleSegmentationExperiment(Experiment):
    """Which voxels are nodule: the first stage of the reference (``task: nodule_segmentation``)."""

    learner: ClassVar[str] = f"{_HERE}.nodule_segmentation:NoduleSegmentationTask"
    task: Literal["nodule_segmentation"] = "nodule_segmentation"


def boxes_of(experiment: Experiment | None) -> BoxSection:
    """How a trained judge sees boxes.

    Raises:
        DataError: If the run is of another task.
    """
    if not isinstance(experiment, BoxExperiment):
        task = experiment.task if experiment else "none"
        raise DataError(f"expected a run of task candidates or malignancy, got one of {task}")
    return experiment.boxes
