"""One cell of a label study: weaken, correct, train, score; nothing shared but the files.

A cell sees weak labels of the training and validation parts only. The truth is looked at in two
places: to make the weak labels, and to score the test part. Learners that are given the true
class prior say so in their name.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from inklings import progress
from inklings.benchmark.engine import Row
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.leaks import Training
from inklings.cohorts.rasterise import annotate
from inklings.data.examples import from_masks
from inklings.evaluation.evaluate import score
from inklings.evaluation.pairs import Pair, Segmentation
from inklings.files import written
from inklings.inference.dense import predict_array
from inklings.readers import open_image
from inklings.runs.run import Run, RunRecord
from inklings.simulation.chain import Chain, apply, stream
from inklings.spec import SegmentationExperiment
from inklings.supervision.base import Target
from inklings.supervision.prior import average_share, estimate_prior, threshold_at
from inklings.tasks.pixels import learn
from inklings.training.fit import FitResult
from inklings.training.thresholds import choose
from inklings.weak.correction import CORRECTIONS

Masks = list[NDArray[np.bool_]]


@dataclass(frozen=True)
class Learner:
    """A way to learn from labels that may be weak.

    Attributes:
        loss: Name and options of the loss.
        correction: Name of the label correction.
        threshold: ``half``; ``dice``: the best on the weak labels of the validation part, taken
            for the truth; ``prior``: where the estimated share of positives is right.
        prior: Which class prior the loss is given; None if it takes none.
    """

    loss: Mapping[str, Any]
    correction: str = "none"
    threshold: Literal["half", "dice", "prior"] = "half"
    prior: Literal["true", "estimated"] | None = None


LEARNERS: dict[str, Learner] = {
    "naive": Learner({"name": "bce"}),
    "naive-tuned": Learner({"name": "bce"}, threshold="dice"),
    "inklings": Learner({"name": "bce"}, correction="auto", threshold="prior"),
    "nnpu-true": Learner({"name": "nnpu"}, prior="true"),
    "nnpu-estimated": Learner({"name": "nnpu"}, prior="estimated"),
    "upu-true": Learner({"name": "upu"}, prior="true"),
    "vpu": Learner({"name": "vpu"}),
}


@dataclass(frozen=True)
class LabelCell:
    """One run of a study.

    Attributes:
        weakness: Chain of weakenings, ``full`` for none.
        learner: Name in `LEARNERS`.
        seed: Of the weak labels and the training.
        budget: Multiple of the experiment's steps.
    """

    weakness: str
    learner: str
    seed: int
    budget: int = 1

    @property
    def name(self) -> str:
        """A file name."""
        kind = self.weakness.replace(":", "_").replace("=", "").replace(",", "_")
        return f"{kind}--{self.learner}--s{self.seed}--x{self.budget}"

    @property
    def file(self) -> str:
        """Its result."""
        return f"cells/{self.name}.json"

    @property
    def phase(self) -> int:
        """Where the prior is estimated, the naive cell's is read."""
        learner = LEARNERS.get(self.learner)
        return int(learner is not None and learner.prior == "estimated")


@dataclass(frozen=True)
class Images:
    """The decoded images of one part with the true masks.

    Attributes:
        cases: In order.
        pixels: ``(C, H, W)`` uint8 each.
        objects: ``(H, W)`` true objects.
    """

    cases: Sequence[Case]
    pixels: list[NDArray[np.uint8]]
    objects: list[NDArray[np.int32]]

    @property
    def truth(self) -> Masks:
        """``(H, W)`` true foreground."""
        return [objects > 0 for objects in self.objects]


@dataclass(eq=False)
class LabelStudy:
    """Where a study's cells work.

    Attributes:
        cohort: Folder of the cohort with full masks, split.
        out: Folder of the study.
        experiment: Network, sampling and training of every cell.
    """

    cohort: Path
    out: Path
    experiment: SegmentationExperiment
    _parts: dict[str, Images] = field(default_factory=dict)

    def part(self, split: Literal["train", "val", "test"]) -> Images:
        """Decode one part, once."""
        if split not in self._parts:
            cohort = Cohort.read(self.cohort)
            self._parts[split] = _decode(cohort.part(split), cohort.classes)
        return self._parts[split]

    def labels(self, weakness: str, seed: int, correction: str) -> tuple[Masks, Masks, Any]:
        """Weak, perhaps corrected masks of train and val, and what the correction found."""
        return _labels(self, weakness, seed, correction)

    def __call__(self, cell: LabelCell) -> Row:
        """Run a cell, without a word and with one thread, so that its numbers are the same."""
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with progress.silenced():
                return run(self, cell)
        finally:
            torch.set_num_threads(threads)


