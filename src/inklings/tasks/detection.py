"""Where objects are, and how large: a centre-point network on volumes of one spacing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from inklings.cache import Cache
from inklings.cohorts.balls import class_of
from inklings.cohorts.cohort import Cohort
from inklings.detection.crops import DetectorCrops
from inklings.detection.gather import gather
from inklings.detection.region import REGIONS
from inklings.detection.scan import require_range
from inklings.detection.targets import MEASURED
from inklings.errors import SpecError
from inklings.orientation import CANONICAL
from inklings.runs.run import ModelConfig
from inklings.spec.detection import DetectionExperiment
from inklings.tasks.base import Task, require
from inklings.tasks.drawn import prepared_of, require_runs
from inklings.training.fit import Prepared


class DetectionTask(Task[DetectionExperiment]):
    """Learns where objects of one class are, and how large."""

    validates = False

    def check(self, experiment: DetectionExperiment, start: Path | None = None) -> None:
        """Also region, grey range, and the side of the crops, which the network must divide."""
        super().check(experiment, start)
        asked = experiment.detection
        require(REGIONS, asked.region)
        require_range(asked.intensity)
        side, model = asked.side, _model_config(experiment, "object").build()
        if side % model.divisor:
            raise SpecError(
                f"detection.side: expected a multiple of {model.divisor} for model "
                f"{experiment.model.name}, got {side}"
            )
        grid = (side // asked.stride,) * 3
        require_runs(model, experiment, (1, side, side, side), (1 + len(MEASURED), *grid))

    def prepare(
        self,
        experiment: DetectionExperiment,
        cohort: Cohort,
        out: Path,  # noqa: ARG002
        initial: Mapping[str, Tensor] | None,
    ) -> Prepared:
        """Crops of the scans of the training part."""
        asked, cases = experiment.detection, cohort.part("train")
        name = asked.class_name or class_of(cases, experiment.cohort)
        scans = gather(cases, name, asked, Cache.shared())
        draw = DetectorCrops(scans, asked)
        return prepared_of(experiment, _model_config(experiment, name), draw, len(scans), initial)


def _model_config(experiment: DetectionExperiment, name: str) -> ModelConfig:
    asked = experiment.detection
    return ModelConfig(
        experiment.model, 1, (name, *MEASURED), (name,), intensity=asked.intensity,
        window=(asked.side,) * 3, orientation=CANONICAL,
    )  # fmt: skip
