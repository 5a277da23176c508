"""What judges of boxes share: a yes or no of every box, validated on boxes of held-out cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from torch import Tensor

from inklings.applications.lung_nodules.examples import BoxCrops, CandidateBoxes, collect
from inklings.applications.lung_nodules.spec import GREY, BoxExperiment
from inklings.applications.lung_nodules.validation import BoxValidator, best_threshold
from inklings.cache import Cache
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.data import build_transforms
from inklings.models.base import Model
from inklings.orientation import CANONICAL
from inklings.runs.run import ModelConfig, Run
from inklings.tasks.base import Task
from inklings.tasks.drawn import prepared_of, require_runs
from inklings.training.fit import Prepared
from inklings.training.operating_point import OperatingPoint

E = TypeVar("E", bound=BoxExperiment)


class BoxTask(Task[E]):
    """Learns to judge boxes around places of a CT.

    Attributes:
        answer: What is asked of a box.
    """

    answer: str

    def check(self, experiment: E, start: Path | None = None) -> None:
        """Also the changes of a box, and that the network takes boxes of these sides."""
        super().check(experiment, start)
        build_transforms(experiment.boxes.augment, "boxes")
        shape = (2, *experiment.boxes.sides)
        require_runs(self._model_config(experiment).build(), experiment, shape, (1,))

    def detector(self, experiment: E) -> Run | None:  # noqa: ARG002
        """Whose candidates are judged; None where only annotated nodules are."""
        return None

    def freeze(self, experiment: E, model: Model) -> None:
        """Switch off what shall not learn."""

    def prepare(
        self,
        experiment: E,
        cohort: Cohort,
        out: Path,  # noqa: ARG002
        initial: Mapping[str, Tensor] | None,
    ) -> Prepared:
        """Boxes of the training part, and of the validation part for the threshold."""
        detector = self.detector(experiment)

        def boxes_of(cases: Sequence[Case]) -> CandidateBoxes:
            return collect(cases, experiment, detector, Cache.shared())

        boxes, held = boxes_of(cohort.part("train")), cohort.part("val")
        validator = None
        if held and experiment.training.validate_every:
            validator = BoxValidator(boxes_of(held), experiment.boxes)

        def operating_point(model: Model) -> OperatingPoint:
            if not held:
                return OperatingPoint((0.5,))
            seen = validator or BoxValidator(boxes_of(held), experiment.boxes)
            chance = seen.probabilities(model)
            return OperatingPoint((best_threshold(chance, seen.boxes.positive),))

        return prepared_of(
            experiment,
            self._model_config(experiment),
            BoxCrops(boxes, experiment),
            len(boxes),
            initial,
            operating_point,
            validator=validator,
            freeze=lambda model: self.freeze(experiment, model),
        )

    def _model_config(self, experiment: E) -> ModelConfig:
        return ModelConfig(
            experiment.model, 2, (self.answer,), (self.answer,), intensity=GREY,
            window=experiment.boxes.sides, orientation=CANONICAL,
        )  # fmt: skip
