"""How far runs that were averaged differ, case by case: ``uncertainty.csv``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inklings.files import write_rows
from inklings.predictions.dense import DensePrediction
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.head import Head
from inklings.predictions.slides import SlidePrediction, Spread

TABLE = "uncertainty.csv"


def write_uncertainty(there: PredictionFolder) -> None:
    """Write a line for each case and class that was predicted by several runs."""
    rows = []
    for case in there.cases:
        said = there.payload(case)
        spreads: Sequence[Spread] = ()
        if isinstance(said, SlidePrediction):
            spreads = said.spread
        elif isinstance(said, DensePrediction):
            spreads = spreads_of(said, there.head)
        rows += [
            {
                "case": case,
                "class": name,
                "spread": f"{spread.whole:.6g}",
                "spread_where_called": f"{spread.called:.6g}",
            }
            for name, spread in zip(there.head.classes, spreads, strict=False)
        ]
    if rows:
        write_rows(there.path / TABLE, rows)


def spreads_of(said: DensePrediction, head: Head) -> tuple[Spread, ...]:
    """How far the runs differ in each class of a picture or volume; nothing of a single run."""
    if said.spread is None:
        return ()
    found = []
    for k in range(len(head.classes)):
        plane, mask = said.spread[k], said.mask(head, k)
        called = float(plane[mask].mean(dtype=np.float64)) if mask.any() else 0.0
        found.append(Spread(float(plane.mean(dtype=np.float64)) / 255, called / 255))
    return tuple(found)
