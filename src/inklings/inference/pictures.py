"""Pictures and volumes that fit into memory, predicted one after the other.

While the model works on one image, the next ones are decoded and the last ones cut into objects,
compressed and written.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.cohorts.stacked import stacked
from inklings.errors import GeometryError, InklingsError
from inklings.geometry import Geometry
from inklings.inference.crf import along_edges
from inklings.inference.ensemble import Ensemble, averaged
from inklings.inference.features import statistics_of, watched
from inklings.inference.items import Item
from inklings.inference.volumes import predict_any
from inklings.orientation import AS_STORED, orientation
from inklings.predictions.dense import DensePrediction
from inklings.progress import note, track
from inklings.refinement import REFINEMENTS
from inklings.refinement.base import Refinement
from inklings.refinement.pieces import keep_largest
from inklings.runs.run import Run
from inklings.spec import Component

_AHEAD = 4  # images decoded before, or written after, the one in the model


@dataclass(frozen=True)
class Content:
    """What an item holds.

    Attributes:
        samples: ``(C, *S)``.
        geometry: The grid.
    """

    samples: NDArray[Any]
    geometry: Geometry


class PicturePredictor:
    """One run or several, one way to predict, one folder to write.

    Args:
        runs: Trained models on the device where they shall work; several are averaged.
        how: Window, overlap, mirroring, how the mean is cut and objects are separated.
        out: Folder of predictions.
        crf: Whether probabilities of pictures follow the edges of the image before they are cut.

    Raises:
        SpecError: If nobody knows the way to separate objects.
    """

    def __init__(self, runs: Sequence[Run], how: Ensemble, out: Path, crf: bool = False) -> None:
        self._runs, self._run, self._ensemble, self._out = runs, runs[0], how, out
        self._thresholds, self._crf = how.thresholds, crf
        chosen: Component | None = how.settings[0].instances
        self._unplaced: list[str] = []
        self._how: Refinement | None = (
            None if chosen is None else REFINEMENTS.build(chosen.name, chosen.options)
        )

    def predict_all(self, items: Sequence[Item]) -> dict[str, str]:
        """Predict and write ``items``; the reason for each that failed."""
        failed: dict[str, str] = {}
        with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
            writing: deque[Future[None]] = deque()
            # A volume is large: one in the network, one before it and one behind are enough.
            ahead = _AHEAD if self._run.model_config.volumes is None else 1
            for item, content in track(_read_ahead(items, reader, ahead), "predict", len(items)):
                try:
                    image = content.result()
                    said = self.predict(item, image)
                    if said.dense.ndim == 4 and not orientation(image.geometry):
                        self._unplaced.append(item.case)
                except InklingsError as error:
                    failed[item.case] = str(error)
                    continue
                writing.append(writer.submit(self.cut, said))
                if len(writing) > ahead:
                    writing.popleft().result()
            for future in writing:
                future.result()
        self._say_unplaced()
        return failed

    def _say_unplaced(self) -> None:
        """Which volumes could not be turned to the orientation that the run learnt."""
        asked = self._run.model_config.orientation
        if self._unplaced and asked not in (None, AS_STORED):
            names = ", ".join(self._unplaced[:3]) + (", ..." if len(self._unplaced) > 3 else "")
            note(
                f"{len(self._unplaced)} volumes do not say which way they lie in the patient "
                f"({names}): taken as if they were stored as {asked}"
            )

    def predict(self, item: Item, content: Content) -> DensePrediction:
        """What is said of a case, along the edges of the image where asked for; without objects."""
        statistics = None
        with watched(self._run) as features:  # of several runs the first
            dense, spread = self.maps(content)
        if features is not None:
            statistics = statistics_of(self._run, content.samples, content.geometry, features)[1]
        if self._crf:
            dense = along_edges(content.samples, dense, self._thresholds)
        grid = content.geometry if dense.ndim == 4 else None  # of a volume also where it lies
        said = DensePrediction(item.case, item.path, dense, None, grid, item.choice, spread)
        return replace(said, statistics=statistics)

    def maps(self, content: Content) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
        """What the network says, ``(K, *S)``; of several the mean, and the spread over them."""
        how = self._ensemble
        parts = (
            predict_any(run, content.samples, content.geometry, settings)
            for run, settings in zip(self._runs, how.settings, strict=True)
        )
        if len(self._runs) == 1:
            return next(parts), None
        mean, spread = averaged(parts)
        whole = [self._run.classes.index(name) for name in how.largest]
        return keep_largest(mean, how.thresholds, whole), spread

    def cut(self, said: DensePrediction) -> None:
        """Write a prediction with its objects at these thresholds."""
        objects = None
        if self._how is not None:
            core = self._run.model_config.core
            objects = find_objects(said.dense, self._thresholds[0], self._how, core)
        replace(said, instances=objects).write(self._out)


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


def read_item(item: Item) -> Content:
    """The channels of all images of a case, on the grid of the first of them.

    Raises:
        ReaderError: If one cannot be read.
        GeometryError: If they do not lie on each other.
    """
    try:
        read = stacked(tuple(item.images), item.open)
    except GeometryError as error:
        raise GeometryError(f"case {item.case}: {error}") from None
    for remark in read.notes:
        if remark.kind == "resampled":
            note(f"case {item.case}: {remark}")
    return Content(read.samples, read.geometry)


def _read_ahead(
    items: Sequence[Item], reader: ThreadPoolExecutor, ahead: int
) -> Iterator[tuple[Item, Future[Content]]]:
    """Items with their image, a few of which are being decoded meanwhile."""
    pending: deque[tuple[Item, Future[Content]]] = deque()
    for item in items:
        pending.append((item, reader.submit(read_item, item)))
        if len(pending) > ahead:
            yield pending.popleft()
    yield from pending
