"""Malignant or benign: a judge of annotated nodules."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from inklings.applications.lung_nodules.examples import Published
from inklings.applications.lung_nodules.spec import MalignancyExperiment
from inklings.applications.lung_nodules.tasks.boxes import BoxTask
from inklings.cohorts.case import Split
from inklings.cohorts.cohort import Cohort
from inklings.errors import SpecError
from inklings.models.base import Model
from inklings.training.fit import Prepared


class MalignancyTask(BoxTask[MalignancyExperiment]):
    """Learns what readers said of the nodules."""

    answer = "malignant"

    def check(self, experiment: MalignancyExperiment, start: Path | None = None) -> None:
        """Also that there is something to tune, and that the network says which layers are last."""
        super().check(experiment, start)
        depth = experiment.malignancy.finetune
        if depth is not None and start is None:
            raise SpecError(
                "malignancy.finetune: expected a run of task candidates to start from; "
                "give --from RUN"
            )
        if depth is not None:
            self._model_config(experiment).build().last_layers(depth)

    def published(
        self, experiment: MalignancyExperiment, cohort: Cohort, part: Split
    ) -> Mapping[str, Published] | None:
        """What is no nodule is learnt from, but nobody is judged by it."""
        return super().published(experiment, cohort, part) if part == "train" else None

    def prepare(
        self,
        experiment: MalignancyExperiment,
        cohort: Cohort,
        out: Path,
        initial: Mapping[str, Tensor] | None,
    ) -> Prepared:
        """As for any boxes; of a network that is tuned the last layer begins anew."""
        if initial is not None and experiment.malignancy.finetune is not None:
            initial = without_head(self._model_config(experiment).build(), initial)
        return super().prepare(experiment, cohort, out, initial)

    def freeze(self, experiment: MalignancyExperiment, model: Model) -> None:
        """Let only the last layers learn where a finished network is tuned."""
        if experiment.malignancy.finetune is not None:
            freeze(model, experiment.malignancy.finetune)


def without_head(model: Model, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """All weights but those of the last layer, which then stays as it was drawn."""
    last = {id(module) for module in model.last_layers(1)}
    names = [name for name, module in model.named_modules() if id(module) in last]
    return {
        key: value
        for key, value in weights.items()
        if not any(key.startswith(f"{name}.") for name in names)
    }


def freeze(model: Model, depth: int) -> None:
    """Let only the last ``depth`` parts learn: 1 the head, 2 the block before it, too.

    Raises:
        SpecError: If the network does not say what these are.
    """
    learning = model.last_layers(depth)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    for part in learning:
        for parameter in part.parameters():
            parameter.requires_grad_(True)
