"""Probabilities as colours: blue, white and red maps, and the picture with the map laid over it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inklings.exports.montage import save
from inklings.exports.source import Exporter, ExportSource, require_picture
from inklings.progress import note

_PICTURE = 0.7  # share of the picture where the map is laid over it


class Heatmap(Exporter):
    """One folder of PNG a kind, one file a case.

    ``maps/<class>``: blue where the probability is 0, white at one half, red where it is 1.
    ``blends/<class>``: 0.7 of the picture and 0.3 of the map. ``masks/<class>``: 0 and 255, at the
    threshold of the run. ``spreads/<class>``: of runs that were averaged, black where they agree,
    white where half of them say 0 and half 1. ``pictures``: the image for the eye. Export
    predictions and what the CRF made of them (``inklings refine``) to see both.
    """

    def __call__(self, source: ExportSource, out: Path) -> Path:
        """Write all into ``out``."""
        missing = 0
        for prediction in source:
            require_picture(prediction)
            name = f"{prediction.case}.png"
            picture = source.picture(prediction)
            if picture is None or picture.shape[:2] != prediction.dense.shape[1:]:
                picture, missing = None, missing + 1
            else:
                save(out / "pictures" / name, picture)
            for channel, cls in enumerate(source.head.classes):
                colours = blue_white_red(prediction.dense[channel])
                mask = prediction.mask(source.head, channel)
                save(out / "maps" / cls / name, colours)
                if prediction.spread is not None:
                    wide = np.minimum(prediction.spread[channel], 127) * np.uint8(2)
                    save(out / "spreads" / cls / name, wide)
                save(out / "masks" / cls / name, mask.astype(np.uint8) * 255)
                if picture is not None:
                    save(out / "blends" / cls / name, blend(picture, colours))
        if missing:
            note(f"{missing} blends left out: the images have moved; give --cohort")
        return out


def blue_white_red(dense: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """``(H, W, 3)`` colours of quantised probabilities ``(H, W)``."""
    p = dense.astype(np.float32) / 255
    low, high = np.minimum(2 * p, 1), np.minimum(2 * (1 - p), 1)
    stacked = np.stack([low, np.minimum(low, high), high], -1)
    colours: NDArray[np.uint8] = np.rint(255 * stacked).astype(np.uint8)
    return colours


def blend(picture: NDArray[np.uint8], colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """0.7 of a picture ``(H, W, 3)`` and 0.3 of the colours laid over it."""
    both = _PICTURE * picture.astype(np.float32) + (1 - _PICTURE) * colours
    return np.rint(both).astype(np.uint8)
