"""What each section of a report holds: numbers, figures and pictures, ready for the template."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from inklings.cohorts.case import SPLITS, Case
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.opening import open_case
from inklings.evaluation.head_lines import absent_lines
from inklings.evaluation.scores import Row, Scores
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.guarantee import of_head, promises_masks
from inklings.predictions.likeness_table import read_likeness, said, unlike
from inklings.reports import plots
from inklings.reports.charts import Chart, Numbers, chart
from inklings.reports.examples import RANKED_BY, Example, group_of, mean_over, predicted, ranked
from inklings.reports.html import duration
from inklings.reports.material import Material
from inklings.reports.slide_examples import predicted_slide

_OF_CASES = "mean of cases"
HEADLINES = (
    ("dice", "Dice", _OF_CASES),
    ("dice_pooled", "Dice", "all samples pooled"),
    ("f1_0.50", "F1 of objects", "at IoU 0.5"),
    ("ap", "Average precision", "IoU 0.5 to 0.95"),
    ("hd95", "Hausdorff 95 %", "border distance"),
    ("dice_annotated", "Dice on annotated pixels", _OF_CASES),
    ("recall_annotated", "Recall on annotated pixels", _OF_CASES),
)
GROUPS = (
    (
        "Annotated pixels of sparse references",
        (
            "dice_annotated",
            "precision_annotated",
            "recall_annotated",
            "accuracy_annotated",
            "share_predicted",
            "share_judged",
        ),
    ),
    (
        "Overlap",
        (
            "dice",
            "iou",
            "miou",
            "precision",
            "recall",
            "specificity",
            "overall_accuracy",
            "mean_class_accuracy",
            "frequency_weighted_iou",
        ),
    ),
    ("Objects", ("ap", "f1", "pq", "sq", "rq")),
    ("Borders", ("assd", "hd95", "nsd")),
    ("Probability", ("ece", "brier")),
)
_SPREAD = {"dice": "Dice of single cases", "f1_image_0.50": "F1 at IoU 0.5 of single cases"}
_SHOWN_F1 = ("f1_0.50", "f1_0.75", "f1_0.90", "f1_image_0.50")


def headlines(table: Scores | None) -> list[dict[str, Any]]:
    """The few numbers that say most; of several classes the mean of cases of each, by name."""
    if table is None:
        return []
    several = len(_labels(table)) > 1
    return [
        {"row": row, "title": title, "note": f"{row.label}, {note}" if several else note}
        for name, title, note in HEADLINES
        if not several or note == _OF_CASES
        for row in table
        if row.metric == name
    ]


def _labels(table: Scores) -> list[str]:
    """Names of the classes that have rows."""
    return list(dict.fromkeys(row.label for row in table if row.label != "all"))


def results(table: Scores) -> dict[str, Any]:
    """The table in groups, and the figures beside it."""
    shown = [r for r in table if not r.metric.startswith("f1_") or r.metric in _SHOWN_F1]
    group = {name: title for title, names in GROUPS for name in names}
    of = [group.get(r.metric, group.get(r.metric.split("_")[0], "Other")) for r in shown]
    groups = [
        (title, [row for row, own in zip(shown, of, strict=True) if own == title])
        for title in (*(title for title, _ in GROUPS), "Other")
    ]
    figures = []
    if "f1_0.50" in table:
        drawn = plots.f1_by_iou(table)
        figures.append(chart(drawn, "f1", "F1 of objects by IoU", plots.f1_numbers(table)))
    for k, (label, curves) in enumerate(table.curves.items()):
        bins = curves["reliability"]
        name = "calibration" if len(table.curves) == 1 else f"calibration-{k}"
        title = f"Calibration of {label}"
        figures.append(chart(plots.reliability(bins, title), name, title, bins))
    return {
        "groups": [(title, rows) for title, rows in groups if rows],
        "several": len(_labels(table)) > 1,
        "figures": figures,
        "cases": _per_case(table),
        "empty": table.head.get("empty", {}),
        "absent": absent_lines(table.head),
        "head": table.head,
        "bar": bar,
        "changes": table.changes,
    }


def _per_case(table: Scores) -> Chart | str:
    """How the scores spread over cases; empty where no case has one of its own."""
    shown = {
        title: [_number(line.get(name)) for line in table.cases]
        for name, title in _SPREAD.items()
        if table.cases and name in table.cases[0]
    }
    if not shown:
        return ""
    numbers: Numbers = {"case": [line["case"] for line in table.cases], **shown}
    return chart(plots.per_case(shown), "cases", "Scores of single cases", numbers)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def bar(row: Row) -> Markup:
    """A share and its interval as a small drawing; nothing for what is no share."""
    if row.unit or math.isnan(row.value):
        return Markup("")
    low, high = (row.value if math.isnan(v) else v for v in (row.low, row.high))
    return Markup(
        '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="rail" x="0" y="4.2" width="100" height="1.6"/>'
        '<rect class="span" x="{x:.2f}" y="2.2" width="{w:.2f}" height="5.6"/>'
        '<rect class="tick" x="{v:.2f}" y="0.5" width="1.1" height="9"/></svg>'
    ).format(x=100 * low, w=max(0.6, 100 * (high - low)), v=max(0, 100 * row.value - 0.55))


def cases(material: Material, each: int = 3) -> dict[str, Any] | None:
    """Worst, median and best cases as pictures."""
    m = material
    if not (m.table and m.head and m.predictions and m.standard):
        return None
    scored = [(by, [mean_over(line, by) for line in m.table.cases]) for by in RANKED_BY]
    by, lines = next((pair for pair in scored if any(pair[0] in x for x in pair[1])), ("", []))
    if not by:
        return None
    slides = PredictionFolder.open(m.predictions).slides
    known = {case.id: case for case in m.standard}
    far = unlike(read_likeness(m.predictions))
    folder, head, classes = m.predictions, m.head, m.standard.classes

    def shown(line: Mapping[str, Any]) -> Example:
        case, remarks = known[line["case"]], ("unlike the training",) * (line["case"] in far)
        if line["case"] in slides:
            return predicted_slide(line, folder, head, case, remarks)
        return predicted(line, folder, head, case, classes, remarks)

    groups = {
        title: [shown(line) for line in chosen if line["case"] in known]
        for title, chosen in ranked(lines, by, each).items()
    }
    return {
        "by": RANKED_BY[by],
        "groups": {title: found for title, found in groups.items() if found},
        "guaranteed": [one.line for one in of_head(m.head)] if promises_masks(m.head) else [],
    }


def likeness(material: Material, most: int = 50) -> dict[str, Any] | None:
    """Which predicted images are unlike those of the training, the farthest first."""
    found = read_likeness(material.predictions) if material.predictions else {}
    if not found:
        return None
    rows = [(case, found[case]) for case in unlike(found)[:most]]
    return {"said": said(found) or f"None of {len(found)} images is", "rows": rows}


def cohort(material: Material) -> dict[str, Any] | None:
    """Who is in which part, how large the images are, and a few of them."""
    there = material.cohort
    if there is None:
        return None
    groups = [group_of(case) for case in there]
    shapes = [_shape(case) for case in there]
    counted = [c.facts.get("nuclei") or c.facts.get("objects") for c in there]
    objects = [int(v) for v in counted if v is not None and v.isdigit()]
    whole = objects if len(objects) == len(there) else []
    return {
        "name": there.name,
        "classes": there.classes,
        "parts": _parts(there, groups),
        "groups": list(dict.fromkeys(groups)),
        "cases": len(there),
        "patients": len({case.patient for case in there}),
        "facts": {k: v for k, v in there.facts.items() if isinstance(v, str | int | float)},
        "split_hash": there.split_hash,
        "figure": chart(
            plots.sizes(shapes, whole, groups),
            "sizes",
            "Sizes of the images",
            {
                "case": [case.id for case in there],
                "group": groups,
                "samples": [" x ".join(map(str, shape)) for shape in shapes],
                **({"objects": whole} if whole else {}),
            },
        ),
    }


def _shape(case: Case) -> tuple[int, ...]:
    with open_case(case) as image:
        return image.geometry.shape


def _parts(there: Cohort, groups: Sequence[str]) -> list[dict[str, Any]]:
    """A row per split: cases, patients, and cases of each group."""
    rows = []
    for split in (*SPLITS, None):
        inside = [(c, g) for c, g in zip(there, groups, strict=True) if c.split == split]
        if inside:
            rows.append({
                "split": split or "without a split",
                "cases": len(inside),
                "patients": len({c.patient for c, _ in inside}),
                "groups": Counter(g for _, g in inside),
            })  # fmt: skip
    return rows


def training(material: Material) -> dict[str, Any] | None:
    """Curves and warnings."""
    if not material.history or "step" not in material.history:
        return None
    record = material.record
    return {
        "figure": chart(
            plots.training(material.history),
            "training",
            "Curves of the training",
            {name: values.tolist() for name, values in material.history.items()},
        ),
        "warnings": list(record.get("warnings", ())),
        "steps": record.get("facts", {}).get("steps"),
    }


def origin(material: Material) -> dict[str, Any]:
    """What ran where, with which versions, and how long."""
    record, head = material.record, material.head
    facts: dict[str, str] = {}
    if "seconds" in record:
        facts["Training time"] = duration(record["seconds"])
    for name, value in record.get("facts", {}).items():
        facts[name.replace("_", " ").capitalize()] = word(value)
    for title, key in (("Seed", "seed"), ("Prior", "prior"), ("Split", "split_hash")):
        if record.get(key) is not None:
            facts[title] = word(record[key])
    if record.get("thresholds"):
        facts["Thresholds"] = word(record["thresholds"])
    if record.get("trained_on"):
        facts["Patients used for training or choices"] = str(len(record["trained_on"]))
    if head is not None:
        facts["Weights"] = f"sha256 {head.provenance.weights_sha256[:16]}"
    return {
        "facts": {k: v for k, v in facts.items() if v},
        "machine": {k.replace("_", " "): word(v) for k, v in record.get("machine", {}).items()},
        "versions": record.get("versions", {}),
        "prediction": {k: word(v) for k, v in (head.settings if head else {}).items()},
        "experiment": material.experiment_text,
    }


def word(value: Any) -> str:
    """A value of a record as people write it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}".replace(",", "\u202f")
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(word(v) for v in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {word(v)}" for k, v in value.items() if v is not None)
    return str(value)
