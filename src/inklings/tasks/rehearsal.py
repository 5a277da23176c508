"""A few steps of an experiment on a few cases: what reading, learning and predicting take here."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import psutil
import torch
from lightning.pytorch.callbacks import Callback

from inklings import progress
from inklings.cohorts.cohort import Cohort
from inklings.data.batches import Batches
from inklings.data.packed import budget_bytes
from inklings.data.slices import Planes
from inklings.errors import DataError, InklingsError, SpecError
from inklings.inference.device import best_device
from inklings.inference.volumes import predict_any
from inklings.inference.windows import plan as windows
from inklings.labels.kinds import CaseLabel
from inklings.models.base import Model
from inklings.orientation import in_array_order
from inklings.planning.forecast import TOO_LARGE, Measured
from inklings.runs.run import Run, RunRecord
from inklings.spec import Experiment, SegmentationExperiment, Training
from inklings.tasks import task_of
from inklings.training.fit import Prepared, begun
from inklings.training.module import Learner
from inklings.training.parts import memory_ended
from inklings.training.trainer import run
from inklings.training.validation import SegmentationValidator

_WARM, _STEPS, _SECONDS = 2, 12, 4.0
_READ_SECONDS = 5.0
_PLANES = 8
_KILLED = -9


class Peak:
    """The most memory of a graphics processor, or of this process, while it is watched.

    Attributes:
        bytes: In all.
    """

    def __init__(self) -> None:
        self.bytes = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Peak:
        self._cuda = best_device().type == "cuda"
        if self._cuda:
            torch.cuda.reset_peak_memory_stats()
        else:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._cuda:
            self.bytes = int(torch.cuda.max_memory_allocated())
        else:
            self._thread.join()

    def _watch(self) -> None:
        process = psutil.Process()
        while True:
            self.bytes = max(self.bytes, int(process.memory_info().rss))
            if self._over.wait(0.005):
                return


class _Watch(Callback):
    """When steps were over; ends the rehearsal, and leaves a checkpoint to be weighed."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.over = folder, [time.perf_counter()]

    def on_train_batch_end(  # type: ignore[override]
        self, trainer: pl.Trainer, pl_module: Learner, *_: Any
    ) -> None:
        if pl_module.seen % pl_module.training_spec.accumulate:
            return
        if pl_module.device.type == "cuda":
            torch.cuda.synchronize()
        self.over.append(time.perf_counter())
        late = self.over[-1] - self.over[0] > _SECONDS and len(self.over) > _WARM + 1
        if late or len(self.over) > _STEPS:
            trainer.should_stop = True
            trainer.save_checkpoint(self.folder)

    @property
    def step(self) -> float:
        """Seconds: the median, without those that warm up."""
        seconds = [b - a for a, b in zip(self.over, self.over[1:], strict=False)]
        return statistics.median(seconds[_WARM:] or seconds)


