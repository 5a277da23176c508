"""Weak labels on real sets: every learner, at the same number of training steps.

    python experiments/weak/study.py --data ../shared/data --out results/weak
    python experiments/weak/study.py --only hearts --budget 300 --seeds 1 --out results/weak
    python experiments/weak/study.py --table experiments/weak/study.csv

A cell is import, weaken, split by patient, train, predict, evaluate, by the library's public
functions. All learners of a set have its recipe's network, crops, augmentation and largest
pieces, so that a step takes as long; where a loss makes steps dearer, their ratio to naive steps
is timed beside the training (`dearness`) and the learner gets fewer. What has a result is not run
again. The last form only draws ``study.png`` and prints the table of a ``study.csv``.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from inklings import progress
from inklings.benchmark.engine import Row, StudyTable, claim, run_cells
from inklings.cohorts.cohort import Cohort
from inklings.evaluation.evaluate import evaluate
from inklings.evaluation.family import Settings
from inklings.inference.predict import predict
from inklings.labels.kinds import BACKGROUND, MaskLabel
from inklings.library.cohorts import import_dataset, simulate_weak_labels
from inklings.losses import LOSSES
from inklings.losses.base import total
from inklings.runs.run import ModelConfig, RunRecord
from inklings.spec import Experiment
from inklings.tasks.train import train
from inklings.tensors import Batch

HIGHEST_CODE = 255
QUIET = ("training.loggers=[]", "training.checkpoint_every=1000000")


@dataclass(frozen=True)
class Set:
    """A data set, how it is divided, and what learns it.

    Attributes:
        source: File under the folder of data.
        read: From the file and a folder to a cohort with full masks.
        recipe: What the product takes for its labels.
        loss: Of all learners that say no other.
        dense: Of full masks, if it is another one.
        network: Changes of the recipe for every learner.
        kinds: Of weak labels: a chain of weakenings, or ``strokes``, which came with the set.
        budgets: Steps.
    """

    source: str
    read: Callable[[Path, Path], Cohort]
    recipe: str
    loss: str
    kinds: tuple[str, ...]
    budgets: tuple[int, ...] = (200, 600)
    network: tuple[str, ...] = ()
    dense: str | None = None


def _nuclei(source: Path, out: Path) -> Cohort:
    return import_dataset("dsb2018", source, out=out, fractions=(0.7, 0.1, 0.2))


def _glands(source: Path, out: Path) -> Cohort:
    folder = _unzipped(source, out)
    return import_dataset(
        "folder", images=[f"{folder}/images/*.jpg"], masks=f"{folder}/masks/*.png", instances=True,
        class_name="gland", patient=r"(p\d+)_", out=out, fractions=(0.6, 0.1, 0.3),
    )  # fmt: skip


def _hearts(source: Path, out: Path, masks: str = "labels", unlabelled: str = "") -> Cohort:
    folder = _unzipped(source, out)
    return import_dataset(
        "nifti", images=[f"{folder}/images/*.nii.gz"], masks=f"{folder}/{masks}/*.nii.gz",
        values=f"0=background,1=rv,2=myo,3=lv{unlabelled}", patient=r"(patient\d+)", out=out,
        fractions=(0.6, 0.1, 0.3),
    )  # fmt: skip


def _hippocampus(source: Path, out: Path) -> Cohort:
    fractions = (0.7, 0.1, 0.2)
    return import_dataset(
        "decathlon", source, labels=("anterior", "posterior"), out=out, fractions=fractions
    )


def _unzipped(source: Path, beside: Path) -> Path:
    folder = beside.parent / "files"
    if not folder.is_dir():
        with zipfile.ZipFile(source) as archive:
            archive.extractall(folder)
    return folder


SETS = {
    "nuclei": Set(
        "dsb2018_stage1_train.zip", _nuclei, "weak", "bce", ("drop:keep=0.25", "box")
    ),
    "glands": Set(
        "glas_dev.zip", _glands, "weak", "bce", ("dilate:pixels=8", "box", "drop:keep=0.5"),
        network=("sampling.size=192", "model.stride=2"),  # glands are wider than crops of nuclei
    ),
    "hearts": Set(
        "acdc_scribbles.zip", _hearts, "scribbles", "cross_entropy", ("strokes",), (200, 3000),
        dense="{name: weighted, parts: {cross_entropy: 1, dice: {weight: 1, exclusive: true}}}",
    ),
    "hippocampus": Set(
        "msd_hippocampus.zip", _hippocampus, "hippocampus", "bce_dice",
        ("slices:keep=0.1", "slice_box"),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Learner:
    """A way to take weak labels.

    Attributes:
        labels: ``full``; ``weak`` as they are; ``naive``: what nobody labelled is background.
        changes: Of the recipe.
        loss: None for the set's.
        threshold: At prediction; None for the one that the training chose.
        own: Takes the recipe as it is.
        first: Is trained before others.
    """

    labels: str
    changes: tuple[str, ...] = ()
    loss: str | None = None
    threshold: float | None = None
    own: bool = False
    first: bool = True


LEARNERS = {
    "naive": Learner("naive", ("supervision=full", "inference.threshold=auto"), threshold=0.5),
    "naive, tuned cut": Learner("naive", ("supervision=full", "inference.threshold=auto")),
    "partial cross-entropy": Learner(
        "weak", ("supervision=partial", "inference.threshold=0.5"), first=False
    ),
    "VPU": Learner(
        "weak",
        ("supervision=positive_unlabelled", "inference.threshold=0.5"),
        loss="vpu",
        first=False,
    ),
    "loss for boxes": Learner(
        "weak",
        ("supervision=boxes", "inference.threshold=0.5"),
        loss="box",
        first=False,
    ),
    "middle of boxes": Learner(
        "weak",
        ("supervision={name: boxes, middle: 0.75}", "inference.threshold=0.5"),
        first=False,
    ),
    "inklings": Learner("weak", own=True),
    "full masks": Learner("full", ("supervision=full", "inference.threshold=auto")),
}
SAME = "as naive"
UNLABELLED = ("strokes", "slices", "scribble")
"""Kinds that say which pixels nobody labelled; boxes, wide outlines and gaps do not."""


@dataclass(frozen=True)
class WeakCell:
    """One row: a learner on one kind of labels of one set."""

    data: str
    labels: str
    learner: str
    budget: int
    seed: int

    @property
    def name(self) -> str:
        """A file name."""
        words = (self.data, self.labels, self.learner, f"{self.budget}", f"s{self.seed}")
        return "--".join(word.translate(str.maketrans(":=, ", "____")) for word in words)

    @property
    def file(self) -> str:
        """Its result."""
        return f"cells/{self.name}.json"

    @property
    def phase(self) -> int:
        """One after the other."""
        return 0


COLUMNS = (
    "data", "labels", "learner", "budget", "seed", "steps", "ratio", "dice", "dice_of_classes",
    "threshold", "cases", "patients", "processor_seconds", "seconds", "split_hash",
)  # fmt: skip


def cells(seeds: int) -> Iterator[WeakCell]:
    """Small budgets, one seed and what the others are compared with first: an even table."""
    budgets = max(len(given.budgets) for given in SETS.values())
    kinds = max(len(given.kinds) for given in SETS.values())
    for rank, seed, place, first in product(range(budgets), range(seeds), range(kinds), (1, 0)):
        for data, given in SETS.items():
            for kind in given.kinds[place : place + 1]:
                for learner, how in LEARNERS.items():
                    labels = "full" if how.labels == "full" else kind
                    if applies(learner, kind) and how.first == first:
                        yield WeakCell(data, labels, learner, given.budgets[rank], seed)


def applies(learner: str, kind: str) -> bool:
    """Whether a learner is one of these labels, and differs from naive training on them."""
    if learner == "middle of boxes":
        return kind.endswith("box")
    if learner == "loss for boxes":
        return kind == "box"  # refuses the affine augmentation of the recipe for volumes
    return not learner.startswith("partial") or kind.startswith(UNLABELLED)


@dataclass(frozen=True)
class Study:
    """Where cells work."""

    data: Path
    out: Path

    def __call__(self, cell: WeakCell) -> Row:
        """Labels, training, prediction and scores of one cell."""
        how = LEARNERS[cell.learner]
        full = self.cohort(cell.data, "full", 0)
        labels = self.cohort(cell.data, how.labels, cell.seed, cell.labels)
        ratio = self.dearness(cell)
        spec = self.experiment(cell, labels, round(cell.budget / ratio))
        # The cut is chosen after the training: naive learners share theirs.
        run = self.out / "runs" / cell.name.replace("naive__tuned_cut", "naive")
        before, started = time.process_time(), time.monotonic()
        train(spec, run, resume=True)
        seconds, spent = time.monotonic() - started, time.process_time() - before
        predictions = self.out / "predictions" / cell.name
        predict(run, [full], predictions, split="test", threshold=how.threshold)
        scores = evaluate(predictions, full, Settings(metrics=("dice",)))
        dice = [row.value for row in scores]
        record = RunRecord.read(run)
        return {
            "steps": record.facts["steps"],
            "ratio": ratio,
            "dice": float(np.mean(dice)),
            "dice_of_classes": " ".join(f"{value:.4f}" for value in dice),
            "threshold": " ".join(f"{how.threshold or one:.3f}" for one in record.thresholds),
            "cases": scores["dice"].n,
            "patients": scores["dice"].patients,
            "processor_seconds": spent,
            "seconds": seconds,
            "split_hash": Cohort.read(full).split_hash,
        }

    def experiment(self, cell: WeakCell, labels: Path, steps: int) -> Experiment:
        """The set's recipe as the learner takes it."""
        given, how = SETS[cell.data], LEARNERS[cell.learner]
        loss = given.dense if how.labels == "full" else None
        trusting = [f"loss={how.loss or loss or given.loss}"]
        if given.recipe == "weak":
            trusting.append("correction=none")
        changes = [
            f"cohort={labels}", f"training.steps={steps}", f"training.seed={cell.seed}", *QUIET,
            *given.network, *([] if how.own else [*trusting, *how.changes]),
        ]  # fmt: skip
        return Experiment.load(given.recipe, changes)

    def cohort(self, data: str, labels: str, seed: int, kind: str = "") -> Path:
        """Folder of the cohort with full, weak or naive labels, made where it is missing."""
        given, home = SETS[data], self.out / "cohorts" / data
        full = home / "full"
        if not (full / "split.json").exists():
            given.read(self.data / given.source, full)
        if labels == "full":
            return full
        weak = home / f"{kind.replace(':', '_')}-{seed}"
        if kind == "strokes":
            weak = home / "strokes"
            if not (weak / "split.json").exists():
                _hearts(self.data / given.source, weak, "scribbles", ",4=unlabelled")
        elif not (weak / "label_quality.csv").exists():
            simulate_weak_labels(full, kind, out=weak, seed=seed)
        return weak if labels == "weak" else _naive(weak)

    def dearness(self, cell: WeakCell) -> float:
        """Processor seconds of a step with this loss over one of the naive learner's, at least 1.

        Timed in turns on one network, with numbers drawn at random; what is within the noise of
        five in a hundred counts as equal.
        """
        how, given = LEARNERS[cell.learner], SETS[cell.data]
        if how.loss is None and not how.own:
            return 1.0
        naive = dataclasses.replace(cell, learner="naive")
        labels = self.cohort(cell.data, "naive", cell.seed, cell.labels)
        theirs = self.experiment(naive, labels, cell.budget)
        mine = self.experiment(cell, labels, cell.budget)
        run = self.out / "runs" / naive.name
        config = ModelConfig.read(run)
        clock = {"mine": [0.0], "theirs": [0.0]}
        torch.manual_seed(0)
        for turn in range(7):
            for who, spec in (("theirs", theirs), ("mine", mine)):
                spent = _step_seconds(config, spec, given.recipe == "scribbles" and who == "mine")
                if turn:
                    clock[who].append(spent)
        ratio = float(np.median(clock["mine"][1:]) / np.median(clock["theirs"][1:]))
        return round(ratio, 3) if ratio > 1.05 else 1.0


