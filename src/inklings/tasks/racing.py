"""A short training of an experiment, scored on the patients of the validation part."""

from __future__ import annotations

import dataclasses
import math
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

from inklings.cohorts.cohort import Cohort
from inklings.errors import SpecError
from inklings.inference.device import best_device
from inklings.planning.races import Result
from inklings.spec import Experiment
from inklings.tasks import task_of
from inklings.tasks.rehearsal import without_company
from inklings.training.fit import FitResult, fit
from inklings.training.validation import SegmentationValidator, dices_of


def race(experiment: Experiment, cohort: Cohort, seconds: float, seed: int) -> Result:
    """Train for so many seconds, the learning rate after them, and score; nothing is left behind.

    Thresholds and components are chosen as at the end of any training. Of each patient it is the
    mean over cases of the mean Dice over classes that they show. The test part is not there.

    Args:
        experiment: A segmentation.
        cohort: Its cases.
        seconds: Of steps; reading and scoring come on top.
        seed: Of weights, batches and augmentation.

    Raises:
        SpecError: If there is nothing by which it can be scored.
        DataError: As in training.
    """
    training = without_company(experiment.training, minutes=seconds / 60, seed=seed)
    experiment = experiment.model_copy(update={"training": training})
    own = dataclasses.replace(cohort, cases=(*cohort.part("train"), *cohort.part("val")))
    with tempfile.TemporaryDirectory() as scratch:
        prepared = task_of(experiment).prepare(experiment, own, Path(scratch), None)
        judge = prepared.validator
        if not isinstance(judge, SegmentationValidator) or not judge.examples.judges:
            raise SpecError("--try: expected validation cases with complete masks; leave --try out")
        done = fit(training, prepared)
        return Result(done.steps, _scores(done, judge, own))


@torch.inference_mode()
def _scores(done: FitResult, judge: SegmentationValidator, cohort: Cohort) -> dict[str, float]:
    """Dice of each patient who shows anything."""
    model, classes = done.model.to(best_device()), done.model_config.classes
    patients = {case.id: case.patient for case in cohort}
    found: dict[str, list[float]] = defaultdict(list)
    for i, (name, target) in enumerate(
        zip(judge.examples.ids, judge.examples.targets, strict=True)
    ):
        dense = judge.dense(model, i)[: len(classes)]
        both = dices_of(dense, done.thresholds, target)
        own = [both[c in done.point.largest][k] for k, c in enumerate(classes)]
        shown = [value for value in own if not math.isnan(value)]
        if shown:
            found[patients[name]].append(float(np.mean(shown)))
    return {who: float(np.mean(values)) for who, values in found.items()}
