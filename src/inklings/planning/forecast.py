"""What a plan will cost, from a rehearsal of it on this machine; what does not fit is made smaller.

The constants of `inklings.planning.budget` choose a first plan. A few steps of it are then taken;
where they show another machine than the constants assume, the plan is made anew.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from inklings import machine
from inklings.cohorts.cohort import Cohort
from inklings.errors import InklingsError, SpecError
from inklings.planning.budget import Budget
from inklings.planning.plan import ASKED, Plan
from inklings.planning.sizes import about
from inklings.progress import note
from inklings.spec import Experiment

_TRUSTED = 1.5  # times that a step may differ from the constants before a plan is made anew
_GB = 2**30


@dataclass(frozen=True)
class Measured:
    """What some steps on a few cases took.

    Attributes:
        read: Seconds to read a case and make it ready.
        decoded: Bytes of a case in memory, labels included; NaN where nobody knows.
        room: Bytes that decoded cases may take; what is beyond is mapped from disk.
        step: Seconds of a step of the optimiser, the median.
        memory: Bytes that the process needs beside decoded cases; of a graphics processor its own.
        run: Bytes of a run folder.
        case: Seconds of the network in predicting a case; NaN where it was not timed.
    """

    read: float
    decoded: float
    room: int
    step: float
    memory: int
    run: int
    case: float


TOO_LARGE = Measured(0.0, math.nan, 0, math.inf, 1 << 62, 0, math.nan)
"""Of a rehearsal in which memory ended."""

Rehearse = Callable[[Experiment, Cohort], Measured]


def rehearsed(
    made: Callable[[Budget], Plan], budget: Budget, cohort: Cohort, rehearse: Rehearse
) -> Plan:
    """The plan for what was measured, with a forecast in its head.

    Args:
        made: The plan for a budget.
        budget: As it was asked for.
        cohort: That is planned for.
        rehearse: Takes a few steps of an experiment.

    Raises:
        SpecError: If memory or disk are not enough, however small the batch.
    """
    plan = made(budget)
    note("plan: running a few steps to measure time and memory")
    try:
        found = rehearse(plan.experiment, cohort)
        assumed = _assumed(plan, budget)
        speed = assumed / found.step if assumed and found is not TOO_LARGE else 1.0
        if not 1 / _TRUSTED < speed < _TRUSTED:
            anew = made(dataclasses.replace(budget, speed=speed))
            if anew.record != plan.record:
                plan, found = anew, rehearse(anew.experiment, cohort)
        while found.memory > budget.memory:
            plan = _halved(plan, found, budget)
            found = rehearse(plan.experiment, cohort)
    except SpecError:
        raise
    except InklingsError as error:
        return _told(plan, [f"Not timed, so time and memory are guesses: {error}"])
    return _told(plan, lines(plan.experiment, found, budget, cohort))


def lines(
    experiment: Experiment, found: Measured, budget: Budget, cohort: Cohort
) -> tuple[str, ...]:
    """The forecast in words.

    Raises:
        SpecError: If the disk of the working folder is too full.
    """
    training, count = experiment.training, len(cohort.part("train"))
    reading = found.read * (count + len(cohort.part("val")))
    if training.steps is not None and not training.minutes:
        long = (
            f"{training.steps} steps of {found.step:.2g} s: {_minutes(training.steps * found.step)}"
        )
    else:
        fit = 60 * (training.minutes or budget.minutes) / found.step
        most = min(fit, training.steps or math.inf)
        long = f"about {about(most)} steps of {found.step:.2g} s in {_minutes(most * found.step)}"
    told = [f"Training: {long}, after {_minutes(reading)} of reading (timed on this machine)"]
    where = "of the GPU" if budget.gpu else "beside the images"
    told.append(f"Memory: {found.memory / _GB:.2g} GB {where}, of {budget.memory / _GB:.2g} GB")
    disk = float(found.run)
    if not math.isnan(found.decoded):
        whole = found.decoded * (count + len(cohort.part("val")))
        told[-1] += f"; images {whole / _GB:.2g} GB decoded"
        mapped = max(0.0, whole - found.room)
        if mapped:
            told[-1] += f", {mapped / _GB:.2g} GB of them mapped from disk"
            disk += mapped
        room = budget.memory - found.memory
        if budget.stated and not budget.gpu and min(whole, found.room) > room:
            told.append(
                f"With INKLINGS_MEMORY_GB={max(room / _GB, 0.01):.2g} the images stay within the "
                "memory that was asked for: the rest is mapped from disk"
            )
    free = machine.disk_bytes(Path.cwd())[1]
    told.append(f"Disk: {disk / _GB:.2g} GB for the run, of {free / _GB:.0f} GB free here")
    if disk > free:
        raise SpecError(
            f"expected {disk / _GB:.1f} GB of disk for the run, got {free / _GB:.1f} GB here; make "
            "room, or work in another folder"
        )
    if not math.isnan(found.case):
        told.append(
            f"Prediction: {found.case + found.read:.2g} s a case, without object separation"
        )
    return tuple(told)


def _assumed(plan: Plan, budget: Budget) -> float:
    """Seconds of a step by the constants; 0 where they say nothing of the network."""
    record = plan.record
    model, training = record.get("model"), record.get("training")
    if not isinstance(model, dict) or not isinstance(training, dict) or "width" not in model:
        return 0.0
    batch, steps = int(training.get("batch_size", 8)), 0
    volumes, sampling = record.get("volumes"), record.get("sampling")
    if model["name"] == "unet3d" and isinstance(volumes, dict) and "patch" in volumes:
        steps = budget.steps_3d(batch * math.prod(volumes["patch"]), model["width"])
    elif model["name"] == "unet" and isinstance(sampling, dict) and "size" in sampling:
        samples = batch * int(sampling["size"]) ** 2
        steps = budget.steps(samples, model["width"], model.get("stride", 1))
    return 60 * budget.minutes / steps if steps else 0.0


def _halved(plan: Plan, found: Measured, budget: Budget) -> Plan:
    """The plan with batches of half the size, two of which make a step.

    Raises:
        SpecError: If a batch cannot be halved, or is as the user asked.
    """
    training = plan.experiment.training
    there = f"{budget.memory / _GB:.2g} GB"
    need = f"more than there is of {there}"
    if found is not TOO_LARGE:
        need = f"{found.memory / _GB:.2g} GB, of {there},"
    asked = {choice.key for choice in plan.choices if choice.reason == ASKED}
    if asked & {"training.batch_size", "training.accumulate"} and training.batch_size > 1:
        raise SpecError(
            f"the plan needs {need} with a batch of {training.batch_size}, which was asked for; "
            "ask for a smaller training.batch_size, or leave batch and accumulate to the plan"
        )
    if training.batch_size % 2:
        raise SpecError(
            f"the plan needs {need} with a batch of {training.batch_size}; take smaller crops "
            "(sampling.size, volumes.patch) or a smaller model.width with --set, or more --memory"
        )
    less = {"batch_size": training.batch_size // 2, "accumulate": training.accumulate * 2}
    reason = f"{need} with {training.batch_size} at once: halved, gradients are accumulated"
    return plan.replaced({"training": less}, reason)


def _told(plan: Plan, said: tuple[str, ...] | list[str]) -> Plan:
    return Plan((*plan.head[:-1], *said, plan.head[-1]), plan.choices)


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.2g} minutes" if seconds >= 100 else f"{seconds:.2g} s"
