"""What judges of boxes share: a yes or no of every box, validated on boxes of held-out cases."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from torch import Tensor

from inklings.applications.lung_nodules.examples import (
    BoxCrops,
    CandidateBoxes,
    Published,
    collect,
)
from inklings.applications.lung_nodules.spec import GREY, BoxExperiment
from inklings.applications.lung_nodules.validation import BoxValidator, best_threshold
from inklings.cache import Cache
from inklings.cohorts.case import Split
from inklings.cohorts.cohort import Cohort
from inklings.data import build_transforms
from inklings.datasets.luna_candidates import published_candidates
from inklings.errors import LabelError
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

    def published(
        self,
        experiment: E,
        cohort: Cohort,
        part: Split,  # noqa: ARG002
    ) -> Mapping[str, Published] | None:
        """Published candidates of the cases; None where none are asked for."""
        source = experiment.boxes.file
        if source is None:
            return None
        return published_candidates(source, experiment.cohort, [case.id for case in cohort])

    def freeze(self, experiment: E, model: Model) -> None:
        """Switch off what shall not learn."""

    def prepare(
        self,
        experiment: E,
        cohort: Cohort,
        out: Path,  # noqa: ARG002
        initial: Mapping[str, Tensor] | None,
    ) -> Prepared:
        """Boxes of the training part, and of the validation part for the threshold.

        Raises:
            LabelError: If a class is missing in the training part.
        """
        detector = self.detector(experiment)

        def boxes_of(part: Split) -> CandidateBoxes:
            known = self.published(experiment, cohort, part)
            return collect(cohort.part(part), experiment, detector, Cache.shared(), known)

        boxes = boxes_of("train")
        if boxes.lacks:
            raise LabelError(f"train part of {experiment.cohort}: expected {boxes.lacks}")
        held = boxes_of("val") if cohort.part("val") else None
        validator = BoxValidator(held, experiment.boxes) if held and not held.lacks else None

        def operating_point(model: Model) -> OperatingPoint:
            if validator is None:
                return OperatingPoint((0.5,))
            chance = validator.probabilities(model)
            return OperatingPoint((best_threshold(chance, validator.boxes.positive),))

        return prepared_of(
            experiment,
            self._model_config(experiment),
            BoxCrops(boxes, experiment),
            len(boxes),
            initial,
            operating_point,
            validator=validator,
            warnings=_not_validated(held),
            freeze=lambda model: self.freeze(experiment, model),
        )

    def _model_config(self, experiment: E) -> ModelConfig:
        return ModelConfig(
            experiment.model, 2, (self.answer,), (self.answer,), intensity=GREY,
            window=experiment.boxes.sides, orientation=CANONICAL,
        )  # fmt: skip


def _not_validated(held: CandidateBoxes | None) -> tuple[str, ...]:
    """That nothing can be chosen on the validation part, where there is one that cannot say."""
    if held is None or not held.lacks:
        return ()
    return (
        f"the validation part would need {held.lacks}; the last weights and a threshold of one "
        "half stand",
    )
