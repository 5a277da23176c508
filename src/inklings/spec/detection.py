"""The experiment of a detector: how it sees a volume, learns and searches."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from inklings.sections import Component, Section
from inklings.spec.base import Experiment

_Count = Annotated[int, Field(gt=0)]
_Millimetres = Annotated[float, Field(gt=0)]


class Detection(Section):
    """How a detector learns where objects are, and how it searches a volume.

    Attributes:
        image: Name of the image of a case; None: the only one, or ``ct``.
        class_name: Class of the objects; None: the only one of the cohort that is marked by places.
        side: Of the crops, in voxels of ``spacing_mm``.
        foreground: Share of crops around an object.
        noise: Largest spread of the added noise, as a share of the grey range.
        spacing_mm: Between the voxels that the network sees, on every axis.
        stride: Voxels of the input for one of the output, as the model has it.
        reference_mm: Diameter whose logarithm counts as 0.
        default_mm: Diameter of annotated objects that nobody measured; None refuses them.
        intensity: What becomes black and white: ``window`` (``low``, ``high``) for modalities whose
            numbers mean something, ``percentiles`` for others.
        region: Where candidates may lie (`inklings.detection.region.REGIONS`).
        margin_mm: Of the volume around that region which the network sees.
        min_score: Heat below which nothing is a candidate.
        max_candidates: Of a volume.
        nms_mm: Of two candidates nearer than this, or than the larger radius, the better one stays.
        slab: Slices that pass at once; bounds the memory.
        halo: Further slices on either side, which are not used.
    """

    image: str | None = None
    class_name: str | None = None
    side: _Count = 48
    foreground: float = Field(default=0.5, ge=0, le=1)
    noise: float = Field(default=0.03, ge=0)
    spacing_mm: _Millimetres = 1.5
    stride: _Count = 2
    reference_mm: _Millimetres = 8.0
    default_mm: _Millimetres | None = None
    intensity: Component = Component(name="percentiles")
    region: Component = Component(name="everywhere")
    margin_mm: float = Field(default=12.0, ge=0)
    min_score: float = Field(default=0.02, ge=0, lt=1)
    max_candidates: _Count = 60
    nms_mm: float = Field(default=3.0, ge=0)
    slab: _Count = 128
    halo: int = Field(default=32, ge=0)


class DetectionExperiment(Experiment):
    """Where objects are, and how large (``task: detection``)."""

    learner: ClassVar[str] = "inklings.tasks.detection:DetectionTask"
    task: Literal["detection"] = "detection"
    detection: Detection = Detection()

    @property
    def predictor(self) -> str:
        """What predicts its runs; what is searched for in lungs has more to say of each finding."""
        if self.detection.region.name == "lungs":
            return "inklings.applications.lung_nodules.search:NodulePredictor"
        return "inklings.detection.predictor:DetectionPredictor"
