"""Probabilities as NumPy arrays that need nothing but NumPy to read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from inklings.exports.source import Exporter, ExportSource
from inklings.files import written


class Npz(Exporter):
    """``<case>.npz``: ``probability (K, *S)`` float32, ``mask (K, *S)`` bool, names, thresholds.

    ``channels`` names the K channels, ``thresholds`` holds one number for each class, and
    ``instances (*S)`` is there where objects were predicted, ``spread (K, *S)`` float32, the
    standard deviation over runs, where several were averaged.
    """

    def __call__(self, source: ExportSource, out: Path) -> Path:
        """Write one file a case into ``out``."""
        head = source.head
        for prediction in source:
            extra = ["core"] * (len(prediction.dense) - len(head.classes))
            masks = [prediction.mask(head, channel) for channel in range(len(head.classes))]
            arrays: dict[str, Any] = {
                "probability": prediction.dense.astype(np.float32) / 255,
                "mask": np.stack(masks),
                "channels": np.array([*head.classes, *extra]),
                "thresholds": np.array(head.thresholds),
            }
            if prediction.instances is not None:
                arrays["instances"] = prediction.instances
            if prediction.spread is not None:
                arrays["spread"] = prediction.spread.astype(np.float32) / 255
            path = out / f"{prediction.case}.npz"
            with written(path) as temporary, temporary.open("wb") as file:
                np.savez_compressed(file, **arrays)
        return out
