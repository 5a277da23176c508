"""Predict bags into a folder: the diagnosis, and what each instance has to do with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from torch import Tensor

from inklings.bags.calibration import INSTANCE_SCALE
from inklings.bags.evidence import MEANINGS, warning
from inklings.bags.instances import Instances
from inklings.bags.outcomes import outcome_of
from inklings.bags.outcomes.base import FACT, Outcome
from inklings.bags.task import QUESTIONS, Task, probabilities
from inklings.cohorts.bags import spans
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError, InklingsError, SpecError
from inklings.inference.bag_model import alone, outputs
from inklings.inference.device import best_device
from inklings.inference.features import bag_statistics
from inklings.inference.items import Inputs
from inklings.inference.predictor import (
    Options,
    Predictor,
    as_asked,
    loaded,
    say_unlike,
    told,
)
from inklings.models.base import BagNetwork
from inklings.predictions.bags import BagPrediction
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.head import VALUES, Head
from inklings.predictions.numbers import require_numbers
from inklings.progress import track
from inklings.readers.bag_files import Span, head, read_coords
from inklings.runs.run import Run

_AT_ONCE = 256  # bags that are read together


class BagPredictor(Predictor):
    """Runs of the task bags; inputs are cohorts of bags, or files of instances (HDF5)."""

    options = ("split", "threshold", "calibration")
    of_pictures = "inklings.inference.scan_pictures:ScanPredictor"

    def __init__(self, run: Path, inputs: Sequence[Path], options: Options) -> None:
        self._calibration = options.get("calibration")
        self.run, self._loaded = run, as_asked(Run.load(run).folded(), self._calibration)
        task = self._loaded.model_config.task
        if options.get("threshold") is not None and outcome_of(task) is not None:
            raise SpecError(f"--threshold: does not apply to bags.task {task}; leave it out")
        self._inputs = Inputs(tuple(inputs), options.get("split"))
        self._cases = _cases(self._inputs)
        self.cases = {case: next(iter(bag.images.values())) for case, bag in self._cases.items()}
        self.unusable = {}
        self.head = _head(self._loaded, options.get("threshold"))

    @classmethod
    def allowed(cls, run: Path) -> tuple[str, tuple[str, ...]]:  # noqa: ARG003
        """A bag has neither objects nor a grid."""
        return "a run trained on bags", cls.options

    def task(self, out: Path) -> Callable[[str], None]:
        """Predicts one bag."""
        how = (self.run.resolve(), self._inputs.resolved(), self._calibration)
        return partial(_one, *how, out)

    def here(self, out: Path, todo: Sequence[str]) -> dict[str, str]:
        """Many bags at once."""
        self._loaded.model.to(best_device())
        failed: dict[str, str] = {}
        for first in track(range(0, len(todo), _AT_ONCE), "predict"):
            cases = [self._cases[case] for case in todo[first : first + _AT_ONCE]]
            failed |= _predict(self._loaded, cases, out)
        return failed

    def finish(self, there: PredictionFolder) -> None:
        """Which bags are unlike those of the training."""
        say_unlike(there, self._loaded, self._inputs.paths)


def _one(run: Path, inputs: Inputs, calibration: bool | None, out: Path, case: str) -> None:
    """One bag, in any process."""
    used = as_asked(loaded(run, inputs.call), calibration)
    if failed := _predict(used, [inputs.once(_cases)[case]], out):
        raise DataError(failed[case])


def predict_instances(run: Run, instances: Instances) -> Iterator[tuple[int, BagPrediction]]:
    """Number and prediction of every bag, in order; cases have no name yet."""
    task = cast(Task, run.model_config.task)
    scale, offset = _scale(run)
    outcome = _outcome(run)
    for output, chosen, parts in outputs(run.model, instances):
        said = [scale * one + offset for one in alone(run.model, output, parts)]
        logits = output.logits.double().cpu().numpy()
        for row, index in enumerate(chosen):
            count = instances.counts[index]
            own = run.calibration
            raw = _activated(run, logits[row] if own is None else own.logits(logits[row]))
            adds = _row(output.contributions, row, count)
            yield (
                index,
                BagPrediction(
                    case="",
                    image=Path(),
                    probability=probabilities(task, raw) if outcome is None else np.empty(0),
                    logits=logits[row],
                    instances=said[row],
                    attention=_row(output.attention, row, count),
                    contribution=adds if adds is None or outcome is None else scale * adds,
                    values=None if outcome is None else np.array(outcome.values(raw[0])),
                    statistics=None if run.likeness is None else bag_statistics(parts[row])[1],
                ),
            )


def _predict(run: Run, cases: Sequence[Case], out: Path) -> dict[str, str]:
    """Predict and write; a bag that cannot be read fails alone."""
    failed: dict[str, str] = {}
    good: list[tuple[Case, tuple[Span, ...]]] = []
    for case in cases:
        try:
            where = spans(case)
            shapes = {head(span.path).shape for span in where}
            wanted = tuple(run.model_config.model.options.get("shape", ()))
            if wanted and shapes != {wanted}:
                raise DataError(
                    f"case {case.id}: expected instances of shape {wanted}, as the run learnt "
                    f"from, got {', '.join(map(str, shapes))}"
                )
            good.append((case, where))
        except InklingsError as error:
            failed[case.id] = str(error)
    if not good:
        return failed
    try:
        instances = Instances([where for _, where in good], budget=2**30)
        for index, said in predict_instances(run, instances):
            case, where = good[index]
            try:
                require_numbers(said.logits, said.instances, said.attention, said.contribution)
            except DataError as error:
                failed[case.id] = str(error)
                continue
            _named(said, case, where).write(out)
    except DataError as error:  # numbers that are none are met while reading
        if len(good) == 1:
            return {**failed, good[0][0].id: str(error)}
        for case, _ in good:
            failed |= _predict(run, [case], out)
    return failed


def _named(said: BagPrediction, case: Case, where: tuple[Span, ...]) -> BagPrediction:
    return replace(said, case=case.id, image=where[0].path, coords=_coords(where))


def _cases(inputs: Inputs) -> dict[str, Case]:
    """The bags by their ids.

    Raises:
        SpecError: If two are called the same, or a part is asked for where there is none.
        DataError: If an input holds no bags.
    """
    found: list[Case] = []
    split = inputs.split
    for path in inputs.paths:
        if (path / "cohort.yaml").is_file():
            cohort = Cohort.read(path)
            if split is not None and not cohort.is_split:
                raise SpecError(f"--split {split}: {path} is not split yet; run 'inklings split'")
            found += cohort.cases if split is None else cohort.part(split)
        elif split is not None:
            raise SpecError(f"--split {split}: expected a cohort, got {path}, which has no parts")
        elif path.suffix.lower() in (".h5", ".hdf5") and path.is_file():
            found.append(Case(path.stem, path.stem, {"features": path.resolve()}))
        else:
            raise DataError(f"expected a cohort of bags or a file of instances (.h5) at {path}")
    if not found:
        raise DataError("expected bags to predict, got none")
    if twice := [case for case, count in Counter(bag.id for bag in found).items() if count > 1]:
        raise SpecError(f"two bags would be case {twice[0]!r}; predict them into two folders")
    return {bag.id: bag for bag in found}


def _head(run: Run, threshold: float | None) -> Head:
    network = run.model
    evidence: str = network.evidence if isinstance(network, BagNetwork) else "score"
    outcome, settings = _outcome(run), dict[str, Any]()
    if outcome is not None:
        settings = {VALUES: list(outcome.names(run.classes[0])), **outcome.told}
    if INSTANCE_SCALE in run.record.facts:
        evidence = "calibrated"
    thresholds = run.thresholds if threshold is None else (threshold,) * len(run.classes)
    if run.calibration and threshold is None and run.model_config.task in QUESTIONS:
        thresholds = run.calibration.of_scores(thresholds)
    return Head(
        classes=run.classes,
        thresholds=thresholds,
        provenance=run.provenance,
        trained_on=run.trained_on,
        settings={
            "task": run.model_config.task,
            "channels": list(run.model_config.channels),
            "evidence": MEANINGS[evidence]
            if outcome is None or evidence == "context"
            else outcome.meaning,
            "warning": warning(evidence),
            **told(run),
            **settings,
        },
        kind="bags",
    )


def _activated(run: Run, logits: NDArray[np.float64]) -> NDArray[np.float64]:
    if run.model_config.activation == "softmax":
        shifted = np.exp(logits - logits.max())
        return np.asarray(shifted / shifted.sum())
    return np.asarray(logits if run.model_config.activation == "identity" else expit(logits))


def _outcome(run: Run) -> Outcome | None:
    """What a number is, with what the training has left; None where the answer is a class."""
    kind = outcome_of(run.model_config.task)
    return None if kind is None else kind(run.record.facts[FACT])


def _scale(run: Run) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Slope and offset ``(C,)`` of the numbers of instances; 1 and 0 where none were fitted."""
    outcome = _outcome(run)
    usual = (1.0, 0.0) if outcome is None else outcome.line
    fitted = run.record.facts.get(INSTANCE_SCALE) or [usual]
    slope, offset = np.array(fitted, np.float32).T
    return slope, offset


def _row(values: Tensor | None, row: int, count: int) -> NDArray[np.float32] | None:
    return None if values is None else values[row, :count].float().cpu().numpy()


def _coords(where: tuple[Span, ...]) -> NDArray[np.int64] | None:
    if len(where) != 1:
        return None  # slides of one patient have no common plane
    return read_coords(where[0])
