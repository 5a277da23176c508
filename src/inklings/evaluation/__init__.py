"""How well predictions agree with the reference standard: one file per family of metrics.

``from inklings.evaluation.evaluate import evaluate, score`` is the front door.
"""

from __future__ import annotations

from inklings.evaluation.metric import Metric
from inklings.registry import Registry

METRICS: Registry[tuple[Metric, ...]] = Registry(
    "metric",
    {
        "overlap": "inklings.evaluation.overlap:metrics",
        "instances": "inklings.evaluation.instances:metrics",
        "surface": "inklings.evaluation.surface:metrics",
        "calibration": "inklings.evaluation.calibration:metrics",
        "chaos": "inklings.evaluation.chaos:metrics",
        "volume": "inklings.evaluation.volume:metrics",
        "annotated": "inklings.evaluation.annotated:metrics",
    },
)
"""Families of metrics; each is called with `Options` and returns its metrics."""
