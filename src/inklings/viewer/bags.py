"""Bags for the page: instances sorted by what the model says of each, and where they lie."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.bags.evidence import MEANINGS
from inklings.bags.instances import Instances
from inklings.bags.prediction import BagPrediction
from inklings.bags.store import head, is_bag, spans
from inklings.cases.case import Case
from inklings.errors import DataError
from inklings.labels.kinds import BagLabel
from inklings.reports.pictures import displayed
from inklings.viewer.cache import Cache
from inklings.viewer.pictures import jpeg
from inklings.viewer.shelf import Shelf

_MOST = 3000


def describe(shelf: Shelf, case: Case) -> dict[str, Any]:
    """Instances of a bag, for each class from the highest down; probabilities of the bag."""
    record: dict[str, Any] = {
        "case": case.id,
        "pictures": _has_pixels(case),
        "labels": {k.name: k.present for k in case.labels if isinstance(k, BagLabel)},
        "predictions": [],
    }
    for predicted in shelf.predictions:
        if not (predicted.bags and case.id in predicted.cases):
            continue
        said = BagPrediction.read(predicted.folder, case.id)
        number = 1 / (1 + np.exp(-said.instances.astype(np.float64)))
        order = np.argsort(-said.instances[:, 0], kind="stable")[:_MOST]
        evidence = str(predicted.head.settings.get("evidence", ""))
        record["predictions"].append(
            {
                "name": predicted.name,
                "classes": list(predicted.head.classes),
                "probability": [round(float(p), 5) for p in said.probability],
                "thresholds": list(predicted.head.thresholds),
                "meaning": MEANINGS.get(evidence, evidence),
                "count": len(number),
                "instances": [
                    {
                        "index": int(i),
                        "evidence": round(float(number[i, 0]), 5),
                        "attention": _weight(said, int(i)),
                        "place": None if said.coords is None else said.coords[i].tolist(),
                    }
                    for i in order
                ],
            }
        )
    return record


def picture(cache: Cache, case: Case, index: int) -> bytes:
    """One instance as a JPEG.

    Raises:
        DataError: If the bag holds features, or has no such instance.
    """
    if not _has_pixels(case):
        raise DataError(f"case {case.id}: its instances are features, which cannot be shown")

    def make() -> tuple[bytes, int]:
        bag = Instances([spans(case)], 0)
        if not 0 <= index < bag.counts[0]:
            raise DataError(f"case {case.id}: expected an instance below {bag.counts[0]}")
        data = jpeg(_enlarged(displayed(bag.take(0, np.array([index]))[0])))
        return data, len(data)

    return cache.get(("instance", case.id, index), make)


def _enlarged(tile: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Small tiles are made larger by whole pixels, so that they stay crisp."""
    times = max(1, 112 // max(tile.shape[:2]))
    return np.ascontiguousarray(tile.repeat(times, 0).repeat(times, 1))


def _has_pixels(case: Case) -> bool:
    return is_bag(case) and len(head(next(iter(case.images.values()))).shape) == 3


def _weight(said: BagPrediction, index: int) -> float | None:
    if said.attention is None:
        return None
    row = said.attention if said.attention.ndim == 1 else said.attention[:, 0]
    return round(float(row[index]), 6)
