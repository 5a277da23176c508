"""The demo of nodules: chests that inklings draws itself, from scans to counted errors."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from inklings.applications.lung_nodules.spec import DETECTION
from inklings.benchmark.demo import Command, Demo
from inklings.cohorts.cohort import Cohort
from inklings.evaluation.scores import Scores


def nodules(scans: int = 48, steps: int | None = None, seed: int = 0) -> Demo:
    """From chest CTs to counted nodules and their errors: a detector and a malignancy model.

    Args:
        scans: Of which a quarter is tested.
        steps: Of the detector; the malignancy model takes half as many.
        seed: Of everything.
    """
    steps = steps or 700
    training: dict[str, Any] = {
        "optimiser": {"name": "adamw", "weight_decay": 0.02},
        "schedule": {"name": "one_cycle", "warm": 0.15},
        "ema": 0.99,
        "loggers": [],
        "seed": seed,
    }
    stages = {
        "detector": {
            "model": {"name": "centre_point", "width": 16},
            "loss": "centre_point",
            "task": "detection",
            "detection": {**DETECTION, "side": 48, "foreground": 0.6},
            "training": {"batch_size": 8, "learning_rate": 3e-3, **training, "steps": steps},
        },
        "malignancy": {
            "model": {"name": "nodule_net", "width": 12, "dropout": 0.3},
            "loss": "bce",
            "task": "malignancy",
            "malignancy": {"side": 28, "spacing_mm": 1.25},
            "training": {
                "batch_size": 16, "learning_rate": 2e-3, **training, "steps": max(1, steps // 2),
            },
        },
    }  # fmt: skip

    def draw(out: Path, command: Command) -> None:
        root, cohort = out / "luna", out / "cohort"
        if not (root / "annotations.csv").exists():
            for left in sorted(root.rglob("*"), reverse=True):  # scans of an interrupted drawing
                left.unlink() if left.is_file() else left.rmdir()
            command("phantoms", "luna16", "--out", root, "--count", scans, "--seed", seed)
        if not (cohort / "cohort.yaml").exists():
            command("import", "luna16", root, "--out", cohort)
        if not Cohort.read(cohort).is_split:
            parts = ("--fractions", "0.65", "0.1", "0.25")
            command("split", cohort, *parts, "--seed", seed)

    def finish(out: Path, scores: Mapping[str, Scores], command: Command) -> Iterator[str]:  # noqa: ARG001
        cohort, runs, found = out / "cohort", out / "runs", out / "nodules"
        for name in stages:
            settings = ("--set", f"cohort={cohort}", "--out", runs / name, "--resume")
            command("train", out / f"{name}.yaml", *settings)
        search = ("nodules", cohort, "--run", runs)
        command(*search, "--split", "val", "--out", out / "val", "--tune-thresholds")
        command(*search, "--split", "test", "--out", found, "--validation")
        froc, errors = (
            json.loads((found / name).read_text(encoding="utf-8"))
            for name in ("froc.json", "error_analysis.json")
        )
        yield ""
        yield from _cascade_lines(froc, errors)
        yield "These are phantoms: drawn chests, whose nodules are known."
        yield f"\nreport with pictures -> {found / 'report.html'}"

    facts = {"kind": "nodules", "scans": scans, "steps": steps, "seed": seed}
    return Demo(facts, draw, stages, (), finish)


def _cascade_lines(froc: Mapping[str, Any], errors: Mapping[str, Any]) -> Iterator[str]:
    cpm = froc["cpm"]
    yield f"{froc['counts']['objects']} nodules in {froc['counts']['scans']} scans never seen"
    yield f"{'CPM':34}{cpm['value']:.3f}  ({cpm['low']:.3f} to {cpm['high']:.3f})"
    for one in froc["sensitivities"]:
        if one["rate"] in (1, 4):
            name = f"sensitivity at {one['rate']:g} false alarms"
            yield f"{name:34}{one['value']:.3f}  ({one['low']:.3f} to {one['high']:.3f})"
    for name, count in errors["luna16"]["losses"].items():
        yield f"{name:34}{count}"
    if "malignancy" in errors:
        yield errors["malignancy"]
