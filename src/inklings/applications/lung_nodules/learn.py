"""Training of any stage: crops in, a run folder out, through the Trainer that all share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn

from inklings.applications.lung_nodules.batches import Crops, Draw
from inklings.applications.lung_nodules.spec import NoduleExperiment
from inklings.losses import LOSSES
from inklings.models.weights import fit_weights
from inklings.orientation import CANONICAL
from inklings.runs.run import ModelConfig, RunRecord, read_model, write_model
from inklings.training import machine
from inklings.training.callbacks import CheckpointCallback, ValidationCallback, Validator
from inklings.training.monitor import History, Monitor
from inklings.training.run_state import RunState, may_start
from inklings.training.trainer import is_first, run


@dataclass(frozen=True)
class Stage:
    """A trained stage, ready to use.

    Attributes:
        model: In evaluation mode, on the processor.
        model_config: What the model takes and returns.
        record: Thresholds and provenance.
        experiment: As it was trained.
        folder: Where it lies.
    """

    model: nn.Module
    model_config: ModelConfig
    record: RunRecord
    experiment: NoduleExperiment
    folder: Path | None = None

    @classmethod
    def load(cls, folder: Path) -> Stage:
        """Read a finished run of a stage.

        Raises:
            DataError: If it is none, is not finished, or is damaged.
            SpecError: If its experiment is one of another kind.
        """
        record = RunRecord.read(folder)
        experiment = NoduleExperiment.load(folder / "experiment.yaml")
        assert isinstance(experiment, NoduleExperiment)
        model_config, model, _ = read_model(folder, record)
        return cls(model.eval(), model_config, record, experiment, folder)


Prepared = tuple[Draw, int, "Validator | None"]
"""What draws crops, how many things it draws from, and what judges the weights meanwhile."""


def learn_stage(
    experiment: NoduleExperiment,
    model_config: ModelConfig,
    begun: RunState,
    out: Path,
    prepare: Callable[[], Prepared],
    *,
    initial: Mapping[str, Tensor] | None = None,
    frozen: Callable[[nn.Module], None] | None = None,
    thresholds: Callable[[nn.Module], tuple[float, ...]] | None = None,
    resume: bool = False,
    facts: Mapping[str, Any] | None = None,
    warnings: tuple[str, ...] = (),
) -> bool:
    """Train and leave a run folder; False where it was finished before.

    Args:
        experiment: What to do.
        model_config: The network, and what it takes and returns.
        begun: Whose data it sees.
        out: The run folder; an unfinished run of the same experiment in it is gone on with.
        prepare: Reads the data; not called where nothing is left to do.
        initial: First weights, by name.
        frozen: Switches off what shall not learn.
        thresholds: Chooses where to cut, on validation cases; one half otherwise.
        resume: Whether a finished run is fine.
        facts: Kept in the record.
        warnings: Kept in the record.

    Raises:
        SpecError: If another run is in the way, or the experiment cannot be.
    """
    if is_first() and not may_start(out, experiment, resume):
        return False
    if is_first():
        out.mkdir(parents=True, exist_ok=True)
        experiment.write(out / "experiment.yaml")
        begun.write(out)
    draw, count, judge = prepare()
    spec = experiment.training
    torch.manual_seed(spec.seed)
    model = model_config.build()
    if initial is not None:
        fit_weights(model, {**model.state_dict(), **initial}, "the first weights")
    if frozen is not None:
        frozen(model)
    if getattr(model, "dimensions", 2) == 3:
        model = model.to(memory_format=torch.channels_last_3d)
    loss: Any = LOSSES.build(experiment.loss.name, experiment.loss.options)
    history = History(out / "metrics.csv")
    monitor, keeper = Monitor(history), ValidationCallback(history, judge, None)
    callbacks: list[Callback] = [
        monitor,
        keeper,
        CheckpointCallback(history, out / "checkpoints" / "last"),
    ]

    def batches(rank: int, world: int) -> Crops:
        return Crops(draw, spec.batch_size, spec.seed, rank, world)

    learner = run(experiment, count, batches, model, loss, callbacks, out)
    with learner.averaged():
        state = keeper.best or {k: v.detach().clone() for k, v in model.state_dict().items()}
    model.load_state_dict(state)
    model = model.cpu().eval()
    divisor = int(getattr(model, "divisor", 1))
    model_config = replace(model_config, divisor=divisor, orientation=CANONICAL)
    if not is_first():
        return True
    history.write()
    write_model(out, model, model_config)
    steps = learner.seen // spec.accumulate
    RunRecord(
        thresholds=thresholds(model) if thresholds else (0.5,) * len(model_config.classes),
        trained_on=begun.trained_on,
        split_hash=begun.split_hash,
        seed=spec.seed,
        seconds=round(learner.clock.seconds(), 3),
        versions=machine.versions(),
        machine=machine.describe(),
        warnings=(*warnings, *monitor.warnings),
        facts={
            "steps": steps,
            "best_step": keeper.best_step or steps,
            "non_finite_steps": learner.skipped,
            "precision": machine.precision(spec.precision),
            "parameters": sum(p.numel() for p in model.parameters()),
            "cases": count,
            "start": begun.start,
            **(facts or {}),
        },
    ).write(out)
    return True
