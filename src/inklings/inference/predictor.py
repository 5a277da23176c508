"""What predicts the runs of one kind: its options, its head, and one case of what there is."""

from __future__ import annotations

import functools
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, TypedDict

import torch

from inklings.cohorts.case import Split
from inklings.datasets.several import Patterns
from inklings.errors import DataError, SpecError
from inklings.inference.device import best_device
from inklings.inference.items import patients_of
from inklings.machine import cores
from inklings.parallel import Summary, over_cases, quarantine
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.guarantee import promised
from inklings.predictions.head import CALIBRATION, Head
from inklings.predictions.likeness_table import write_likeness
from inklings.predictions.outputs import note_output
from inklings.progress import note
from inklings.runs.run import Run


class Cut(TypedDict, total=False):
    """Where probabilities are cut: at a number, or by a rule (`Options`)."""

    threshold: float | None
    threshold_by: str | None


class Options(Cut, total=False):
    """What may be said of a prediction; None, or left out, is as the run was trained.

    Attributes:
        split: Only the cases of this part of a cohort.
        series: Words that choose one of several DICOM series, scenes or pages of a file.
        images: Patterns of the images of cases of several, by the names that the run was trained
            with.
        also: More runs, whose probabilities are averaged with those of the first.
        mirroring: Test-time augmentation: the mean over mirror images, of all axes or those named.
        calibration: False leaves probabilities as the network says them.
        threshold: Probability from which something belongs to a class.
        threshold_by: ``prior``: where the share predicted of all images together is the prior of
            the run (`inklings.inference.cohort_threshold`); ``auto``: that where the run found its
            labels incomplete.
        instances: How objects are separated.
        components: Of volumes, the connected components that are kept.
        refine: ``crf``: probabilities of pictures follow the edges of the image
            (`inklings.inference.crf`).
        spacing_um, overrule_spacing, factor, heatmap_spacing_um, heatmap_factor, tissue,
            smallest_region: How slides are seen and mapped
            (`inklings.inference.slide_grid.SlideSettings`).
        stride: Of pictures that a classifier of patches scans: samples between patches.
    """

    split: Split | None
    series: str | None
    images: Patterns | None
    also: Sequence[Path] | None
    mirroring: bool | str | None
    calibration: bool | None
    instances: str | Mapping[str, Any] | None
    components: str | None
    refine: str | None
    spacing_um: float | None
    overrule_spacing: bool | None
    factor: float | None
    heatmap_spacing_um: float | None
    heatmap_factor: float | None
    tissue: str | None
    smallest_region: int | None
    stride: int | None


def asked_threshold(given: float | str | None) -> Cut:
    """A number, or a rule, as options.

    Raises:
        SpecError: If it is neither.
    """
    if isinstance(given, str) and given in ("prior", "auto"):
        return {"threshold_by": given}
    try:
        number = None if given is None else float(given)
    except ValueError:
        number = math.nan
    if number is not None and not math.isfinite(number):
        raise SpecError(f"--threshold: expected a number, prior or auto, got {given!r}")
    return {"threshold": number}


