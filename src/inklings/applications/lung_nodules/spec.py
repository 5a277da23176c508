"""The experiment file of a stage: that of any training, and which stage it is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from inklings.files import read_yaml
from inklings.spec import Component, Experiment, Section

_Count = Annotated[int, Field(gt=0)]
Stage = Literal["detector", "classifier", "malignancy", "segmenter"]


class Nodules(Section):
    """What is learnt of lung nodules; ``nodules: detector`` alone gives the rest of these.

    Attributes:
        stage: ``detector``: where nodules are. ``classifier``: whether a candidate of a detector
            is one. ``malignancy``: whether a nodule is malignant. ``segmenter``: which samples
            are nodule, the first stage of the reference.
        detector: Run folder of the detector whose candidates a classifier learns from.
        side: Of the crops, in samples: of the grid of 1.5 mm for a detector, of ``spacing_mm``
            for the others.
        spacing_mm: Of the crops of the classifiers; ``(z, y, x)`` or one number. ``voxels`` takes
            the samples of the scan as they are, as the reference does.
        positives: Share of crops with a nodule (detector) or of the second class.
        augment: Which changes a classifier's crops undergo.
        keep: What a classifier's best weights on validation boxes go by, if
            ``training.validate_every`` is given: ``f1``, or ``sensitivity`` at so many
            ``false_positives`` a scan.
        false_positives: Of a scan.
        finetune: Layers that learn, counted from the output, when a malignancy model starts from
            a classifier (``--from``): 1 the last, 2 the last and the block before it; None all.
    """

    stage: Stage
    detector: Path | None = None
    side: _Count | tuple[_Count, _Count, _Count] = 48
    spacing_mm: Annotated[float, Field(gt=0)] | Literal["voxels"] = 1.25
    positives: float = Field(default=0.5, ge=0, le=1)
    augment: tuple[Component, ...] = (
        Component(name="flip"),
        Component(name="offset"),
        Component(name="scale"),
        Component(name="rotate"),
        Component(name="noise"),
    )
    keep: Literal["f1", "sensitivity"] = "f1"
    false_positives: float = Field(default=1.0, gt=0)
    finetune: int | None = Field(default=None, ge=1, le=2)


class NoduleExperiment(Experiment):
    """One reproducible run of a stage."""

    nodules: Nodules

    @property
    def sides(self) -> tuple[int, int, int]:
        """Samples of a crop, ``(z, y, x)``."""
        side = self.nodules.side
        return (side, side, side) if isinstance(side, int) else side


def is_stage(path: Path) -> bool:
    """Whether an experiment file is one of a stage of the nodules."""
    record: Any = read_yaml(path, "an experiment file")
    return isinstance(record, dict) and "nodules" in record
