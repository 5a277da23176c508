"""What each kind of label costs on whole slides: strong, coarse, corrected, and slide labels only.

All on phantom slides: their exact outlines are known, and no two share a gland. A slide label
costs seconds and an outline an hour, so learners from slide labels are given more slides.
Each combination of learner and seed is one cell (`inklings.benchmark.engine`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from inklings import progress
from inklings.benchmark.engine import Row, StudyTable, claim, run_cells
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.opening import open_case
from inklings.cohorts.region import annotate_region
from inklings.cohorts.split_files import split_cohort
from inklings.cohorts.splits import SplitOptions
from inklings.data.slide_look import SlideLook
from inklings.data.tiling import Rule, tile_cohort
from inklings.data.tissue_finder import finder
from inklings.datasets import importing
from inklings.datasets.panda import Panda
from inklings.errors import SpecError
from inklings.files import write_text
from inklings.inference.dense import predict_array
from inklings.inference.slide_networks import seen_as
from inklings.runs.run import Run
from inklings.simulation.phantoms.biopsy import SlidePlan
from inklings.simulation.phantoms.slides import ANNOTATORS, write_panda
from inklings.spec import SegmentationExperiment
from inklings.tasks.train import train

LABELS = {"strong": "exact", "naive": "coarse", "weak": "coarse", "slides": "labelled"}
"""Which cohort each learner is given; masks of ``labelled`` are not looked at."""

TISSUE = "stained"

SCORES = ("miou", "iou", "dice", "precision", "recall", "tile_auc")
COLUMNS = ("learner", "seed", *SCORES, "minutes", "refused")


@dataclass(frozen=True)
class SlideStudyPlan:
    """How much is drawn.

    Attributes:
        train: Slides with outlines to train and validate on.
        labelled: Other slides to train and validate on that have a label and no outline.
        test: Held-out slides.
        size: Pixels of a slide, at most.
        um: Size of a pixel.
        spacing_um: What networks see.
        tile: Side of a tile, in samples of that.
    """

    train: int = 30
    labelled: int = 240
    test: int = 32
    size: tuple[int, int] = (3000, 2000)
    um: float = 1.0
    spacing_um: float = 2.0
    tile: int = 256


def study(
    out: Path,
    recipes: dict[str, SegmentationExperiment],
    seeds: Sequence[int],
    plan: SlideStudyPlan | None = None,
) -> list[Row]:
    """Run what is missing of a study and write ``table.csv``.

    Args:
        out: Folder for everything.
        recipes: An experiment for each name of `LABELS`, or some; their cohort, tiles and seed
            are set here.
        seeds: Of the slides, the annotators and the training.
        plan: How much is drawn.

    Returns:
        One row for each cell.
    """
    unknown = sorted(set(recipes) - set(LABELS))
    if unknown:
        raise SpecError(f"expected recipes of {', '.join(LABELS)}, got {', '.join(unknown)}")
    plan = plan or SlideStudyPlan()
    claim(out / "study.yaml", asdict(plan), "study")
    for name, recipe in recipes.items():
        content = recipe.model_dump(mode="json", exclude={"cohort", "tiles"}, exclude_defaults=True)
        claim(out / f"{name}.yaml", content, f"recipe of {name}")
    cells = [SlideCell(name, seed) for seed in seeds for name in recipes]
    table = StudyTable(out / "table.csv", COLUMNS)
    return run_cells(partial(_cell, out.resolve(), recipes, plan), cells, out, table)


@dataclass(frozen=True)
class SlideCell:
    """One run: a learner and the seed of its slides, annotators and training."""

    learner: str
    seed: int

    phase = 0

    @property
    def file(self) -> str:
        """Its result, in the folder of the seed."""
        return f"s{self.seed}/{self.learner}.json"


def _cell(
    out: Path, recipes: dict[str, SegmentationExperiment], plan: SlideStudyPlan, cell: SlideCell
) -> Row:
    data = draw(out / f"s{cell.seed}", cell.seed, plan, LABELS[cell.learner])
    return run(data, cell.learner, recipes[cell.learner], cell.seed)


def draw(out: Path, seed: int, plan: SlideStudyPlan, cohort: str) -> Path:
    """Draw, import and tile what is missing of one seed: ``cohort`` (see `LABELS`) and ``test``."""
    slide = SlidePlan(size=plan.size, um=plan.um, tissue=0.35)
    rule = Rule(plan.tile, plan.tile, plan.spacing_um, min_tissue=0.1, method=TISSUE)
    drawn = {
        "train": (plan.train, 2 * seed),
        "test": (plan.test, 2 * seed + 1),
        "labelled": (plan.labelled, 1000 + seed),
    }
    for name in ("test", cohort):
        kind = "train" if name in ANNOTATORS else name
        done, source = out / f"{name}.drawn", out / "panda" / kind
        if done.exists():
            continue
        if not (source / "train.csv").exists():
            count, number = drawn[kind]
            own: dict[str, Any] = {"sheets": None, "coarse_too": kind == "train"}
            write_panda(source, count, slide, marks="fine", seed=number, **own)
        masks, codes = ANNOTATORS.get(name, ANNOTATORS["exact"])
        how: dict[str, Any] = {"masks": masks, "mask_provider": codes}
        importing.run(Panda(source, spacing_um=plan.um, **how), out / name, workers=1)
        if name != "test":
            split_cohort(out / name, SplitOptions((0.8, 0.2, 0.0), seed=seed))
            tile_cohort(out / name, out / f"tiles-{name}", rule)
        write_text(done, "")
    return out


def run(data: Path, name: str, recipe: SegmentationExperiment, seed: int) -> Row:
    """Train one learner and score it on the held-out slides."""
    cohort = LABELS[name]
    training = recipe.training.model_copy(update={"seed": seed})
    experiment = recipe.model_copy(
        update={
            "cohort": data / cohort,
            "tiles": data / f"tiles-{cohort}",
            "training": training,
        }
    )
    folder = train(experiment, data / "runs" / name, resume=True)
    trained = Run.load(folder).folded()
    cases = Cohort.read(data / "test").cases
    slides = [_predicted(trained, case) for case in progress.track(cases, "predict held-out")]
    return {
        **scores(slides, trained.thresholds[0]),
        "minutes": trained.record.seconds / 60,
        "threshold": trained.thresholds[0],
    }


Pair = tuple[NDArray[np.float32], NDArray[np.bool_]]


def scores(slides: Sequence[Pair], threshold: float, tile: int = 128) -> dict[str, float]:
    """Overlap of tumour over all pixels of all slides, and how well tiles are ranked.

    Args:
        slides: Probability ``(H, W)`` and truth ``(H, W)`` of each.
        threshold: From which a sample is called tumour.
        tile: Side of the tiles that are ranked by their mean probability; one with more than a
            twentieth of tumour is positive, one without any is negative.
    """
    table = np.zeros((2, 2))
    for p, truth in slides:
        table += np.bincount(2 * truth.ravel() + (p >= threshold).ravel(), minlength=4).reshape(
            2, 2
        )
    (tn, fp), (fn, tp) = table
    tumour, rest = tp / max(tp + fp + fn, 1), tn / max(tn + fp + fn, 1)
    tiles = [pair for p, truth in slides for pair in _tiles(p, truth, tile)]
    kinds = {positive for positive, _ in tiles}
    auc = roc_auc_score(*zip(*tiles, strict=True)) if len(kinds) == 2 else float("nan")
    return {
        "miou": float(tumour + rest) / 2,
        "iou": float(tumour),
        "dice": float(2 * tp / max(2 * tp + fp + fn, 1)),
        "precision": float(tp / max(tp + fp, 1)),
        "recall": float(tp / max(tp + fn, 1)),
        "tile_auc": float(auc),
    }


def _tiles(
    p: NDArray[np.float32], truth: NDArray[np.bool_], side: int
) -> Iterator[tuple[bool, float]]:
    for y in range(0, p.shape[0], side):
        for x in range(0, p.shape[1], side):
            box = slice(y, y + side), slice(x, x + side)
            share = float(truth[box].mean())
            if share == 0 or share > 0.05:
                yield share > 0, float(p[box].mean())


def _predicted(trained: Run, case: Case) -> Pair:
    um = trained.model_config.spacing_um
    assert um is not None
    plain = replace(trained, model_config=replace(trained.model_config, stains=None))
    with open_case(case) as slide:
        view = slide.at(um / 1000)
        restain, scale = seen_as(trained, SlideLook.of(slide, finder(TISSUE)(slide)))
        dense = predict_array(plain, restain(view.read(view.geometry.full)), scale=scale)[0]
        name = next(iter(case.images))
        marked = annotate_region(case, name, view.geometry, view.geometry.full, trained.classes)
    return dense.astype(np.float32) / 255, marked.category > 0


def summary(rows: Sequence[Row]) -> Iterator[str]:
    """The table as Markdown: means over seeds, and how much of the gap was won back."""
    yield "| learner | labels | seeds | mean IoU | tumour IoU | Dice | tile AUC | minutes |"
    yield "|---|---|---|---|---|---|---|---|"
    means: dict[str, float] = {}
    for name, labels in LABELS.items():
        tried = [row for row in rows if row["learner"] == name]
        mine = [row for row in tried if "refused" not in row]
        told = "slide labels" if name == "slides" else labels
        if len(mine) < len(tried):
            yield f"| {name} | {told} | {len(tried) - len(mine)} refused | | | | | |"
        if not mine:
            continue
        means[name] = float(np.mean([row["miou"] for row in mine]))
        cells = [
            _spread([row[k] for row in mine])
            for k in ("miou", "iou", "dice", "tile_auc", "minutes")
        ]
        yield f"| {name} | {told} | {len(mine)} | {' | '.join(cells)} |"
    if {"strong", "naive", "weak"} <= means.keys():
        gap = (means["weak"] - means["naive"]) / (means["strong"] - means["naive"])
        yield ""
        refused = any("refused" in row for row in rows)
        of = ", runs that were refused left out" if refused else ""
        yield f"Of the gap in mean IoU between naive and strong, weak wins back {gap:.0%}{of}."


def _spread(values: Sequence[float]) -> str:
    spread = f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
    return f"{np.mean(values):.3f}{spread}"
