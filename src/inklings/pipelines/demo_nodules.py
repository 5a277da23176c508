"""The whole way of nodules on chests that inklings draws itself: from scans to their errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from inklings import __version__
from inklings.applications.lung_nodules.spec import DETECTION
from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError
from inklings.files import read_yaml, write_yaml
from inklings.pipelines.demo import Command

_TRAINING: dict[str, Any] = {
    "optimiser": {"name": "adamw", "weight_decay": 0.02},
    "schedule": {"name": "one_cycle", "warm": 0.15},
    "ema": 0.99,
    "loggers": [],
}
STAGES: dict[str, dict[str, Any]] = {
    "detector": {
        "model": {"name": "centre_point", "width": 16},
        "loss": "centre_point",
        "task": "detection",
        "detection": {**DETECTION, "side": 48, "positives": 0.6},
        "training": {"batch_size": 8, "learning_rate": 3e-3, **_TRAINING},
    },
    "malignancy": {
        "model": {"name": "nodule_net", "width": 12, "dropout": 0.3},
        "loss": "bce",
        "task": "malignancy",
        "malignancy": {"side": 28, "spacing_mm": 1.25},
        "training": {"batch_size": 16, "learning_rate": 2e-3, **_TRAINING},
    },
}


@dataclass(frozen=True)
class Plan:
    """How much is drawn and learnt.

    Attributes:
        scans: Of which a quarter is tested.
        steps: Of the detector; the malignancy model takes half as many.
        seed: Of everything.
    """

    scans: int = 48
    steps: int = 700
    seed: int = 0


def demo_nodules(out: Path, plan: Plan, command: Command) -> dict[str, Any]:
    """Draw chests, import and split them, train two stages, search the held-out scans.

    Args:
        out: Folder for everything; gone on with where it holds an unfinished demo of this plan.
        plan: How much.
        command: Runs ``inklings`` with the words it is given.

    Returns:
        FROC and error analysis, as they are on disk.

    Raises:
        DataError: If ``out`` holds a demo of another plan.
    """
    mine = {"version": __version__, "kind": "nodules", **asdict(plan)}
    path = out / "demo.yaml"
    if path.exists() and read_yaml(path, "a demo") != mine:
        raise DataError(f"{out} holds another demo (see {path}); remove it, or give another --out")
    write_yaml(path, mine)
    root, cohort, runs, found = out / "luna", out / "cohort", out / "runs", out / "nodules"
    if not (root / "annotations.csv").exists():
        for left in sorted(root.rglob("*"), reverse=True):  # scans of an interrupted drawing
            left.unlink() if left.is_file() else left.rmdir()
        command("phantoms", "luna16", "--out", root, "--count", plan.scans, "--seed", plan.seed)
    if not (cohort / "cohort.yaml").exists():
        command("import", "luna16", root, "--out", cohort)
    if not Cohort.read(cohort).is_split:
        parts = ("--fractions", "0.65", "0.1", "0.25")
        command("split", cohort, *parts, "--seed", plan.seed)
    for name, record in STAGES.items():
        steps = plan.steps if name == "detector" else max(1, plan.steps // 2)
        record = {"cohort": "cohort", **record}
        record["training"] = {**record["training"], "steps": steps, "seed": plan.seed}
        write_yaml(out / f"{name}.yaml", record)
        settings = ("--set", f"cohort={cohort}")
        command("train", out / f"{name}.yaml", *settings, "--out", runs / name, "--resume")
    search = ("nodules", cohort, "--run", runs)
    command(*search, "--split", "val", "--out", out / "val", "--tune-thresholds")
    command(*search, "--split", "test", "--out", found, "--validation")
    return {
        "froc": json.loads((found / "froc.json").read_text(encoding="utf-8")),
        "error_analysis": json.loads((found / "error_analysis.json").read_text(encoding="utf-8")),
    }


def table(results: dict[str, Any]) -> Iterator[str]:
    """What came of it, in a few lines."""
    froc, losses = results["froc"], results["error_analysis"]["luna16"]["losses"]
    cpm = froc["cpm"]
    yield f"{froc['counts']['objects']} nodules in {froc['counts']['scans']} scans never seen"
    yield f"{'CPM':34}{cpm['value']:.3f}  ({cpm['low']:.3f} to {cpm['high']:.3f})"
    for one in froc["sensitivities"]:
        if one["rate"] in (1, 4):
            name = f"sensitivity at {one['rate']:g} false alarms"
            yield f"{name:34}{one['value']:.3f}  ({one['low']:.3f} to {one['high']:.3f})"
    for name, count in losses.items():
        yield f"{name:34}{count}"
    if "malignancy" in results["error_analysis"]:
        yield results["error_analysis"]["malignancy"]
    yield "These are phantoms: drawn chests, whose nodules are known."
