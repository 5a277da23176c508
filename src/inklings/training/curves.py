"""What a validation looks like in TensorBoard: curves of each class, and how scores lie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from lightning.pytorch.loggers import TensorBoardLogger
from matplotlib.figure import Figure
from numpy.typing import NDArray

_THRESHOLDS = 127
"""As many as TensorBoard keeps of a precision-recall curve."""


def write_curves(counted: NDArray[np.int64], step: int, loggers: Sequence[Any]) -> None:
    """Precision-recall curve, ROC curve and histograms of the scores of every class.

    Args:
        counted: Positives and negatives at and above each of 256 levels of probability
            ``(K, 2, 256)``, as of `inklings.training.thresholds.counts`.
        step: When.
        loggers: Those of TensorBoard write; others take numbers only.
    """
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            for k, one in enumerate(counted):
                if one[:, 0].all():  # both sides are there
                    _write(logger.experiment, f"class_{k}" if len(counted) > 1 else "", one, step)


def _write(writer: Any, name: str, counted: NDArray[np.int64], step: int) -> None:
    hits, false = counted
    chosen = np.linspace(0, counted.shape[1] - 1, _THRESHOLDS).round().astype(int)
    tp, fp = hits[chosen], false[chosen]
    fn, tn = hits[0] - tp, false[0] - fp
    precision, recall = tp / np.maximum(tp + fp, 1), tp / hits[0]
    writer.add_pr_curve_raw(
        f"precision_recall/{name}", tp, fp, tn, fn, precision, recall, step, len(chosen)
    )
    writer.add_figure(f"roc/{name}", roc_figure(hits / hits[0], false / false[0]), step, False)
    for side, above in (("positive", hits), ("negative", false)):
        there = above - np.append(above[1:], 0)
        value = np.arange(len(there)) / (len(there) - 1)
        writer.add_histogram_raw(
            f"scores_{side}/{name}", 0.0, 1.0, int(above[0]), float((there * value).sum()),
            float((there * value**2).sum()), value.tolist(), there.tolist(), step,
        )  # fmt: skip


def roc_figure(sensitivity: NDArray[np.float64], false: NDArray[np.float64]) -> Figure:
    """Sensitivity against the share of negatives that are called, both ``(levels,)``."""
    figure = Figure((4, 4), dpi=80, layout="tight")
    axis = figure.subplots()
    axis.plot(np.append(false, 0.0), np.append(sensitivity, 0.0))
    axis.plot([0, 1], [0, 1], ":", color="grey")
    axis.set(xlabel="1 - specificity", ylabel="sensitivity", xlim=(0, 1), ylim=(0, 1))
    return figure
