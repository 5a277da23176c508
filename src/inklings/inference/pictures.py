"""Pictures and volumes that fit into memory, predicted one after the other.

While the model works on one image, the next ones are decoded and the last ones cut into objects,
compressed and written.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.errors import GeometryError, InklingsError
from inklings.inference.dense import predict_array
from inklings.inference.items import Item
from inklings.inference.run import Run
from inklings.predictions import Prediction
from inklings.progress import track
from inklings.readers import open_image
from inklings.refinement import REFINEMENTS
from inklings.refinement.base import Refinement
from inklings.spec import Component, Inference

_AHEAD = 4  # images decoded before, or written after, the one in the model


class Pictures:
    """One run, one way to predict, one folder to write.

    Args:
        run: A trained model on the device where it shall work.
        settings: Window, overlap, flips, and how objects are separated.
        threshold: Of the first class.
        out: Folder of predictions.

    Raises:
        SpecError: If nobody knows the way to separate objects.
    """

    def __init__(self, run: Run, settings: Inference, threshold: float, out: Path) -> None:
        self._run, self._settings, self._threshold, self._out = run, settings, threshold, out
        chosen: Component | None = settings.instances
        self._how: Refinement | None = (
            None if chosen is None else REFINEMENTS.build(chosen.name, chosen.options)
        )

    def predict_all(self, items: Sequence[Item]) -> dict[str, str]:
        """Predict and write ``items``; the reason for each that failed."""
        failed: dict[str, str] = {}
        with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
            writing: deque[Future[None]] = deque()
            for item, image in track(_read_ahead(items, reader), "predict", len(items)):
                try:
                    dense = self.predict(image.result())
                except InklingsError as error:
                    failed[item.case] = str(error)
                    continue
                writing.append(writer.submit(self.write, item, dense))
                if len(writing) > _AHEAD:
                    writing.popleft().result()
            for future in writing:
                future.result()
        return failed

    def predict(self, image: NDArray[Any]) -> NDArray[np.uint8]:
        """Quantised probabilities of an image ``(C, *S)``."""
        return predict_array(self._run, image, self._settings)

    def write(self, item: Item, dense: NDArray[np.uint8]) -> None:
        """Cut into objects and write."""
        objects = None
        if self._how is not None:
            objects = find_objects(dense, self._threshold, self._how, self._run.blueprint.core)
        Prediction(item.case, item.images[0], dense, objects).write(self._out)


def find_objects(
    dense: NDArray[np.uint8], threshold: float, how: Refinement, core: int | None
) -> NDArray[np.unsignedinteger[Any]]:
    """Numbered objects of the first class, in the smallest type that holds the numbers.

    Args:
        dense: ``(K, *S)`` as `predict_array` returns it.
        threshold: Of the first class.
        how: Watershed, components, ...
        core: Index of the channel of cores in ``dense``; None where there is none.
    """
    objects = how(dense[0], threshold, None if core is None else dense[core])
    return objects.astype(np.uint16 if objects.max(initial=0) < 2**16 else np.uint32)


def read_item(item: Item) -> NDArray[Any]:
    """The channels of all images of a case, ``(C, *S)``.

    Raises:
        ReaderError: If one cannot be read.
        GeometryError: If they differ in size.
    """
    planes = []
    for path in item.images:
        with open_image(path) as image:
            planes.append(image.read(image.geometry.full))
    if len({plane.shape[1:] for plane in planes}) > 1:
        sizes = [plane.shape[1:] for plane in planes]
        raise GeometryError(f"case {item.case}: expected images of one size, got {sizes}")
    return planes[0] if len(planes) == 1 else np.concatenate(planes)


def _read_ahead(
    items: Sequence[Item], reader: ThreadPoolExecutor
) -> Iterator[tuple[Item, Future[NDArray[Any]]]]:
    """Items with their image, a few of which are being decoded meanwhile."""
    pending: deque[tuple[Item, Future[NDArray[Any]]]] = deque()
    for item in items:
        pending.append((item, reader.submit(read_item, item)))
        if len(pending) > _AHEAD:
            yield pending.popleft()
    yield from pending