def _step_seconds(config: ModelConfig, spec: Any, assumed: bool) -> float:
    network, loss = config.build(), LOSSES.build(spec.loss.name, spec.loss.options)
    if hasattr(loss, "attach"):
        loss.attach(network)
    sides = config.window or (spec.sampling.size,) * 2
    inputs = torch.randn(spec.training.batch_size, config.in_channels, *sides)
    before = time.process_time()
    output = network(inputs)
    hot = output.logits.argmax(1, keepdim=True) == torch.arange(output.logits.shape[1]).reshape(
        1, -1, *[1] * len(sides)
    )
    known = torch.rand(len(inputs), 1, *sides) < 0.1
    batch = Batch(inputs, hot.float(), known)
    if assumed:
        batch = dataclasses.replace(batch, assumed=~known, assumed_weight=0.5)
    total(loss, output.in_full_precision(), batch).backward()
    return time.process_time() - before


def _naive(weak: Path) -> Path:
    """The same labels for somebody who takes what nobody labelled for background."""
    out = weak.with_name(f"{weak.name}-naive")
    if not out.exists():
        cohort = Cohort.read(weak)
        cases = [
            dataclasses.replace(case, labels=tuple(map(_all_said, case.labels))) for case in cohort
        ]
        dataclasses.replace(cohort, cases=tuple(cases)).write(out)
    return out


