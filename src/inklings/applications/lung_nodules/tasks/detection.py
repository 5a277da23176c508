"""Where lung nodules are: a centre-point network on the lungs at 1.5 mm."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from inklings.applications.lung_nodules.crops import DetectorCrops
from inklings.applications.lung_nodules.gather import gather
from inklings.applications.lung_nodules.scans import STRIDE
from inklings.applications.lung_nodules.spec import DetectionExperiment
from inklings.applications.lung_nodules.targets import CHANNELS
from inklings.applications.lung_nodules.tasks.crops import GREY, prepared_of, require_runs
from inklings.cache import Cache
from inklings.cohorts.cohort import Cohort
from inklings.errors import SpecError
from inklings.orientation import CANONICAL
from inklings.runs.run import ModelConfig
from inklings.tasks.base import Task
from inklings.training.fit import Prepared


class DetectionTask(Task[DetectionExperiment]):
    """Learns where nodules are, and how large."""

    validates = False

    def check(self, experiment: DetectionExperiment, start: Path | None = None) -> None:
        """Also the side of the crops, which the network must divide."""
        super().check(experiment, start)
        side, model = experiment.detection.side, _model_config(experiment).build()
        if side % model.divisor:
            raise SpecError(
                f"detection.side: expected a multiple of {model.divisor} for model "
                f"{experiment.model.name}, got {side}"
            )
        half = (side // STRIDE,) * 3
        require_runs(model, experiment, (1, side, side, side), (len(CHANNELS), *half))

    def prepare(
        self,
        experiment: DetectionExperiment,
        cohort: Cohort,
        out: Path,  # noqa: ARG002
        initial: Mapping[str, Tensor] | None,
    ) -> Prepared:
        """Crops of the scans of the training part."""
        scans = gather(cohort.part("train"), Cache.shared())
        asked = experiment.detection
        draw = DetectorCrops(scans, asked.side, asked.positives, asked.noise)
        return prepared_of(experiment, _model_config(experiment), draw, len(scans), initial)


def _model_config(experiment: DetectionExperiment) -> ModelConfig:
    side = experiment.detection.side
    return ModelConfig(
        experiment.model, 1, CHANNELS, ("nodule",), intensity=GREY, window=(side, side, side),
        orientation=CANONICAL,
    )  # fmt: skip
