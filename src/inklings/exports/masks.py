"""One mask a picture with numbers of classes: the labels of a next round."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from inklings.datasets.values import VALUES, parse
from inklings.errors import DataError, SpecError
from inklings.exports.scan import codes
from inklings.exports.source import Exporter, ExportSource
from inklings.files import write_text, written
from inklings.predictions.dense import DensePrediction
from inklings.predictions.head import Head

PROBABLE = "probable"


class Masks(Exporter):
    """``<case>.png``, 8 bit: 0 is background, 1 the first class and so on; ``values.txt`` says so.

    `inklings import folder --masks` takes the folder as it is.

    Args:
        order: Where several classes reach their thresholds in one pixel: ``probable`` takes the
            most probable; names of all classes between commas, the first of which lies on top.
            None refuses such pixels.
    """

    def __init__(self, order: str | None = None) -> None:
        self.order = order

    def __call__(self, source: ExportSource, out: Path) -> Path:
        """Write one file a case into ``out``; nothing where classes overlap without an order."""
        head = source.head
        if len(head.classes) > 255:
            raise SpecError(f"expected at most 255 classes, got {len(head.classes)}")
        text = ",".join(f"{k}={name}" for k, name in enumerate(("background", *head.classes)))
        parse(text)  # what the import would refuse is refused here
        ranks = self._ranks(head)
        if self.order is None and len(head.classes) > 1:
            for prediction in source:
                _require_apart(prediction, head)
        for prediction in source:
            source.objects(prediction)  # a picture
            with written(out / f"{prediction.case}.png") as temporary:
                Pillow.fromarray(self._codes(prediction, head, ranks)).save(temporary)
        write_text(out / VALUES, text + "\n")
        return out

    def _ranks(self, head: Head) -> list[int]:
        """Classes from the lowest to the one on top."""
        if self.order in (None, PROBABLE):
            return []
        names = [name.strip() for name in str(self.order).split(",")]
        if sorted(names) != sorted(head.classes):
            raise SpecError(
                f"--order: expected {PROBABLE}, or all of {', '.join(head.classes)} between "
                f"commas, the first on top, got {self.order!r}"
            )
        return [head.classes.index(name) for name in reversed(names)]

    def _codes(
        self, prediction: DensePrediction, head: Head, ranks: list[int]
    ) -> NDArray[np.uint8]:
        masks = _masks(prediction, head)
        if not ranks:
            return codes(prediction, masks)
        found = np.zeros(masks.shape[1:], np.uint8)
        for k in ranks:
            found[masks[k]] = k + 1
        return found


def _masks(prediction: DensePrediction, head: Head) -> NDArray[np.bool_]:
    """``(K, H, W)``, where each class reaches its threshold."""
    return np.stack([prediction.mask(head, k) for k in range(len(head.classes))])


def _require_apart(prediction: DensePrediction, head: Head) -> None:
    masks = _masks(prediction, head)
    both = masks.sum(0) > 1
    if not both.any():
        return
    names = [name for name, mask in zip(head.classes, masks, strict=True) if mask[both].any()]
    raise DataError(
        f"case {prediction.case}: expected one class a pixel, got several ({', '.join(names)}) in "
        f"{int(both.sum())} pixels; say which counts: --order {PROBABLE}, or --order "
        f"{','.join(names)} with the first on top"
    )
