"""Experiments that finished runs of version 0.1 hold, as they are said now."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inklings.errors import DataError, SpecError
from inklings.files import read_yaml
from inklings.renamed import renamed
from inklings.spec.base import TASKS, Experiment

_STAGES = {
    "detector": "detection",
    "classifier": "candidates",
    "malignancy": "malignancy",
    "segmenter": "nodule_segmentation",
}


def load_experiment(folder: Path) -> Experiment:
    """The experiment of a run folder, of any version; its paths as the working folder sees them.

    Raises:
        DataError: If it is none, or is damaged.
        SpecError: If what it says can no longer be.
    """
    path = folder / "experiment.yaml"
    record = read_yaml(path, "an experiment file")
    if not isinstance(record, dict):
        raise DataError(f"{path}: expected keys and values, got {type(record).__name__}")
    try:
        return Experiment.check(as_now(record), str(path)).read_from(folder)
    except SpecError as error:
        if "task" in record:
            raise
        raise SpecError(f"{error}\n  (a run of version 0.1: train again)") from None


def as_now(record: Mapping[str, Any]) -> dict[str, Any]:
    """A resolved experiment of any version with its task and the keys of today.

    Resolved files of 0.1 held every section there was: those of other tasks are left out.
    """
    now = renamed(record)
    if "task" in now:
        return now
    model = now.get("model")
    if "nodules" in now:
        task, section = _stage(now["nodules"])
    elif isinstance(model, Mapping) and model.get("name") == "bags":
        task, section = "bags", {}
        threshold = now.get("inference", {}).get("threshold", "auto")
        section = {"inference": {"threshold": threshold}}
    else:
        return {k: v for k, v in now.items() if k != "bags"} | {"task": "segmentation"}
    keys: Any = TASKS.get(task)
    known = {k: v for k, v in now.items() if k in keys.model_fields}
    return {**known, **section, "task": task}


def _stage(nodules: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Task of a stage, and its section."""
    task = _STAGES[nodules["stage"]]
    if task == "nodule_segmentation":
        return task, {}
    if task == "detection":
        side = nodules["side"]
        return task, {
            task: {
                "side": side if isinstance(side, int) else side[0],
                "foreground": nodules["positives"],
                "noise": 0.03 if nodules["augment"] else 0.0,
                "region": "lungs",
                "intensity": {"name": "window", "low": -1000.0, "high": 400.0},
            }
        }
    names = ["side", "spacing_mm", "positives", "augment", "false_positives"]
    names += ["detector"] if task == "candidates" else ["finetune"]
    section = {name: nodules[name] for name in names if name in nodules}
    return task, {task: {**section, "monitor": nodules.get("keep", "f1")}}
