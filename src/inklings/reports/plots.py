"""The figures of a report, each from plain numbers."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from inklings.evaluation.scores import Scores
from inklings.reports.figures import THEMED, Ink, drawn_in, figure

History = Mapping[str, NDArray[np.float64]]


def training(history: History, ink: Ink = THEMED) -> Figure:
    """Loss, score on validation and share of positives by step; a panel for what there is."""
    panels = [
        ("Loss", ("loss", "val_loss")),
        ("Dice on the validation part", ("val_dice",)),
        ("Share of positive samples", ("predicted_positive", "labelled_positive", "clipped")),
    ]
    there = [(t, [n for n in names if n in history]) for t, names in panels]
    there = [(title, names) for title, names in there if names]
    with drawn_in(ink):
        canvas, axes = figure(10, 2.7, len(there))
        for axis, (title, names) in zip(axes, there, strict=True):
            axis.set_title(title)
            axis.set_xlabel("step")
            for name, colour in zip(names, ink.series, strict=False):
                step, value = _defined(history["step"], history[name])
                marker = "o" if len(step) < 12 else ""
                axis.plot(step, value, color=colour, marker=marker, ms=4, label=_WORDS[name])
            if len(names) > 1:
                axis.legend()
    return canvas


_WORDS = {
    "loss": "training",
    "val_loss": "validation",
    "val_dice": "validation",
    "predicted_positive": "predicted",
    "labelled_positive": "labelled",
    "clipped": "steps clipped (nnPU)",
}


def _defined(
    step: NDArray[np.float64], value: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    there = np.isfinite(value)
    return step[there], value[there]


def scores(groups: Mapping[str, Sequence[float]], ink: Ink = THEMED) -> Figure:
    """How many cases of each group have which probability: shares of the group, so few are seen."""
    with drawn_in(ink):
        canvas, (axis,) = figure(5.6, 2.9, 1)
        axis.set(title="Scores", xlabel="predicted probability", ylabel="share of the cases")
        for (name, values), colour in zip(groups.items(), ink.series, strict=False):
            weights = np.full(len(values), 1 / len(values))
            told = f"{name} ({len(values)})"
            edges = np.linspace(0, 1, SCORE_BINS + 1).tolist()
            axis.hist(values, edges, weights=weights, color=colour, alpha=0.55, label=told)
        axis.legend()
    return canvas


SCORE_BINS = 25


def reliability(
    bins: Mapping[str, Sequence[float | None]], title: str = "Calibration", ink: Ink = THEMED
) -> Figure:
    """Share of positives by predicted probability, and how many samples stand behind it.

    Args:
        bins: ``confidence``, ``frequency`` and ``samples``, and where they are known ``low`` and
            ``high``, the interval of each share over patients.
        title: Above it.
        ink: Colours.
    """
    said, true, n, low_end, high_end = (
        np.array([np.nan if v is None else v for v in bins.get(name, bins["frequency"])], float)
        for name in ("confidence", "frequency", "samples", "low", "high")
    )
    with drawn_in(ink):
        canvas = Figure(figsize=(2.6, 2.5), layout="constrained")
        grid = canvas.add_gridspec(2, 1, height_ratios=(4, 1))
        top = canvas.add_subplot(grid[0])
        low = canvas.add_subplot(grid[1], sharex=top)
        top.set_title(textwrap.fill(title, 28))
        top.plot([0, 1], [0, 1], color=ink.soft, lw=1, ls=(0, (4, 3)))
        top.vlines(said, low_end, high_end, color=ink.series[0], lw=1, alpha=0.6)
        top.plot(said, true, color=ink.series[0], marker="o", ms=3)
        top.set(xlim=(0, 1), ylim=(0, 1), ylabel="share that is true")
        top.set(xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
        top.tick_params(labelbottom=False)
        edges = np.linspace(0, 1, len(n) + 1)
        low.bar(
            edges[:-1], np.maximum(n, 0.8), np.diff(edges) * 0.9, align="edge", fc=ink.series[0]
        )
        low.set(yscale="log", xlabel="predicted probability", ylabel="samples")
        low.set_ylim(bottom=1)
        low.yaxis.set_minor_formatter("")
    return canvas


def f1_by_iou(table: Scores, ink: Ink = THEMED) -> Figure:
    """F1 over all objects as the overlap asked for grows, with its interval over patients."""
    rows = [(float(r.metric[3:]), r) for r in table if _is_pooled_f1(r.metric)]
    x = [t for t, _ in rows]
    with drawn_in(ink):
        canvas, (axis,) = figure(4.4, 3.9)
        axis.set_title("Objects found, by required overlap")
        axis.fill_between(
            x, [r.low for _, r in rows], [r.high for _, r in rows], color=ink.series[1], alpha=0.18
        )
        axis.plot(x, [r.value for _, r in rows], color=ink.series[1], marker="o", ms=4.5)
        axis.set(xlim=(0.48, 0.97), ylim=(0, 1), xlabel="IoU greater than", ylabel="F1")
    return canvas


def f1_numbers(table: Scores) -> dict[str, list[float]]:
    """What `f1_by_iou` draws."""
    rows = [r for r in table if _is_pooled_f1(r.metric)]
    return {
        "iou": [float(r.metric[3:]) for r in rows],
        "f1": [r.value for r in rows],
        "low": [r.low for r in rows],
        "high": [r.high for r in rows],
    }


def _is_pooled_f1(metric: str) -> bool:
    return metric.startswith("f1_0")


def per_case(scores: Mapping[str, Sequence[float]], ink: Ink = THEMED) -> Figure:
    """How shares spread over cases: by title, a histogram with its mean."""
    with drawn_in(ink):
        canvas, axes = figure(10, 2.5, len(scores))
        for axis, (name, values), colour in zip(axes, scores.items(), ink.series, strict=False):
            given = np.array(values, float)
            histogram(axis, given[np.isfinite(given)], np.linspace(0, 1, 26), colour, ink)
            axis.set_title(name)
            axis.set_ylabel("cases")
    return canvas


def histogram(
    axis: Axes, values: NDArray[np.float64], bins: NDArray[np.float64], colour: str, ink: Ink
) -> None:
    """Bars with the mean and the lowest tenth marked."""
    axis.hist(values, list(bins), color=colour, alpha=0.85, rwidth=0.9)
    axis.set_xlim(bins[0], bins[-1])
    axis.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axis.set_ylim(top=1.18 * axis.get_ylim()[1])
    if values.size:
        axis.axvline(values.mean(), color=ink.text, lw=1.2)
        left = (values.mean() - bins[0]) > (bins[-1] - bins[0]) / 2
        axis.annotate(
            f"mean {values.mean():.3f}",
            (values.mean(), 0.97),
            xycoords=("data", "axes fraction"),
            xytext=(-4 if left else 4, 0),
            textcoords="offset points",
            ha="right" if left else "left",
            va="top",
            fontsize=9,
        )


def sizes(
    shapes: Sequence[tuple[int, ...]],
    objects: Sequence[int],
    groups: Sequence[str],
    ink: Ink = THEMED,
) -> Figure:
    """Image sizes, and objects per image where they are counted, by group."""
    names = list(dict.fromkeys(groups))
    with drawn_in(ink):
        canvas, axes = figure(10, 2.6, 2 if objects else 1)
        axes[0].set_title("Images by size in pixels")
        words = [" x ".join(map(str, shape)) for shape in shapes]
        common = sorted(set(words), key=words.count, reverse=True)[:8]
        rest = [w if w in common else "other" for w in words]
        order = [*common, *(["other"] if "other" in rest else [])]
        left = np.zeros(len(order))
        for name, colour in zip(names, ink.series, strict=False):
            counts = np.array([
                sum(w == size and g == name for w, g in zip(rest, groups, strict=True))
                for size in order
            ])  # fmt: skip
            axes[0].barh(order, counts, left=left, color=colour, height=0.7, label=name)
            left += counts
        axes[0].invert_yaxis()
        axes[0].grid(visible=False, axis="y")
        axes[0].set_xlabel("images")
        if len(names) > 1:
            axes[0].legend()
        if objects:
            top = max(10, int(np.quantile(objects, 0.98)))
            bins = list(np.arange(0, top + 1 + (wide := -(-top // 30)), wide) - 0.5)
            stacks = [
                [min(o, top) for o, g in zip(objects, groups, strict=True) if g == name]
                for name in names
            ]
            colours = [ink.series[k % len(ink.series)] for k in range(len(names))]
            axes[1].hist(stacks, bins, stacked=True, color=colours, rwidth=0.9)
            axes[1].set_xlabel(f"objects (the last bar: {bins[-2] + 0.5:.0f} and more)")
            axes[1].set(title="Objects per image", ylabel="images")
    return canvas
