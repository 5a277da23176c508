"""Training of any stage: crops in, a run folder out, through the Trainer that all share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn

from inklings.inference.run import Blueprint, Record, read_model, write_model
from inklings.losses import LOSSES
from inklings.models.weights import fit_weights
from inklings.nodules.batches import Crops, Draw
from inklings.nodules.spec import NoduleExperiment
from inklings.orientation import CANONICAL
from inklings.training import machine
from inklings.training.folder import Begun, may_start
from inklings.training.keeper import Judge, Keeper, Saver
from inklings.training.monitor import History, Monitor
from inklings.training.trainer import is_first, run


@dataclass(frozen=True)
class Stage:
    """A trained stage, ready to use.

    Attributes:
        model: In evaluation mode, on the processor.
        blueprint: What the model takes and returns.
        record: Thresholds and provenance.
        experiment: As it was trained.
        folder: Where it lies.
    """

    model: nn.Module
    blueprint: Blueprint
    record: Record
    experiment: NoduleExperiment
    folder: Path | None = None

    @classmethod
    def load(cls, folder: Path) -> Stage:
        """Read a finished run of a stage.

        Raises:
            DataError: If it is none, is not finished, or is damaged.
            SpecError: If its experiment is one of another kind.
        """
        record = Record.read(folder)
        experiment = NoduleExperiment.load(folder / "experiment.yaml")
        assert isinstance(experiment, NoduleExperiment)
        blueprint, model, _ = read_model(folder, record)
        return cls(model.eval(), blueprint, record, experiment, folder)


Prepared = tuple[Draw, int, "Judge | None"]
"""What draws crops, how many things it draws from, and what judges the weights meanwhile."""


def learn_stage(
    experiment: NoduleExperiment,
    blueprint: Blueprint,
    begun: Begun,
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
        blueprint: The network, and what it takes and returns.
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
    model = blueprint.build()
    if initial is not None:
        fit_weights(model, {**model.state_dict(), **initial}, "the first weights")
    if frozen is not None:
        frozen(model)
    if getattr(model, "dimensions", 2) == 3:
        model = model.to(memory_format=torch.channels_last_3d)
    loss: Any = LOSSES.build(experiment.loss.name, experiment.loss.options)
    history = History(out / "metrics.csv")
    monitor, keeper = Monitor(history), Keeper(history, judge, None)
    callbacks: list[Callback] = [monitor, keeper, Saver(history, out / "checkpoints" / "last")]

    def batches(rank: int, world: int) -> Crops:
        return Crops(draw, spec.batch_size, spec.seed, rank, world)

    learner = run(experiment, count, batches, model, loss, callbacks, out)
    with learner.averaged():
        state = keeper.best or {k: v.detach().clone() for k, v in model.state_dict().items()}
    model.load_state_dict(state)
    model = model.cpu().eval()
    divisor = int(getattr(model, "divisor", 1))
    blueprint = replace(blueprint, divisor=divisor, orientation=CANONICAL)
    if not is_first():
        return True
    history.write()
    write_model(out, model, blueprint)
    steps = learner.seen // spec.accumulate
    Record(
        thresholds=thresholds(model) if thresholds else (0.5,) * len(blueprint.classes),
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