class Predictor(ABC):
    """One run, one set of inputs, one way to predict.

    A new kind is a class of this, named by the experiments that it predicts (`predictor`).

    Attributes:
        options: Those of `Options` that mean something.
        of_pictures: Module and class of what predicts pictures, where that is another.
        run: The folder.
        alone: Whether it predicts by itself: only then are the predictions remembered as its own.
        head: Of the folder of predictions.
        cases: Each case and the file, or the first, that it is predicted from.
        unusable: The reason for each case that cannot be predicted, as far as it is known before.
    """

    options: ClassVar[tuple[str, ...]] = ()
    of_pictures: ClassVar[str] = ""
    run: Path
    alone: bool = True
    head: Head
    cases: Mapping[str, Path]
    unusable: Mapping[str, str]

    @abstractmethod
    def __init__(self, run: Path, inputs: Sequence[Path], options: Options) -> None:
        """Load the run and list the cases.

        Raises:
            InklingsError: If the run or an input is unusable.
        """

    @classmethod
    def allowed(cls, run: Path) -> tuple[str, tuple[str, ...]]:  # noqa: ARG003
        """What the run is, in words, and the options that mean something for it."""
        return cls.__name__, cls.options

    @abstractmethod
    def task(self, out: Path) -> Callable[[str], None]:
        """What predicts one case by its id in any process, and writes it whole or not at all."""

    def here(self, out: Path, todo: Sequence[str]) -> dict[str, str]:
        """Predict in this process; the reason for each case that failed."""
        task = self.task(out)
        return over_cases(task, todo, out=out, what="predict", told=False).failed

    def settle(self, there: PredictionFolder, anew: bool) -> None:  # noqa: B027
        """What all cases together decide, once none is left; ``anew``: some were predicted now."""

    def finish(self, there: PredictionFolder) -> None:  # noqa: B027
        """Write what sums up all cases that are done."""

    def into(self, out: Path, workers: int | None = None, scheduler: str | None = None) -> Summary:
        """Predict what is not done yet into ``out``.

        Args:
            out: New folder, or one that such a call, interrupted, has begun.
            workers: Processes that share the cases; None, 0 or 1 for this one, whose network
                keeps all cores busy.
            scheduler: Address of a Dask scheduler whose workers shall do it.

        Raises:
            InklingsError: If ``out`` holds other predictions. A case that cannot be predicted
                raises nothing; it is in the summary and in ``failed.json``.
        """
        start = time.perf_counter()
        there = PredictionFolder.claim(out, promised(self.head, self.run))
        usable = {case: path for case, path in self.cases.items() if case not in self.unusable}
        done = finished(usable, there)
        if self.alone:
            note_output(self.run, out)
        todo = [case for case in usable if case not in done]
        try:
            if (workers or 0) > 1 or scheduler:
                failed = over_cases(
                    Shared(self.task(out.resolve()), cores() // workers if workers else 0),
                    todo,
                    out=out,
                    what="predict",
                    workers=workers,
                    scheduler=scheduler,
                    told=False,
                ).failed
            else:
                failed = self.here(out, todo)
            self.settle(PredictionFolder.open(out), anew=len(todo) > len(failed))
        finally:
            self.finish(PredictionFolder.open(out))
        every = {**failed, **self.unusable}
        quarantine(out, every, set(self.cases))
        return Summary(len(todo) - len(failed), len(done), every, time.perf_counter() - start)


@dataclass(frozen=True)
class Shared:
    """A task for processes that share one machine.

    Attributes:
        task: What they do.
        threads: Of each; 0 for as many as there are.
    """

    task: Callable[[str], None]
    threads: int

    def __call__(self, case: str) -> None:
        """Do one case."""
        if self.threads:
            torch.set_num_threads(self.threads)
        self.task(case)


def finished(images: Mapping[str, Path], there: PredictionFolder) -> set[str]:
    """Those of the cases whose prediction is there; what is damaged does not count.

    Args:
        images: Case to the file that it would be predicted from.
        there: The folder.

    Raises:
        SpecError: If one was made from a file of another name, so is not that of this image.
    """
    done = set()
    for case in there.cases:
        if case not in images:
            continue
        try:
            image = there.image(case)
        except DataError:
            note(f"case {case}: the file is damaged, predicting again")
            continue
        if image.name != images[case].name:
            raise SpecError(
                f"{there.path} holds a prediction of {image} as case {case!r}, "
                f"not of {images[case]}; choose another --out"
            )
        done.add(case)
    return done


def as_asked(run: Run, calibration: bool | None) -> Run:
    """A run, without its calibration where that is not wanted or changes nothing."""
    kept = calibration is not False and run.calibration is not None and run.calibration.changes
    return run if kept else replace(run, calibration=None)


def told(run: Run) -> dict[str, Any]:
    """What the head says of the calibration of one run."""
    return {CALIBRATION: None if run.calibration is None else [run.calibration.told]}


def loaded(folder: Path, call: str) -> Run:
    """A run for predictions, on the best device; read once a process for all cases of a call."""
    return loaded_all((folder,), call)[0]


@functools.lru_cache(maxsize=1)
def loaded_all(folders: tuple[Path, ...], call: str) -> tuple[Run, ...]:  # noqa: ARG001
    """The same of runs that predict together."""
    runs = tuple(Run.load(folder).folded() for folder in folders)
    for run in runs:
        run.model.to(best_device())
    return runs


def say_unlike(there: PredictionFolder, run: Run, inputs: Sequence[Path]) -> None:
    """Note which cases are unlike those that a run has learnt from, where it knows these."""
    if run.likeness is None:
        return
    for line in write_likeness(there, run.likeness, patients_of(there.cases, inputs)):
        note(line)
