"""Cases as pictures: best, median and worst predictions; weak labels over the truth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.opening import open_case
from inklings.cohorts.region import annotate_overview, overview_factor
from inklings.evaluation.changes import number
from inklings.evaluation.instances import match
from inklings.evaluation.pairs import Segmentation
from inklings.evaluation.pictures import read_pair
from inklings.labels.kinds import CaseLabel
from inklings.predictions.guarantee import guaranteed, promises_masks
from inklings.predictions.head import Head
from inklings.readers.image import Image
from inklings.readers.pyramid import Pyramid
from inklings.refinement.masks import at_least
from inklings.reports.pictures import overlay, plane


@dataclass(frozen=True)
class Example:
    """A picture and what there is to say about it.

    Attributes:
        picture: SVG element.
        case: Identifier.
        score: The number that it is shown for; empty where there is none.
        notes: A few words each.
    """

    picture: Markup
    case: str
    score: str
    notes: tuple[str, ...]


def ranked(lines: Sequence[Mapping[str, Any]], by: str, each: int) -> dict[str, list[Any]]:
    """Lines of the worst, median and best cases, ``each`` of them and none twice."""
    scored = sorted((line for line in lines if is_number(line.get(by))), key=lambda line: line[by])
    if len(scored) <= 3 * each:
        third = -(-len(scored) // 3)
        groups = [scored[:third], scored[third : 2 * third], scored[2 * third :]]
    else:
        middle = (len(scored) - each) // 2
        groups = [scored[:each], scored[middle : middle + each], scored[-each:]]
    return dict(zip(("worst", "median", "best"), groups, strict=True))


RANKED_BY = {
    "dice": "Dice",
    "iou": "IoU",
    "dice_annotated": "Dice on annotated pixels",
    "recall_annotated": "Recall on annotated pixels",
}
"""Metrics of a case and their names; the first that was asked for ranks."""


def score_of(line: Mapping[str, Any]) -> str:
    """What ranks the case, in words."""
    by = next((metric for metric in RANKED_BY if metric in line), "dice")
    return f"{RANKED_BY[by]} {number(line.get(by))}"


def mean_over(line: Mapping[str, Any], metric: str) -> dict[str, Any]:
    """The line of a case with the mean of ``metric`` over classes, where each has its own."""
    if metric in line:
        return dict(line)
    each = [v for k, v in line.items() if k.startswith(f"{metric}:") and is_number(v)]
    return {**line, metric: sum(each) / len(each)} if each else dict(line)


def is_number(value: Any) -> bool:
    """Whether a value of a table is one that was measured."""
    return isinstance(value, int | float) and not math.isnan(value)


def predicted(
    line: Mapping[str, Any],
    folder: Path,
    head: Head,
    case: Case,
    classes: tuple[str, ...] | None = None,
    remarks: Sequence[str] = (),
) -> Example:
    """One predicted case with the outlines of both sides; objects are counted where they score.

    Where there is a guaranteed mask, it is outlined, too.

    Args:
        line: Its line in the table of cases.
        folder: The predictions.
        head: Their head.
        case: With true labels.
        classes: That are annotated; None for the predicted ones.
        remarks: A few words each, to be noted first.
    """
    pair = read_pair(folder, head, case, classes)
    true, said = (_outlined(side) for side in (pair.reference, pair.predicted))
    layers: dict[str, NDArray[Any]] = {"truth": true, "predicted": said}
    if promises_masks(head):
        layers["guaranteed"] = _outlined(_guaranteed(pair.predicted, head))
    notes = [*remarks]
    objects = any(key == "ap" or key.startswith(("f1_", "pq")) for key in line)
    if objects and pair.reference.instances is not None and len(head.classes) == 1:
        found = match(said, true)
        notes.append(f"{found.hits[0]} of {found.reference} objects found")
        wrong = found.predicted - int(found.hits[0])
        if wrong:
            notes.append(f"{wrong} false")
    if is_number(line.get("ap")):
        notes.append(f"AP {number(line['ap'])}")
    notes += [
        f"{name} {number(line[key])}"
        for name in head.classes
        if (key := f"dice:{name}") in line or (key := f"dice_annotated:{name}") in line
    ]
    notes += _facts(case)
    picture = _drawn(case, layers, "truth")
    return Example(picture, case.id, score_of(line), tuple(notes))


def _guaranteed(said: Segmentation, head: Head) -> Segmentation:
    """The masks that hold the promises of a run, which are never smaller than the best ones."""
    assert said.probability is not None  # a prediction has one
    pairs = zip(said.probability, guaranteed(head).thresholds, strict=False)
    return Segmentation(np.stack([at_least(p, cut) for p, cut in pairs]))


def _outlined(side: Segmentation) -> NDArray[Any]:
    """Numbered objects of the only class, or the codes of several."""
    if len(side.mask) == 1:
        return side.mask[0] if side.instances is None else side.instances
    codes = np.arange(1, len(side.mask) + 1, dtype=np.uint8)
    several: NDArray[Any] = (side.mask * codes.reshape(-1, *[1] * (side.mask.ndim - 1))).max(0)
    return several


def labelled(case: Case, classes: Sequence[str], truth: Case | None, score: str) -> Example | None:
    """One case with the outlines of its labels, and those of the truth where they differ.

    None where it has no label of places.
    """
    name = next((k.image for k in case.labels if not isinstance(k, CaseLabel)), None)
    if name is None:
        return None
    layers: dict[str, NDArray[Any]] = {}
    if truth is not None and truth.labels != case.labels:
        layers["truth"] = annotate_overview(truth, name, classes).objects
    given = annotate_overview(case, name, classes)
    layers["label"] = given.objects
    marked = f"{len(np.unique(given.objects[given.objects > 0]))} marked"
    return Example(_drawn(case, layers, "label"), case.id, score, (marked, *_facts(case)))


def spread(cohort: Cohort, count: int) -> list[Case]:
    """A few labelled training cases, different in what is known of them."""
    cases = [c for c in (cohort.part("train") or cohort.cases) if c.labels]
    groups: dict[str, list[Case]] = {}
    for case in cases:
        groups.setdefault(group_of(case), []).append(case)
    chosen: list[Case] = []
    for turn in range(count):
        for members in groups.values():
            step = max(1, len(members) // count)
            if turn * step < len(members) and len(chosen) < count:
                chosen.append(members[turn * step])
    return chosen


def group_of(case: Case) -> str:
    """What kind of image it is, as far as anyone said."""
    return next((case.facts[k] for k in ("modality", "kind", "stain") if k in case.facts), "images")


def _facts(case: Case) -> list[str]:
    group = group_of(case)
    return [] if group == "images" else [group]


def _drawn(case: Case, layers: Mapping[str, NDArray[Any]], by: str) -> Markup:
    with open_case(case) as image:
        view: Image = image
        if isinstance(image, Pyramid):
            view = image.shrunk(overview_factor(image.levels.shapes[0]))
        samples = view.read(view.geometry.full)
    return overlay(plane(samples, layers, by, view.geometry), f"case {case.id}")
