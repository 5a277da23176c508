"""What a report says of the labels that were learnt from, and of their correction."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from inklings.cohorts.cohort import Cohort
from inklings.labels.kinds import Label, MaskLabel
from inklings.reports import plots
from inklings.reports.charts import Chart, Numbers, chart
from inklings.reports.examples import labelled, spread
from inklings.reports.material import Material


def labels(material: Material, count: int = 6) -> dict[str, Any] | None:
    """What the annotators left, how good it is, and what the correction made of it."""
    there = material.cohort
    if there is None:
        return None
    truths = {case.id: case for case in material.standard or ()}
    quality = material.label_quality
    shown = [
        labelled(case, there.classes, truths.get(case.id), _quality(quality.get(case.id)))
        for case in spread(there, count)
    ]
    return {
        "kinds": kinds(there),
        "weakness": there.facts.get("weakness"),
        "quality": _pooled(quality),
        "figure": _quality_figure(quality),
        "examples": [example for example in shown if example],
        "correction": correction(material.correction),
        "teacher": [_lesson(one, material.teacher) for one in material.teacher.get("lessons", [])],
        "weak": bool(quality) or "weakness" in there.facts,
    }


def kinds(there: Cohort) -> Counter[str]:
    """How many labels of each kind were learnt from."""
    return Counter(
        _kind(label) for case in there.part("train") or there.cases for label in case.labels
    )


def weakness(facts: Mapping[str, Any]) -> str:
    """How the labels of a cohort were weakened, the last time first."""
    told = facts.get("weakness")
    if not isinstance(told, Mapping):
        return "no label noise is recorded" if told is None else str(told)
    chain, seed, cases = (told.get(k, "not recorded") for k in ("chain", "seed", "cases"))
    line = f"{chain} (seed {seed}, {cases} cases)"
    if exact := told.get("exact"):
        line += f", but for {len(exact)} cases whose labels are exact"
    before = told.get("before")
    return line if before is None else f"{line}; before that {weakness({'weakness': before})}"


def _lesson(one: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, str]:
    """Shares of the inside of one class: what the trees left positive, and what the teacher."""
    trees = (record.get("forest") or {}).get(one["name"])
    rest = 1 - one["positive"] - one["negative"]
    shares = {"trees": trees, "yes": one["positive"], "no": one["negative"], "doubt": rest}
    said = {k: "" if share is None else f"{share:.1%}" for k, share in shares.items()}
    return {"name": one["name"], **said}


def _kind(label: Label) -> str:
    if isinstance(label, MaskLabel):
        return f"{label.extent} masks of {label.kind}"
    return type(label).__name__.removesuffix("Label").lower() + " labels"


def _quality(row: Mapping[str, str] | None) -> str:
    return f"label Dice {float(row['dice']):.3f}" if row and row.get("dice") else ""


def _pooled(quality: Mapping[str, Mapping[str, str]]) -> list[dict[str, Any]]:
    """Mean and pooled agreement of the weak labels with the truth."""
    if not quality:
        return []
    right, wrong, missed = (
        sum(float(row[name]) for row in quality.values()) for name in ("right", "wrong", "missed")
    )
    pooled = {
        "dice": 2 * right / max(2 * right + wrong + missed, 1),
        "iou": right / max(right + wrong + missed, 1),
        "precision": right / max(right + wrong, 1),
        "recall": right / max(right + missed, 1),
    }
    titles = {"dice": "Dice", "iou": "IoU", "precision": "Precision", "recall": "Recall"}
    return [
        {"title": titles[name], "mean": float(np.nanmean(_values(quality, name))), "pooled": value}
        for name, value in pooled.items()
    ]


def _values(quality: Mapping[str, Mapping[str, str]], name: str) -> list[float]:
    return [float(row[name]) if row.get(name) else math.nan for row in quality.values()]


def _quality_figure(quality: Mapping[str, Mapping[str, str]]) -> Chart | str:
    if not quality:
        return ""
    scores = {
        f"{word} of the labels, by case": _values(quality, name)
        for name, word in (("dice", "Dice"), ("precision", "Precision"), ("recall", "Recall"))
    }
    title = "Agreement of the labels with the reference"
    numbers: Numbers = {"case": list(quality), **scores}
    return chart(plots.per_case(scores), "labels", title, numbers)


def correction(record: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the correction found, in its own words, and the numbers around it."""
    if not record:
        return None
    evidence = record.get("evidence") or []
    rest = {
        k.replace("_", " "): v
        for k, v in record.items()
        if k != "evidence" and isinstance(v, str | int | float) and not isinstance(v, bool)
    }
    return {"evidence": evidence, "facts": rest, "before_after": record.get("quality") or {}}