def _all_said(label: Any) -> Any:
    if not isinstance(label, MaskLabel) or label.extent != "partial":
        return label
    rest = (BACKGROUND,) * (HIGHEST_CODE - len(label.classes))
    return dataclasses.replace(label, extent="complete", classes=(*label.classes, *rest))


def markdown(rows: Sequence[dict[str, str]]) -> Iterator[str]:
    """Mean test Dice over seeds, a line for each kind of labels and budget."""
    yield f"| set, labels | steps | {' | '.join(LEARNERS)} |"
    yield f"|{'---|' * (len(LEARNERS) + 2)}"
    for data, given in SETS.items():
        for kind in given.kinds:
            for budget in given.budgets:
                texts = [_text(rows, data, kind, name, budget) for name in LEARNERS]
                if any(text not in ("", SAME) for text in texts):
                    shown = " | ".join(text or "-" for text in texts)
                    yield f"| {data}, {kind} | {budget} | {shown} |"


def found(
    rows: Sequence[dict[str, str]], data: str, kind: str, learner: str, budget: int
) -> list[float]:
    """Dice of each seed."""
    labels = "full" if LEARNERS[learner].labels == "full" else kind
    key = (data, labels, learner, str(budget))
    return [
        float(row["dice"])
        for row in rows
        if (row["data"], row["labels"], row["learner"], row["budget"]) == key
    ]


