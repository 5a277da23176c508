"""Malignant or benign: a judge of annotated nodules."""

from __future__ import annotations

from pathlib import Path

from inklings.applications.lung_nodules.spec import MalignancyExperiment
from inklings.applications.lung_nodules.tasks.boxes import BoxTask
from inklings.errors import SpecError
from inklings.models.base import Model


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

    def freeze(self, experiment: MalignancyExperiment, model: Model) -> None:
        """Let only the last layers learn where a finished network is tuned."""
        if experiment.malignancy.finetune is not None:
            freeze(model, experiment.malignancy.finetune)


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
