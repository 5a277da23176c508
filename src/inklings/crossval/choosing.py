"""How the mean of the runs of all folds is cut, chosen on their out-of-fold predictions."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.opening import image_of_file, open_case
from inklings.geometry import Geometry
from inklings.predictions.dense import DensePrediction
from inklings.predictions.folder import PredictionFolder
from inklings.progress import note, track
from inklings.runs.members import Chosen
from inklings.spec import SegmentationExperiment
from inklings.supervision import SUPERVISIONS
from inklings.training.rules import Rule, Sample, decide
from inklings.training.thresholds import counts
from inklings.training.validation import dices_of, in_one_piece


def choose(experiment: SegmentationExperiment, predictions: Path) -> Chosen | None:
    """Thresholds, and components of volumes, by the labels of all cases; None of slides.

    Each case counts as its own run said it, so that no label is judged by a network that has learnt
    it. The rule is that of a training on its validation part (`inklings.training.rules`). Where
    the experiment corrects labels or lets a teacher do so, those of the files are no judge, and
    thresholds are the mean of the folds; what the experiment fixes stays fixed.

    Args:
        experiment: Its supervision, and what it asks of thresholds and components.
        predictions: Of all cases; their components are not cut yet.
    """
    there = PredictionFolder.open(predictions)
    if there.slides:
        note("slides: the mean of the runs uses the mean of their thresholds")
        return None
    names, asked = there.head.classes, experiment.inference
    cohort = Cohort.read(experiment.cohort)
    supervision = experiment.supervision
    build = SUPERVISIONS.build(supervision.name, {"classes": cohort.classes, **supervision.options})
    cases = {case.id: case for case in cohort if case.id in there.cases}
    sample, counted, targets = Sample(len(cases), experiment.training.seed), [], []
    for case in track(list(cases.values()), "choose thresholds"):
        said = DensePrediction.read(predictions, case.id)
        target = build.target(case, _grid(case, said))
        counted.append(counts(said.dense[: len(names)], target)[: len(names)])
        sample.add(said.dense[: len(names)], target)
        targets.append(target.whole)
    made = experiment.correction.name != "none" or experiment.teacher is not None
    if made or asked.threshold != "auto":
        why = "its labels are made finer" if made else f"asks for {asked.threshold}"
        rules = [
            Rule(cut, "half", f"the mean of the folds: the experiment {why}")
            for cut in there.head.thresholds
        ]
    else:
        rules = decide(np.array(counted), sample, all(targets), pooled=False, in_doubt=False)
    cuts = tuple(rule.threshold for rule in rules)
    reasons = {
        name: rule.reason.replace("on the validation part", "on out-of-fold predictions")
        for name, rule in zip(names, rules, strict=True)
    }
    largest: tuple[str, ...] = names if asked.components == "largest" else ()
    if asked.components == "auto" and not made:
        found = []
        for case in cases.values():
            said = DensePrediction.read(predictions, case.id)
            target = build.target(case, _grid(case, said))
            found.append(dices_of(said.dense[: len(names)], cuts, target))
        largest = tuple(names[k] for k in in_one_piece(found))
        for k, name in enumerate(names):
            both = np.array([(one[0][k], one[1][k]) for one in found])
            whole, part = both[~np.isnan(both[:, 0])].sum(0) / max(1, len(both))
            kept = "the largest component" if name in largest else "all components"
            reasons[name] += f"; {kept}: Dice {whole:.3f} of all, {part:.3f} of the largest"
    return Chosen(cuts, largest, reasons)


def _grid(case: Case, said: DensePrediction) -> Geometry:
    """Of the image that was predicted; pictures do not keep theirs."""
    if said.geometry is not None:
        return said.geometry
    with open_case(case, image_of_file(case, said.image)) as image:
        return image.geometry
