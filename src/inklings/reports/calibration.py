"""The section on what probabilities mean: held-out patients before and after the maps of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from inklings.calibration.fitting import Fitted, Quality
from inklings.calibration.measure import reliability
from inklings.calibration.record import Calibration
from inklings.reports import plots
from inklings.reports.charts import Chart, Numbers, chart


def calibration(run: Path, weights_sha256: str) -> dict[str, Any] | None:
    """A row for each class, and figures where something is mapped; None where nothing was fitted.

    Args:
        run: Its folder.
        weights_sha256: Of its weights.

    Raises:
        DataError: If the file is damaged, or was fitted for other weights.
    """
    found = Calibration.read(run, weights_sha256)
    if found is None:
        return None
    return {
        "patients": len(found.patients),
        "rows": [(one, _numbers(one.before, one.after)) for one in found.classes],
        "figures": [
            figure
            for k, one in enumerate(found.classes)
            if one.change.method != "none"
            for figure in _figures(one, k)
        ],
    }


def _numbers(before: Quality | None, after: Quality | None) -> list[tuple[str, str, str]]:
    """Name, before and after of each measure."""
    if before is None or after is None:
        return []
    return [
        ("ECE", str(before.ece), str(after.ece)),
        ("Brier score", str(before.brier), str(after.brier)),
        ("Log loss", str(before.log_loss), str(after.log_loss)),
    ]


def _figures(one: Fitted, number: int) -> list[Chart]:
    """Reliability of one class before and after."""
    drawn = []
    for when, quality in (("before", one.before), ("after", one.after)):
        if quality is not None:
            bins = reliability(np.array(quality.histogram))
            numbers: Numbers = {
                "confidence": bins.confidence.tolist(),
                "frequency": bins.frequency.tolist(),
                "samples": bins.samples.tolist(),
            }
            title = f"{one.name} on held-out patients, {when} calibration"
            drawn.append(
                chart(plots.reliability(numbers), f"held-out-{when}-{number}", title, numbers)
            )
    return drawn