def run(study: LabelStudy, cell: LabelCell) -> Row:
    """The results of a cell; everything random follows from the cell."""
    started = time.monotonic()
    learner = LEARNERS[cell.learner]
    train, val, test = (study.part(split) for split in ("train", "val", "test"))
    masks, held_out, evidence = study.labels(cell.weakness, cell.seed, learner.correction)
    experiment = _experiment(study, cell, learner)
    begun = time.monotonic()
    trained = learn(experiment, from_masks(train.pixels, masks))
    seconds = time.monotonic() - begun
    scores = _predict(experiment, trained, val.pixels)
    prior = estimate_prior(scores, held_out, seed=cell.seed)
    threshold = _threshold(learner.threshold, scores, held_out, prior.value)
    dense = _predict(experiment, trained, test.pixels)
    table = score(
        (
            Pair(case.patient, case.id, Segmentation.of(d >= threshold), Segmentation.of(t))
            for case, d, t in zip(test.cases, dense, test.truth, strict=True)
        ),
        ("dice", "dice_pooled"),
        training=Training("the cell", frozenset(c.patient for c in (*train.cases, *val.cases))),
    )
    return {
        "dice_mean": table["dice"].value,
        "dice_low": table["dice"].low,
        "dice_high": table["dice"].high,
        "dice_pooled": table["dice_pooled"].value,
        "images": len(test.cases),
        "threshold": threshold,
        "prior_estimated": prior.value,
        "prior_low": prior.low,
        "prior_high": prior.high,
        "prior_true_val": average_share(val.truth),
        "prior_labelled": prior.labelled,
        "label_dice": _label_dice(_weakened(train, cell.weakness, cell.seed), train.truth),
        "corrected_dice": _label_dice(masks, train.truth),
        "train_seconds": seconds,
        "seconds": time.monotonic() - started,
        "evidence": evidence,
        "warnings": list(trained.warnings),
    }


def _experiment(study: LabelStudy, cell: LabelCell, learner: Learner) -> SegmentationExperiment:
    base = study.experiment
    loss = dict(learner.loss)
    if learner.prior == "true":
        loss["prior"] = average_share(study.part("train").truth)
    elif learner.prior == "estimated":
        naive = study.out / dataclasses.replace(cell, learner="naive", budget=1).file
        estimated = json.loads(naive.read_text())["prior_estimated"]
        loss["prior"] = float(np.clip(estimated, 0.01, 0.99))
    training = base.training.model_dump()
    training |= {"seed": cell.seed, "steps": (base.training.steps or 500) * cell.budget}
    record = {**base.model_dump(mode="json"), "loss": loss, "training": training}
    return SegmentationExperiment.check(record, f"study cell {cell.name}")


def _threshold(
    how: Literal["half", "dice", "prior"],
    scores: Sequence[NDArray[np.float32]],
    labelled: Masks,
    prior: float,
) -> float:
    if how == "prior":
        return threshold_at(scores, labelled, prior)
    if how == "half":
        return 0.5
    dense = (np.rint(s * 255).astype(np.uint8)[None] for s in scores)
    targets = (Target(m[None].astype(np.uint8) * 255, np.ones(m.shape, np.bool_)) for m in labelled)
    return choose(zip(dense, targets, strict=True))[0]


def _predict(
    experiment: SegmentationExperiment, trained: FitResult, images: Sequence[NDArray[np.uint8]]
) -> list[NDArray[np.float32]]:
    """Probability of the foreground at the original size, ``(H, W)`` each."""
    run = Run(trained.model, trained.model_config, RunRecord((0.5,)), experiment)
    return [predict_array(run, image)[0].astype(np.float32) / 255 for image in images]


@lru_cache(maxsize=4)
def _labels(
    study: LabelStudy, weakness: str, seed: int, correction: str
) -> tuple[Masks, Masks, Any]:
    train, val = study.part("train"), study.part("val")
    weak = [_weakened(train, weakness, seed), _weakened(val, weakness, seed)]
    if correction == "none":
        return weak[0], weak[1], []
    images = [np.moveaxis(pixels, 0, -1) for pixels in (*train.pixels, *val.pixels)]
    path = study.out / "labels" / f"{LabelCell(weakness, correction, seed).name}.npz"
    corrected = CORRECTIONS.build(correction, {}).correct(images, weak[0] + weak[1])
    with written(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, *(np.packbits(mask) for mask in corrected.masks))
    evidence = [dataclasses.asdict(record) for record in corrected.evidence]
    count = len(weak[0])
    return corrected.masks[:count], corrected.masks[count:], evidence


def _weakened(images: Images, weakness: str, seed: int) -> Masks:
    if weakness == "full":
        return images.truth
    chain = Chain.parse(weakness)
    return [
        apply(objects, chain, stream(seed, case.id)) > 0
        for case, objects in zip(images.cases, images.objects, strict=True)
    ]


def _decode(cases: Sequence[Case], classes: Sequence[str]) -> Images:
    pixels, objects = [], []
    for case in cases:
        name, path = next(iter(case.images.items()))
        with open_image(path) as image:
            pixels.append(image.read(image.geometry.full))
            objects.append(annotate(case, name, image.geometry, classes).objects)
    most = max(len(p) for p in pixels)
    pixels = [np.repeat(p, most, 0) if len(p) < most else p for p in pixels]
    return Images(cases, pixels, objects)


def _label_dice(masks: Masks, truth: Masks) -> float:
    both = [(2 * (m & t).sum(), m.sum() + t.sum()) for m, t in zip(masks, truth, strict=True)]
    return float(np.mean([a / b if b else 1.0 for a, b in both]))
