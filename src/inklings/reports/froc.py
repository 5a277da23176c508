"""The FROC curve as a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from inklings.evaluation.findings import CURVE, SENSITIVITIES
from inklings.evaluation.froc import RATES
from inklings.evaluation.scores import Scores
from inklings.reports.charts import Chart, Numbers, chart
from inklings.reports.figures import PRINTED, THEMED, Ink, drawn_in, figure, save


def froc_picture(scores: Scores, path: Path) -> Path:
    """Write `froc_figure` as a picture of its own."""
    save(froc_figure(scores), path)
    return path


def froc_chart(scores: Scores) -> Chart:
    """The same for a page."""
    rates = [scores[name] for name in (*SENSITIVITIES, "cpm")]
    numbers: Numbers = {
        "false_positives_a_scan": [*(f"{rate:g}" for rate in RATES), "CPM"],
        "sensitivity": [one.value for one in rates],
        "low": [one.low for one in rates],
        "high": [one.high for one in rates],
    }
    title = "Sensitivity by false positives per scan"
    return chart(froc_figure(scores, THEMED), "froc", title, numbers)


def froc_figure(scores: Scores, ink: Ink = PRINTED) -> Figure:
    """Sensitivity over false positives a scan, with intervals at the seven rates of the CPM."""
    line = scores.files[CURVE]
    false, sensitivity = line["false_positives_per_scan"], line["sensitivity"]
    rates = [scores[name] for name in SENSITIVITIES]
    shown = np.unique(np.concatenate([np.geomspace(0.05, 16, 400), RATES]))
    shown = shown[shown <= max(float(false[-1]), RATES[0])]
    with drawn_in(ink):
        canvas, (axis,) = figure(5.4, 3.8)
        axis.plot(shown, np.interp(shown, false, sensitivity), color=ink.series[0])
        low = [one.value - one.low for one in rates]
        high = [one.high - one.value for one in rates]
        values = [one.value for one in rates]
        spread = np.maximum(np.nan_to_num([low, high]), 0)
        axis.errorbar(RATES, values, spread, fmt="o", ms=4, color=ink.series[0], capsize=2)
        axis.set_xscale("log", base=2)
        axis.set_xticks(RATES, ["1/8", "1/4", "1/2", "1", "2", "4", "8"])
        axis.set_xlim(0.09, 11)
        axis.set_ylim(0, 1)
        axis.set_xlabel("false positives a scan")
        axis.set_ylabel("sensitivity")
        cpm = scores["cpm"]
        axis.set_title(f"CPM {cpm.value:.3f} ({cpm.low:.3f} to {cpm.high:.3f})")
    return canvas
