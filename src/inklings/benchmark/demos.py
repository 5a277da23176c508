"""The five demos: tissue, slides, bags, volumes and nodules, each drawn, learnt and scored.

All are phantoms, whose truth is known: what a demo shows is what its labels cost, not what a
network is worth on patients.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from inklings.benchmark.demo import Arm, Command, Demo
from inklings.benchmark.demo_nodules import nodules
from inklings.cohorts.cohort import Cohort
from inklings.evaluation.changes import number
from inklings.evaluation.label_quality import label_quality
from inklings.evaluation.scores import Row, Scores
from inklings.evaluation.truth import truth
from inklings.files import write_text, write_yaml
from inklings.reports.bag_pictures import bag_gallery
from inklings.simulation.phantoms.biopsy import SlidePlan
from inklings.simulation.phantoms.chaos import write_studies
from inklings.simulation.phantoms.cohort import tissue_cohort
from inklings.simulation.phantoms.slides import ANNOTATORS, write_panda

_SCORES = ("dice_mean", "dice_pooled", "label_dice")


def tissue(
    patients: int = 32, images: int = 3, size: int = 256, steps: int | None = None, seed: int = 0
) -> Demo:
    """What weak labels cost, and win back: naive learning or the recipe for weak labels.

    Args:
        patients: Each has a stain and a mixture of Gleason patterns of its own.
        images: Fields a patient.
        size: Side of a field in pixels of 1 um.
        steps: Of each training.
        seed: Of the tissue, the split, the weak labels and the training.
    """
    naive: dict[str, Any] = {
        "model": {"name": "unet", "width": 16, "depth": 3, "stride": 2},
        "loss": "bce",
        "sampling": {"size": 128, "augment": ["flips", "quarter_turns", "brightness_contrast"]},
        "training": {"steps": 200, "batch_size": 8, "learning_rate": 4e-3},
        "inference": {"threshold": 0.5},
    }
    weak = {
        "marked": ("half of the tumour marked", ("--kind", "drop", "--keep", "0.5")),
        "coarse": ("outlines 8 px too wide", ("--kind", "dilate", "--pixels", "8")),
    }
    experiments = {
        "naive": naive,
        "corrected": {**naive, "correction": "auto", "inference": {"threshold": "prior"}},
    }
    arms = [Arm("naive", "naive", "cohort", "exact outlines")]
    for folder, (labels, _) in weak.items():
        arms.append(Arm(f"{folder}-naive", "naive", folder, labels))
        rival = arms[-1].name
        arms.append(Arm(f"{folder}-corrected", "corrected", folder, labels, against=rival))

    def draw(out: Path, command: Command) -> None:
        full = out / "cohort"
        if not (full / "cohort.yaml").exists():
            tissue_cohort(full, patients, images, size, seed=seed)
        _split(full, command, "0.6 0.15 0.25", seed)
        for folder, (_, options) in weak.items():
            command("weaken", full, *options, "--seed", str(seed), "--out", out / folder)

    def finish(out: Path, scores: Mapping[str, Scores], command: Command) -> Iterator[str]:
        clean = {
            name: label_quality(Cohort.read(out / name), truth(out / name)).summary()["dice"]
            for name in dict.fromkeys(arm.cohort for arm in arms)
        }
        columns = [
            "weakness",
            "learner",
            "seed",
            "budget",
            "dice_mean",
            "dice_pooled",
            "label_dice",
        ]
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)  # study.csv, so that the report draws the label-quality curve
        for arm in arms:
            found = scores[arm.name]
            learner = "oracle" if arm.cohort == "cohort" else arm.experiment
            values = (found["dice"].value, found["dice_pooled"].value, clean[arm.cohort])
            writer.writerow([arm.labels, learner, seed, 1, *(f"{v:.5f}" for v in values)])
        write_text(out / "study.csv", text.getvalue())
        command("report", out, "--out", out / "report.html")
        yield ""
        yield f"{'labels':30}{'learner':12}{'Dice of labels':>15}   Dice on test (95 % interval)"
        for arm in arms:
            dice = _interval(scores[arm.name]["dice"])
            quality = number(clean[arm.cohort])
            yield f"{arm.labels:30}{arm.experiment:12}{quality:>15}   {dice}"
        yield f"\nreport -> {out / 'report.html'}, and one for each run in {out / 'runs'}"

    facts = {"patients": patients, "images": images, "size": size, "steps": steps, "seed": seed}
    metrics = ("dice", "dice_pooled", "iou", "precision", "recall", "hd95", "ece")
    return Demo(facts, draw, experiments, tuple(arms), finish, seed, steps, metrics)


def slides(
    count: int = 20,
    size: tuple[int, int] = (3000, 2000),
    steps: int | None = None,
    seed: int = 0,
) -> Demo:
    """Coarse outlines to heat maps: two annotators look at the same biopsies.

    One outlines every tumour gland, the other draws around groups of glands in a hurry.

    Args:
        count: Slides, of which a quarter is tested.
        size: Pixels of a slide, at most, of 1 um each.
        steps: Of each training.
        seed: Of the slides, the annotators, the split and the training.
    """
    common: dict[str, Any] = {
        "intensity": "half",
        "model": {"name": "transunet_small", "depth": 2, "decoder": [64, 32, 16, 8], "prior": 0.1},
        "loss": "bce",
        "supervision": "full",
        "sampling": {
            "size": 128,
            "by_class": True,
            "augment": ["flips", "quarter_turns", "brightness_contrast"],
        },
        "training": {"steps": 300, "batch_size": 8, "learning_rate": 1e-3},
        "inference": {"threshold": "auto"},
    }
    arms = (
        Arm("strong", "strong", "exact", "every gland outlined", "exact", tiles="tiles-exact"),
        Arm("naive", "naive", "coarse", "hurried outlines, trusted", "exact", tiles="tiles-coarse"),
        Arm("weak", "weak", "coarse", "hurried outlines, thinned", "exact", tiles="tiles-coarse"),
    )
    modes = {"strong": "strong", "naive": "strong", "weak": "weak"}

    def draw(out: Path, command: Command) -> None:
        root = out / "panda"
        if not (root / "train.csv").exists():
            kinds: dict[str, Any] = {"marks": "fine", "coarse_too": True, "sheets": None}
            write_panda(root, count, SlidePlan(size=size, um=1.0, tissue=0.35), seed=seed, **kinds)
        for name, (masks, provider) in ANNOTATORS.items():
            cohort, kind = out / name, ("--masks", masks, "--mask-provider", provider)
            command("import", "panda", root, "--out", cohort, "--spacing-um", "1", *kind)
            _split(cohort, command, "0.6 0.15 0.25", seed, "--stratify", "isup")
            rule = ("--spacing-um", "2", "--size", "256", "--min-tissue", "0.1")
            command("tile", cohort, *rule, "--method", "stained", "--out", out / f"tiles-{name}")

    def finish(out: Path, scores: Mapping[str, Scores], command: Command) -> Iterator[str]:  # noqa: ARG001
        yield ""
        yield f"{'labels':30}{'learner':12}   Dice on held-out slides (95 % interval)"
        for arm in arms:
            dice = _interval(scores[arm.name]["dice_pooled"])
            yield f"{arm.labels:30}{arm.name:12}   {dice}"
        yield "These are phantoms: drawn tissue, whose outlines are known."
        yield f"\nmaps -> {out / 'predictions'}, a report for each run in {out / 'runs'}"

    facts = {"kind": "slides", "slides": count, "size": size, "steps": steps, "seed": seed}
    experiments = {name: {**common, "mode": mode} for name, mode in modes.items()}
    metrics = ("dice_pooled", "dice", "iou", "precision", "recall")
    return Demo(facts, draw, experiments, arms, finish, seed, steps, metrics)


def bags(
    bags: tuple[int, int, int] = (200, 50, 150),
    target: int = 1,
    steps: int | None = None,
    seed: int = 0,
) -> Demo:
    """Bags of digits: one label a bag, and the digit is found. Offline, in under a minute."""
    experiment = {
        "task": "bags",
        "model": {"name": "bags", "encoder": "small_cnn", "pooling": "noisy_or"},
        "loss": "bag",
        "bags": {"augment": [{"name": "affine"}]},
        "training": {
            "steps": 500,
            "batch_size": 16,
            "learning_rate": 3e-3,
            "optimiser": {"name": "adamw", "weight_decay": 0.05},
        },
    }

    def draw(out: Path, command: Command) -> None:
        cohort, kind = out / "cohort", ("--draw", "again", "--target", str(target))
        if not (cohort / "cohort.yaml").exists():
            sizes = ("--bags", *map(str, bags), *kind, "--seed", str(seed))
            command("import", "mnist-bags", "digits", "--out", cohort, *sizes)

    def finish(out: Path, scores: Mapping[str, Scores], command: Command) -> Iterator[str]:  # noqa: ARG001
        bag_gallery(out / "predictions" / "bags", out / "cohort", out / "bags.png")
        yield ""
        for name in ("accuracy", "auc", "instance_auc", "top1"):
            if name in scores["bags"]:
                row = scores["bags"][name]
                yield f"{row.title:30} {_interval(row)}"
        report = out / "runs" / "bags" / "report.html"
        yield f"\nbags with the digit found -> {out / 'bags.png'}, {report}"

    facts = {"kind": "bags", "bags": bags, "target": target, "steps": steps, "seed": seed}
    arms = (Arm("bags", "bags", "cohort"),)
    return Demo(facts, draw, {"bags": experiment}, arms, finish, seed, steps)


def volumes(
    patients: int = 12,
    shape: tuple[int, int, int] = (20, 96, 96),
    keep: float = 0.1,
    steps: int | None = None,
    seed: int = 0,
) -> Demo:
    """DICOM folders to livers in millimetres, from every slice outlined and from one in ten.

    Args:
        patients: Of whom three in ten are tested.
        shape: Slices, rows and columns of a scan.
        keep: Share of the slices that are outlined in the second cohort.
        steps: Of each training.
        seed: Of the patients, the split, the slices and the training.
    """
    experiment = {
        "volumes": "2.5d",
        "intensity": "percentiles",
        "sampling": {
            "size": min(shape[1:]),
            "augment": [
                {"name": "affine", "rotate": 10, "scale": 0.15, "probability": 0.5},
                "brightness_contrast",
            ],
        },
        "model": {"name": "unet", "width": 16, "depth": 4},
        "loss": "bce_dice",
        "training": {"steps": 250, "batch_size": 8, "learning_rate": 4e-3, "loggers": []},
        "inference": {"threshold": 0.5, "components": "auto"},
    }
    arms = (
        Arm("full", "liver", "full", "every slice outlined"),
        Arm("sparse", "liver", "sparse", "one slice in ten outlined"),
    )
    metrics = {"dice": "Dice", "ravd": "volume off by", "chaos_assd": "ASSD", "chaos_mssd": "MSSD"}

    def draw(out: Path, command: Command) -> None:
        studies, full, alone = out / "studies", out / "full", ("--workers", "1")
        if not (out / "studies.yaml").exists():
            write_studies(studies, patients, seed=seed, shape=shape)
            write_yaml(out / "studies.yaml", {"patients": patients})
        if not (full / "cohort.yaml").exists():
            options = ("--modality", "mr-t1-inphase", "--organ", "liver", *alone)
            command("import", "chaos", studies, *options, "--out", full)
            _rename(full, "phantom abdomens", "inklings.simulation.phantoms.abdomen")
        _split(full, command, "0.6 0.1 0.3", seed)
        kind = ("--kind", "slices", "--keep", str(keep), "--seed", str(seed), *alone)
        command("weaken", full, *kind, "--out", out / "sparse")

    def finish(out: Path, scores: Mapping[str, Scores], command: Command) -> Iterator[str]:  # noqa: ARG001
        yield ""
        yield f"{'labels':28}" + "".join(f"{title:>16}" for title in metrics.values())
        for arm in arms:
            found = scores[arm.name]
            told = [_with_unit(found[name]) if name in found else "" for name in metrics]
            yield f"{arm.labels:28}" + "".join(f"{text:>16}" for text in told)
        yield (
            "Livers of held-out patients, on all slices. These are phantoms, easier than patients."
        )
        report = out / "runs" / "full" / "report.html"
        yield f"\nreports with pictures -> {report}, {out / 'runs'}"

    facts = {"kind": "volumes", "patients": patients, "shape": shape, "keep": keep}
    facts |= {"steps": steps, "seed": seed}
    return Demo(facts, draw, {"liver": experiment}, arms, finish, seed, steps, tuple(metrics))


def _split(cohort: Path, command: Command, fractions: str, seed: int, *more: str) -> None:
    if not Cohort.read(cohort).is_split:
        options = ("--fractions", *fractions.split(), *more, "--seed", str(seed))
        command("split", cohort, *options)


def _interval(row: Row) -> str:
    return f"{number(row.value)} ({number(row.low)} to {number(row.high)})"


def _with_unit(row: Row) -> str:
    return f"{number(row.value)} {row.unit}".strip()


def _rename(folder: Path, name: str, source: str) -> None:
    """Phantoms in the layout of a data set are not that set, and bear not its name or licence."""
    cohort = Cohort.read(folder)
    dropped = ("title", "citation", "home", "homepage")
    facts = {k: v for k, v in cohort.facts.items() if k not in dropped}
    facts |= {"licence": "CC0-1.0", "source": f"generated by {source}"}
    replace(cohort, name=name, facts=facts).write(folder)


DEMOS: Mapping[str, Callable[..., Demo]] = {
    "tissue": tissue, "slides": slides, "bags": bags, "volumes": volumes, "nodules": nodules
}  # fmt: skip
