"""Bags as pictures: the instances of each, sorted by what the model says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from inklings.bags.instances import Instances
from inklings.bags.label_words import word
from inklings.bags.task import presence
from inklings.cohorts.bags import common_shape, spans
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.evaluation.instance_truth import instance_truth
from inklings.files import written
from inklings.labels.kinds import SurvivalLabel, ValueLabel
from inklings.predictions.bags import BagPrediction
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.head import VALUES, Head
from inklings.reports.figures import PRINTED
from inklings.reports.pictures import displayed

_MOST = 12  # instances of a bag that are shown; the highest
_CELL = 1.0
_BAR = 0.16
_ROW = 1.62
_HEAT = "viridis"


@dataclass(frozen=True)
class ShownBag:
    """One row of the picture.

    Attributes:
        title: Name and verdict.
        right: Whether the verdict is; None where the truth is not known.
        pictures: RGB of the highest instances, highest first; none for features.
        score: ``(n,)`` what is said of each, in [0, 1].
        plan: ``(H, W)`` the same of all instances, at their places; None where they have none.
        truth: ``(n,)`` whether each is positive; None where it is not known.
        more: Instances that are not shown.
    """

    title: str
    right: bool | None
    pictures: tuple[NDArray[np.uint8], ...]
    score: NDArray[np.float64]
    truth: NDArray[np.bool_] | None
    more: int
    plan: NDArray[np.float64] | None = None


def bag_gallery(predictions: Path, cohort: Path, out: Path, count: int = 10) -> Path:
    """Draw bags of a folder of predictions, mistakes first, and write a PNG."""
    figure = bag_figure(shown_bags(predictions, cohort, count), _legend(predictions))
    with written(out) as path:
        figure.savefig(path, dpi=110, facecolor=PRINTED.card, format="png")
    return out


def shown_bags(predictions: Path, cohort: Path, count: int = 10) -> list[ShownBag]:
    """Some bags: mistakes, then positive and negative ones by turns."""
    there = PredictionFolder.open(predictions)
    head, names = there.head, set(there.cases)
    cases = [case for case in Cohort.read(cohort) if case.id in names]
    said = {case.id: BagPrediction.read(predictions, case.id) for case in cases}
    chosen = _chosen(cases, said, head, count)
    truths = instance_truth(cohort)
    pixels = bool(chosen) and len(common_shape(chosen)) == 3
    instances = Instances([spans(case) for case in chosen], 2**28) if pixels else None
    return [
        _shown(case, said[case.id], head, truths.get(case.id), instances, i)
        for i, case in enumerate(chosen)
    ]


def bag_figure(bags: Sequence[ShownBag], legend: str) -> Figure:
    """One row a bag: pictures, and below each a bar as long as its score."""
    most = max((len(bag.score) for bag in bags), default=1)
    pictures = any(bag.pictures for bag in bags)
    row = _ROW if pictures else 3.4 if any(bag.plan is not None for bag in bags) else 0.75
    width, height = most * 1.06 + 0.9, len(bags) * row + 0.7
    with mpl.rc_context({"font.family": "sans-serif", "font.size": 8}):
        scale = 0.72
        figure = Figure(figsize=(max(width * scale, 5.5), height * scale), layout="constrained")
        axes = figure.subplots()
        for i, bag in enumerate(bags):
            _draw(axes, bag, i * row, row)
        axes.set_xlim(-0.1, max(width - 0.4, 5.5 / scale))
        axes.set_ylim(height - 0.2, -0.5)
        axes.set_aspect("equal")
        axes.axis("off")
        axes.set_title(legend, fontsize=8, color=PRINTED.soft, loc="left", wrap=True)
    return figure


def _draw(axes: Any, bag: ShownBag, top: float, row: float) -> None:
    colour = {None: PRINTED.text, True: PRINTED.text, False: PRINTED.series[1]}[bag.right]
    axes.text(0, top - 0.08, bag.title, color=colour, fontsize=8, va="bottom")
    if bag.plan is not None:
        high, wide = bag.plan.shape
        side = min((row - 0.4) / high, 8 / wide)
        extent = (0.0, wide * side, top + high * side, top)
        axes.imshow(bag.plan, extent=extent, cmap=_HEAT, vmin=0, vmax=1, interpolation="nearest")
        return
    for j, score in enumerate(bag.score):
        left = j * 1.06
        if bag.pictures:
            extent = (left, left + _CELL, top + _CELL, top)
            axes.imshow(bag.pictures[j], extent=extent, interpolation="nearest", zorder=1)
        bar = top + (_CELL + 0.05 if bag.pictures else 0.05)
        axes.add_patch(Rectangle((left, bar), _CELL, _BAR, color=PRINTED.line, lw=0))
        axes.add_patch(
            Rectangle((left, bar), _CELL * float(score), _BAR, color=PRINTED.series[0], lw=0)
        )
        if bag.truth is not None and bag.truth[j]:
            tall = _CELL if bag.pictures else _BAR
            start = top if bag.pictures else bar
            frame = Rectangle(
                (left, start), _CELL, tall, fill=False, ec=PRINTED.series[1], lw=2, zorder=3
            )
            axes.add_patch(frame)
    if bag.more:
        axes.text(
            len(bag.score) * 1.06 + 0.05,
            top + row / 3,
            f"+ {bag.more}",
            color=PRINTED.soft,
            fontsize=8,
        )


def _legend(predictions: Path) -> str:
    settings = Head.read(predictions).settings
    said = str(settings.get("warning") or settings.get("evidence") or "")
    return f"Instances sorted by score (bar); framed: truly positive.\n{said}"


def _chosen(
    cases: Sequence[Case], said: dict[str, BagPrediction], head: Head, count: int
) -> list[Case]:
    wrong: list[Case] = []
    yes: list[Case] = []
    no: list[Case] = []
    if VALUES in head.settings:  # from the lowest number to the highest
        ranked = sorted(cases, key=lambda case: _first(said[case.id]))
        take = np.unique(np.linspace(0, max(len(ranked) - 1, 0), count).astype(int))
        return [ranked[k] for k in take if k < len(ranked)]
    for case in cases:
        truth = presence(case, head.classes)[0]
        called = said[case.id].probability[0] >= head.thresholds[0]
        group = wrong if truth == truth and bool(truth) != called else yes if called else no
        group.append(case)
    wrong = wrong[: count // 3]
    rest = [case for pair in zip(yes, no, strict=False) for case in pair] or yes or no
    return [*wrong, *rest[: count - len(wrong)]]


def _first(said: BagPrediction) -> float:
    return 0.0 if said.values is None else float(said.values[0])


def _shown(
    case: Case,
    said: BagPrediction,
    head: Head,
    labels: NDArray[np.uint8] | None,
    instances: Instances | None,
    index: int,
) -> ShownBag:
    score = 1 / (1 + np.exp(-said.instances[:, 0].astype(float)))
    order = np.argsort(-said.instances[:, 0], kind="stable")[:_MOST]
    verdict, right = _verdict(case, said, head)
    if said.values is not None:  # a bar is as long as the share of the range within the bag
        number = said.instances[:, 0].astype(float)
        score = (number - number.min()) / max(float(np.ptp(number)), 1e-12)
    pictures: tuple[NDArray[np.uint8], ...] = ()
    if instances is not None:
        pixels = instances.take(index)
        pictures = tuple(displayed(pixels[i]) for i in order)
    return ShownBag(
        f"{case.id}: {verdict}",
        right,
        pictures,
        score[order],
        None if labels is None else labels[order] == 1,
        len(score) - len(order),
        None if pictures or said.coords is None else plan_of(said.coords, score),
    )


def _verdict(case: Case, said: BagPrediction, head: Head) -> tuple[str, bool | None]:
    """What is predicted of a bag and what is true; whether that is right, where one can say."""
    if said.values is not None:
        names = map(str, head.settings[VALUES])
        words = [f"{n} = {v:.3g}" for n, v in zip(names, said.values, strict=True)]
        labels = (k for k in case.labels if isinstance(k, ValueLabel | SurvivalLabel))
        words += [f"truly {word(k)}" for k in labels if k.name == head.classes[0]]
        return ", ".join(words), None
    truth = presence(case, head.classes)[0]
    called = bool(said.probability[0] >= head.thresholds[0])
    verdict = f"P({head.classes[0]}) = {said.probability[0]:.3f}"
    if truth != truth:
        return verdict, None
    right = bool(truth) == called
    told = f"{verdict}, truly {'positive' if truth else 'negative'}{'' if right else '  WRONG'}"
    return told, right


def plan_of(coords: NDArray[np.int64], score: NDArray[np.float64]) -> NDArray[np.float64]:
    """``score`` of tiles at their places ``(n, 2)``, one cell a tile; NaN where there is none."""
    steps = [np.diff(np.unique(axis)) for axis in coords.T]
    step = [int(d.min()) if len(d) else 1 for d in steps]
    place = (coords - coords.min(0)) // np.array(step)
    plan = np.full(tuple(place.max(0) + 1), np.nan)
    plan[place[:, 0], place[:, 1]] = score
    return plan
