"""Bags for the page: instances with what the model says of each, and where they lie."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.bags.evidence import MEANINGS
from inklings.bags.instances import Instances
from inklings.bags.places import Places, places
from inklings.bags.task import channels
from inklings.cohorts.bags import is_bag, spans
from inklings.cohorts.case import Case
from inklings.errors import DataError
from inklings.geometry import Region
from inklings.labels.kinds import BagLabel
from inklings.predictions.bags import BagPrediction
from inklings.readers.bag_files import head
from inklings.reports.pictures import displayed
from inklings.viewer.cache import Cache
from inklings.viewer.pictures import PictureTiles, jpeg
from inklings.viewer.shelf import Predicted, Shelf

_MOST = 20_000
_SIDE = 160


class BagPages:
    """Bags of a shelf: what was said of their instances, and their pictures."""

    def __init__(self, shelf: Shelf, pictures: PictureTiles, cache: Cache) -> None:
        self._shelf, self._pictures, self._cache = shelf, pictures, cache

    def describe(self, case: Case) -> dict[str, Any]:
        """Instances of a bag, the highest of the first class first; probabilities of the bag."""
        lies = self._places(case)
        return {
            "case": case.id,
            "pictures": lies is not None or _has_pixels(case),
            "labels": {k.name: k.present for k in case.labels if isinstance(k, BagLabel)},
            "slides": [] if lies is None else [slide.id for slide in lies.slides],
            "predictions": [
                _said(predicted, case, lies)
                for predicted in self._shelf.predictions
                if predicted.there.kind == "bags" and case.id in predicted.cases
            ],
        }

    def picture(self, case: Case, index: int) -> bytes:
        """One instance as a JPEG.

        Raises:
            DataError: If the bag holds features of unknown places, or has no such instance.
        """

        def make() -> tuple[bytes, int]:
            data = jpeg(self._tile(case, index))
            return data, len(data)

        return self._cache.get(("instance", case.id, index), make)

    def thumbnail(self, case: Case, side: int) -> bytes:
        """The slide of a bag, or its first instance."""
        lies = self._places(case)
        return self.picture(case, 0) if lies is None else self._pictures.thumbnail(
            lies.slides[0], side
        )  # fmt: skip

    def _tile(self, case: Case, index: int) -> NDArray[np.uint8]:
        lies = self._places(case)
        if lies is None and not _has_pixels(case):
            raise DataError(f"case {case.id}: its instances are features, which cannot be shown")
        bag = Instances([spans(case)], 0)
        if not 0 <= index < bag.counts[0]:
            raise DataError(f"case {case.id}: expected an instance below {bag.counts[0]}")
        if lies is None:
            return _enlarged(displayed(bag.take(0, np.array([index]))[0]))
        box = lies.boxes[index]
        factor = max(1.0, float(box[2:].max()) / _SIDE)
        start, size = (tuple(np.rint(v / factor).astype(int).tolist()) for v in (box[:2], box[2:]))
        return self._pictures.part(lies.slides[lies.slide[index]], factor, Region(start, size))

    def _places(self, case: Case) -> Places | None:
        def make() -> tuple[Places | None, int]:
            found = places(case, self._shelf.slides) if self._shelf.slides else None
            return found, 64 if found is None else found.boxes.nbytes * 2

        return self._cache.get(("places", case.id), make)


def _said(predicted: Predicted, case: Case, lies: Places | None) -> dict[str, Any]:
    """What one run says of a bag. Boxes are places on a slide, else those that the run noted."""
    said = BagPrediction.read(predicted.folder, case.id)
    number = 1 / (1 + np.exp(-said.instances.astype(np.float64)))
    if said.values is not None:  # numbers in the unit of the answer already
        number = said.instances.astype(np.float64)
    order = np.argsort(-said.instances[:, 0], kind="stable")[:_MOST]
    evidence = str(predicted.head.settings.get("evidence", ""))
    classes = predicted.head.classes
    names = classes if len(classes) == number.shape[1] else channels("ordinal", classes)
    return {
        "name": predicted.name,
        "classes": list(classes),
        "channels": list(names),
        "probability": [round(float(p), 5) for p in said.probability],
        "thresholds": list(predicted.head.thresholds),
        "meaning": MEANINGS.get(evidence, evidence),
        "count": len(number),
        "instances": [
            {
                "index": int(i),
                "evidence": number[i].round(4).tolist(),
                "place": None if said.coords is None else said.coords[i].tolist(),
                "slide": 0 if lies is None else int(lies.slide[i]),
                "box": None if lies is None else lies.boxes[i].round(1).tolist(),
            }
            for i in order
        ],
    }


def _enlarged(tile: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Small tiles are made larger by whole pixels, so that they stay crisp."""
    times = max(1, 112 // max(tile.shape[:2]))
    return np.ascontiguousarray(tile.repeat(times, 0).repeat(times, 1))


def _has_pixels(case: Case) -> bool:
    return is_bag(case) and len(head(next(iter(case.images.values()))).shape) == 3