def _text(rows: Sequence[dict[str, str]], data: str, kind: str, learner: str, budget: int) -> str:
    if not applies(learner, kind):
        return SAME if learner.startswith("partial") else ""
    values = found(rows, data, kind, learner, budget)
    spread = f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
    return f"{np.mean(values):.3f}{spread} ({len(values)})" if values else ""


def figure(rows: Sequence[dict[str, str]], path: Path) -> None:
    """Dice of each learner by set; hollow marks at the larger budget."""
    kinds = [(data, kind) for data, given in SETS.items() for kind in given.kinds]
    canvas = Figure(figsize=(9.5, 4.4), layout="constrained")
    axis = canvas.add_subplot()
    marks = dict(zip(LEARNERS, "vs^Dp*ox", strict=True))
    for k, (learner, mark) in enumerate(marks.items()):
        colour = f"C{k}"
        axis.plot([], [], mark, color=colour, label=learner)
        for place, (data, kind) in enumerate(kinds):
            for rank, budget in enumerate(SETS[data].budgets):
                values = found(rows, data, kind, learner, budget)
                where = place + (k - 3.5) * 0.07 + (rank - 0.5) * 0.03
                fill = "none" if rank else colour
                if values:
                    axis.plot([where] * 2, [min(values), max(values)], color=colour, lw=1)
                    axis.plot(where, np.mean(values), mark, mfc=fill, mec=colour, ms=6)
    axis.set_xticks(range(len(kinds)), [f"{data}\n{kind}" for data, kind in kinds])
    axis.set_ylabel("Dice of test cases against full masks")
    axis.set_ylim(-0.02, 1)
    axis.grid(axis="y", alpha=0.3)
    canvas.legend(loc="outside upper center", ncols=4, frameon=False)
    canvas.savefig(path, dpi=110)


def main() -> None:
    """Make what is missing, and draw the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path("results/weak"))
    parser.add_argument("--only", action="append", choices=tuple(SETS), help="Only this set.")
    parser.add_argument("--budget", type=int, action="append", help="Only so many steps.")
    parser.add_argument("--learner", action="append", choices=tuple(LEARNERS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--table", type=Path, help="A study.csv to draw; nothing is trained.")
    asked = parser.parse_args()
    if asked.table is None:
        torch.set_num_threads(1)
        progress.silence(True)
        out = asked.out.resolve()
        for name, given in SETS.items():
            told = {
                k: v
                for k, v in dataclasses.asdict(given).items()
                if k not in ("read", "kinds", "budgets")
            }
            claim(out / "settings" / name / "study.yaml", told, "study")
        chosen = [
            cell
            for cell in dict.fromkeys(cells(asked.seeds))
            if (out / cell.file).exists()
            or (
                cell.data in (asked.only or SETS)
                and cell.budget in (asked.budget or [cell.budget])
                and cell.learner in (asked.learner or LEARNERS)
            )
        ]
        asked.table = out / "study.csv"
        table = StudyTable(asked.table, COLUMNS)
        run_cells(Study(asked.data.resolve(), out), chosen, out, table)
    with asked.table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    figure(rows, asked.table.with_suffix(".png"))
    print("\n".join(markdown(rows)))  # noqa: T201


if __name__ == "__main__":
    main()