def rehearse(experiment: Experiment, cohort: Cohort) -> Measured:
    """Read a few cases, take a few steps, predict a part of a case; nothing is left behind.

    A process of its own does it: its memory is that of a training, and it may be killed for it.

    Raises:
        DataError: If the cohort is not on disk, or its cases are not fit for the experiment.
        SpecError: If the experiment asks for what cannot be.
    """
    if cohort.folder is None:
        raise DataError("expected a cohort on disk, got one in memory")
    asked = {"experiment": experiment.model_dump(mode="json"), "cohort": str(cohort.folder)}
    done = subprocess.run(
        [sys.executable, "-c", "from inklings.tasks import rehearsal; rehearsal.answer()"],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    said = done.stdout.splitlines()[-1:] if not done.returncode else []
    found = json.loads(said[0]) if said else {}
    if "step" in found:
        return Measured(**found)
    if done.returncode == _KILLED or found.get("memory"):
        return TOO_LARGE
    if found.get("refused"):
        raise SpecError(found["error"])
    last = (done.stderr.splitlines() or ["it ended without a word"])[-1]
    raise DataError(found.get("error", f"the rehearsal failed: {last}"))


def answer() -> None:
    """What `rehearse` starts: from an experiment on standard input to numbers on the output."""
    asked = json.load(sys.stdin)
    progress.silence(True)
    said: dict[str, Any]
    try:
        experiment = _light(Experiment.check(asked["experiment"], "plan"))
        with tempfile.TemporaryDirectory() as scratch:
            found = _rehearsed(experiment, Cohort.read(Path(asked["cohort"])), Path(scratch))
        said = dataclasses.asdict(found)
    except InklingsError as error:
        said = {"error": str(error), "memory": error.__cause__ and memory_ended(error.__cause__)}
        said["refused"] = isinstance(error, SpecError)
    except (MemoryError, RuntimeError) as error:
        said = {"error": str(error), "memory": memory_ended(error)}
    sys.stdout.write(json.dumps(said) + "\n")


def _rehearsed(experiment: Experiment, cohort: Cohort, scratch: Path) -> Measured:
    prepared, read, count = _read(experiment, cohort, scratch)
    watch = _Watch(scratch / "checkpoint")
    with Peak() as peak:
        torch.manual_seed(experiment.training.seed)
        model = begun(prepared)
        args = (prepared.count, prepared.batches, model, prepared.loss)
        learner = run(experiment.training, *args, [watch], None)
    if learner.parts.count > 1:
        return TOO_LARGE
    weights = sum(p.numel() * p.element_size() for p in model.parameters())
    kept = sum(path.stat().st_size for path in watch.folder.rglob("*") if path.is_file())
    return Measured(
        read=read,
        decoded=_decoded(prepared) / count,
        room=budget_bytes(),
        step=watch.step,
        memory=peak.bytes,
        run=kept + weights,
        case=_case(prepared, model),
    )


def _light(experiment: Experiment) -> Experiment:
    """The same steps, without what goes before and comes after them."""
    update: dict[str, Any] = {"training": without_company(experiment.training, steps=1000)}
    if isinstance(experiment, SegmentationExperiment):
        kinds = type(experiment).model_fields
        update |= {key: kinds[key].get_default() for key in ("correction", "teacher")}
        if experiment.inference.threshold == "prior":
            update["inference"] = experiment.inference.model_copy(update={"threshold": 0.5})
    return experiment.model_copy(update=update)


def without_company(training: Training, **bounds: Any) -> Training:
    """The same steps within other bounds: in one process, without validation, logs and the like."""
    off: dict[str, Any] = {"steps": None, "epochs": None, "minutes": None, "validate_every": None}
    off |= {"patience": None, "loggers": (), "keep_steps": (), "devices": 1, "nodes": 1}
    return training.model_copy(update=off | bounds)


def _read(experiment: Experiment, cohort: Cohort, scratch: Path) -> tuple[Prepared, float, int]:
    """What `fit` is told of a few cases, seconds to read one, and how many there are."""
    least = 4 if experiment.task == "bags" else 1

    def prepared(most: int) -> tuple[Prepared, float, int]:
        few = _few(cohort, most)
        start = time.perf_counter()
        found = task_of(experiment).prepare(experiment, few, scratch, None)
        return found, time.perf_counter() - start, len(few.cases)

    one, first, count = prepared(least)
    if first > _READ_SECONDS:
        return one, first / count, count
    _, again, _ = prepared(least)
    more, seconds, total = prepared(least + 6)
    each = (seconds - again) / max(total - count, 1)
    return more, each if each > 0 else again / count, total


def _few(cohort: Cohort, most: int) -> Cohort:
    """Labelled training cases, evenly spread; the first of them is predicted, too."""
    drawn = [c for c in cohort.part("train") if any(not isinstance(k, CaseLabel) for k in c.labels)]
    cases = drawn or [case for case in cohort.part("train") if case.labels]
    count = min(most, len(cases))
    chosen = [cases[i * len(cases) // count] for i in range(count)]
    shown = dataclasses.replace(chosen[0], id=f"{chosen[0].id}.again", split="val")
    return dataclasses.replace(cohort, cases=(*chosen, shown))


def _decoded(prepared: Prepared) -> float:
    """Bytes of the cases and of their labels; NaN where they are read as they are needed."""
    source = prepared.batches(0, 1)
    if not isinstance(source, Batches):
        return math.nan
    images = source.examples.images
    held = images.volumes if isinstance(images, Planes) else images
    values = (value for target in source.examples.targets for value in vars(target).values())
    labels = sum(value.nbytes for value in values if isinstance(value, np.ndarray))
    return sum(image.nbytes for image in held) + float(labels)


def _case(prepared: Prepared, model: Model) -> float:
    """Seconds of the network in predicting a case, from a part of one where it is a volume."""
    judge = prepared.validator
    if judge is None:
        return math.nan
    model = model.to(best_device()).eval()
    if not isinstance(judge, SegmentationValidator):
        start = time.perf_counter()
        judge.score(model, prepared.loss)
        return time.perf_counter() - start
    image, geometry = judge.examples.images[0], judge.examples.geometry(0)
    config, share = judge.model_config, 1.0
    if image.ndim == 4 and config.window is None:
        share = max(1.0, image.shape[1] / _PLANES)
        image = image[:, :_PLANES]
    elif image.ndim == 4 and config.window is not None:
        sides, grid = config.window, geometry
        if geometry is not None and config.volumes and config.volumes.spacing_mm is not None:
            asked = in_array_order(config.volumes.spacing_mm, config.orientation)
            grid = geometry.at(asked)
        whole = grid.shape if grid is not None else image.shape[1:]
        overlap = judge.experiment.inference.overlap
        axes = [windows(n, s, overlap, 1) for n, s in zip(whole, sides, strict=True)]
        share = float(math.prod(len(axis.starts) for axis in axes))
        cut = [
            min(n, round(side * n / there))
            for n, side, there in zip(image.shape[1:], sides, whole, strict=True)
        ]
        image = image[(slice(None), *map(slice, cut))]
    if geometry is not None:
        geometry = dataclasses.replace(geometry, shape=image.shape[1:])
    record = RunRecord((0.5,) * len(config.classes))
    trial = Run(model, config, record, judge.experiment)
    start = time.perf_counter()
    predict_any(trial, image, geometry, None, judge.examples.scale(0))
    return share * (time.perf_counter() - start)
