"""The experiment files of the stages of a search for lung nodules."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

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
            is given: ``f1``, ``auc``, or ``sensitivity`` at so many ``false_positives`` a scan.
        false_positives: Of a scan.
        file: Published candidates: a table such as ``candidates.csv`` of LUNA16, or the name of
            one that the cohort was imported with (``candidates``, ``candidates_V2``).
        max_candidates: Largest number of a scan that are no nodules: of those of a detector the
            surest, of those of a file as many, evenly from all over it.
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
    monitor: Literal["f1", "auc", "sensitivity"] = "f1"
    false_positives: float = Field(default=1.0, gt=0)
    file: str | None = None
    max_candidates: _Count = 40

    @property
    def sides(self) -> tuple[int, int, int]:
        """Voxels of a box, ``(z, y, x)``."""
        return (self.side,) * 3 if isinstance(self.side, int) else self.side

    @property
    def sized(self) -> bool:
        """Whether the network is told how large what it judges is."""
        return True


class Candidates(BoxSection):
    """Nodule or not, of the candidates of a detector or of those that are published.

    Attributes:
        detector: Run folder of the detector; this or ``file``.
        side, spacing_mm, positives, augment, monitor, false_positives, file, max_candidates: As
            in `BoxSection`.
    """

    detector: Path | None = None

    @model_validator(mode="after")
    def _of_one_kind(self) -> Candidates:
        if (self.detector is None) == (self.file is None):
            got = "neither" if self.file is None else "both"
            raise ValueError(
                f"expected detector (a run) or file (published candidates), got {got}; give one"
            )
        return self

    @property
    def sized(self) -> bool:
        """Whether the candidates have a size: published ones are places and nothing more."""
        return self.file is None


class Malignancy(BoxSection):
    """Malignant or benign.

    Attributes:
        finetune: Layers that learn, counted from the output, when it starts from a classifier of
            candidates (``--from``): 1 the last, 2 the last and the block before it; None all. The
            last begins anew: it has learnt another question.
        non_nodules: Share of drawn boxes that are no nodules at all, from ``file``; they count as
            benign. What neither this nor ``positives`` takes are benign nodules.
        side, spacing_mm, positives, augment, monitor, false_positives, file, max_candidates: As
            in `BoxSection`.
    """

    finetune: int | None = Field(default=None, ge=1, le=2)
    non_nodules: float = Field(default=0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _from_somewhere(self) -> Malignancy:
        if (self.non_nodules > 0) != (self.file is not None):
            raise ValueError(
                "expected non_nodules (a share) and file (published candidates) together, got "
                f"non_nodules {self.non_nodules:g} and file {self.file}; give both or neither"
            )
        if self.positives + self.non_nodules > 1:
            raise ValueError(
                "expected positives and non_nodules to be 1 at most together, got "
                f"{self.positives:g} and {self.non_nodules:g}; lower one"
            )
        return self


class NoduleSegmentation(Section):
    """The first stage of the reference.

    Attributes:
        augment: Which changes a crop undergoes, each plane in itself (those of boxes).
        monitor: What the best weights on validation planes go by, if ``training.validate_every``
            is given: ``recall`` as in the reference, which false positives cost nothing, or
            ``dice``.
    """

    augment: tuple[Component, ...] = (
        Component(name="flips"),
        Component(name="offset", options={"share": 0.03}),
        Component(name="scale", options={"share": 0.2}),
        Component(name="rotate"),
        Component(name="noise", options={"hu": 25.0}),
    )
    monitor: Literal["recall", "dice"] = "recall"


class BoxExperiment(Experiment):
    """Base of what judges boxes."""

    @property
    @abstractmethod
    def boxes(self) -> BoxSection:
        """How boxes are cut, drawn and changed."""


class CandidateExperiment(BoxExperiment):
    """Whether a candidate is a nodule (``task: candidates``)."""

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
    nodule_segmentation: NoduleSegmentation = NoduleSegmentation()


def boxes_of(experiment: Experiment | None) -> BoxSection:
    """How a trained judge sees boxes.

    Raises:
        DataError: If the run is of another task.
    """
    if not isinstance(experiment, BoxExperiment):
        task = experiment.task if experiment else "none"
        raise DataError(f"expected a run of task candidates or malignancy, got one of {task}")
    return experiment.boxes
