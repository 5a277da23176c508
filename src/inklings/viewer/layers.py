"""What lies over an image, as numbers: labels, truth, classes and probabilities.

Tiles of a layer carry numbers, not colours: codes of classes (0 for none, 255 where nobody said
anything), or probabilities (255 is certainty). The page colours them, so that a slider acts at
once.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from inklings.cohorts.case import Case
from inklings.cohorts.opening import labelled_image
from inklings.cohorts.rasterise import annotate
from inklings.cohorts.region import annotate_region
from inklings.errors import DataError
from inklings.geometry import Region
from inklings.labels.kinds import CaseLabel
from inklings.predictions.dense import DensePrediction
from inklings.predictions.guarantee import guaranteed, promises_masks
from inklings.predictions.head import MEMBERS
from inklings.predictions.heatmaps.colours import colours
from inklings.predictions.heatmaps.tiled import Map
from inklings.predictions.numbers import coded
from inklings.predictions.slides import CLASSES, HEATMAP, SPREAD, SlidePrediction, folder_of
from inklings.readers.handles import Handles
from inklings.readers.pyramid import Pyramid
from inklings.viewer.cache import Cache
from inklings.viewer.pictures import PictureTiles, ViewGrid
from inklings.viewer.planes import png
from inklings.viewer.shelf import Predicted, Shelf

UNKNOWN = 255
_WIDE = 25.5
"""Spread from which it is drawn strongly: a standard deviation of one tenth."""
_BOXES: Literal["filled"] = "filled"


@dataclass(frozen=True)
class Layer:
    """Something that can be laid over the image of a case.

    Attributes:
        id: Short name, unique within the case.
        title: For people.
        kind: ``codes`` or ``probability``.
        source: ``labels``, ``truth``, ``prediction0``, ``prediction1``.
        classes: Names of the codes from 1 up, or of the one class.
        colours: One for each.
        thresholds: One for each, in 0..255; empty where they mean nothing.
        height: Samples of its grid.
        width: Samples of its grid.
        span: Width of the layer, with that of the image as one.
        channel: Which class, where the kind is ``probability``.
        spread: Whether it is the standard deviation over runs, not the probability.
        guaranteed: Whether it is cut where a promise about new patients holds.
    """

    id: str
    title: str
    kind: Literal["codes", "probability"]
    source: str
    classes: tuple[str, ...]
    colours: tuple[tuple[int, int, int], ...]
    thresholds: tuple[float, ...] = ()
    height: int = 0
    width: int = 0
    span: float = 1.0
    channel: int | None = None
    spread: bool = False
    guaranteed: bool = False


class Layers:
    """The layers of every case of a shelf."""

    def __init__(self, shelf: Shelf, pictures: PictureTiles, cache: Cache) -> None:
        self._shelf, self._pictures, self._cache = shelf, pictures, cache
        self._maps: Handles[tuple[Path, int], Map] = Handles(
            lambda key: Map(*key), lambda opened: opened.__exit__(None, None, None), 16
        )

    def of(self, case: Case) -> dict[str, Layer]:
        """Layers by id, in the order in which they are offered."""
        shape = self._pictures.image(case).geometry.shape
        sides = (shape[-2], shape[-1])
        names = self._shelf.classes
        found = []
        for source, title, there in (
            ("truth", "Truth", self._shelf.standard.get(case.id)),
            ("labels", "Weak labels" if self._shelf.standard else "Labels", case),
        ):
            if there is not None and _drawn(there):
                found.append(
                    Layer(source, title, "codes", source, names, colours(names), (), *sides)
                )
        for number, predicted in enumerate(self._shelf.predictions):
            if case.id in predicted.cases and predicted.there.kind == "dense":
                found += self._of_prediction(case, number, predicted, sides)
        return {layer.id: layer for layer in found}

    def width(self, case: Case) -> int:
        """Samples of a row of the image."""
        return self._pictures.image(case).geometry.shape[-1]

    def layer(self, case: Case, name: str) -> Layer:
        """One layer of a case.

        Raises:
            DataError: If it has no such layer.
        """
        layers = self.of(case)
        if name not in layers:
            had = ", ".join(layers) or "none"
            raise DataError(f"case {case.id}: expected one of the layers {had}, got another")
        return layers[name]

    def tile(self, case: Case, name: str, level: int, x: int, y: int) -> bytes:
        """One tile as grey PNG of 8 bits."""
        layer = self.layer(case, name)
        region = ViewGrid(layer.height, layer.width).region(level, x, y)
        factor = ViewGrid(layer.height, layer.width).factor(level)

        def make() -> tuple[bytes, int]:
            data = png(self.read(case, layer, factor, region))
            return data, len(data)

        return self._cache.get(("layer", case.id, name, level, x, y), make)

    def read(self, case: Case, layer: Layer, factor: int, region: Region) -> NDArray[np.uint8]:
        """Numbers of a region of the layer's grid made ``factor`` times coarser, ``(h, w)``."""
        if layer.source in ("truth", "labels"):
            return self._labelled(case, layer.source, factor, region)
        predicted = self._predicted(layer)
        if case.id in predicted.there.slides:
            return self._mapped(case, predicted, layer, factor, region)
        whole = self.dense(case, layer)
        rows, columns = (
            np.minimum(np.arange(a, b) * factor + factor // 2, n - 1)
            for a, b, n in zip(region.start, region.stop, whole.shape, strict=True)
        )
        picked: NDArray[np.uint8] = whole[rows][:, columns]
        return picked

    def dense(self, case: Case, layer: Layer) -> NDArray[np.uint8]:
        """All numbers of a layer of a picture or volume on the grid of its image, ``(*S)``."""
        if layer.source in ("truth", "labels"):
            return self._whole(case, layer.source)
        predicted = self._predicted(layer)
        prediction = self._prediction(case, predicted)
        if layer.channel is not None:
            said = prediction.spread if layer.spread else prediction.dense
            assert said is not None  # or there would be no such layer
            plane: NDArray[np.uint8] = said[layer.channel]
            return plane
        head = guaranteed(predicted.head) if layer.guaranteed else predicted.head
        levels = prediction.dense[: len(head.classes)]
        key = ("codes", case.id, layer.id)
        return self._cache.get(key, lambda: _arrayed(coded(levels, head.thresholds)))

    def objects(self, case: Case, layer: Layer) -> NDArray[Any] | None:
        """Numbered objects of a picture, ``(h, w)``; None where they were not told apart."""
        image = self._pictures.image(case)
        if isinstance(image, Pyramid) or layer.guaranteed:
            return None
        if layer.source in ("truth", "labels"):
            there = self._case(case, layer.source)
            names = self._shelf.classes
            return annotate(there, labelled_image(there), image.geometry, names, _BOXES).objects
        return self._prediction(case, self._predicted(layer)).instances

    def _of_prediction(
        self, case: Case, number: int, predicted: Predicted, sides: tuple[int, int]
    ) -> list[Layer]:
        names, source = predicted.head.classes, f"prediction{number}"
        limits = tuple(t * 255 for t in predicted.head.thresholds)
        height, width, span = *sides, 1.0
        if case.id in predicted.there.slides:
            record = SlidePrediction.read(predicted.folder, case.id)
            (height, width), span = (
                record.map_shape,
                (record.map_shape[1] * record.factor[1] / record.shape[1]),
            )
        title = "Prediction" if len(self._shelf.predictions) == 1 else predicted.name
        whole = Layer(
            source, title, "codes", source, names, colours(names), (), height, width, span
        )
        cuts = [whole]
        if promises_masks(predicted.head):
            name = f"{title}: guaranteed"
            own = dataclasses.replace(whole, id=f"{source}.guaranteed", title=name, guaranteed=True)
            cuts.append(own)
        heat = [
            dataclasses.replace(
                whole,
                id=f"{source}.{k}",
                title=f"{title}: probability of {name}",
                kind="probability",
                classes=(name,),
                colours=(colours(names)[k],),
                thresholds=(limits[k],),
                channel=k,
            )
            for k, name in enumerate(names)
        ]
        if not predicted.head.settings.get(MEMBERS):
            return [*cuts, *heat]
        spread = [
            dataclasses.replace(
                one,
                id=f"{one.id}.spread",
                title=f"{title}: spread of {name} over runs",
                thresholds=(_WIDE,),
                spread=True,
            )
            for name, one in zip(names, heat, strict=True)
        ]
        return [*cuts, *heat, *spread]

    def _labelled(self, case: Case, source: str, factor: int, region: Region) -> NDArray[np.uint8]:
        there = self._case(case, source)
        image = self._pictures.image(case)
        grid = (image.shrunk(factor) if factor > 1 else image).geometry
        drawn = annotate_region(
            there, labelled_image(there), grid, region, self._shelf.classes, _BOXES
        )
        return np.where(drawn.known, drawn.category, UNKNOWN).astype(np.uint8)

    def _whole(self, case: Case, source: str) -> NDArray[np.uint8]:
        def make() -> tuple[NDArray[np.uint8], int]:
            there = self._case(case, source)
            geometry = self._pictures.image(case).geometry
            drawn = annotate(there, labelled_image(there), geometry, self._shelf.classes, _BOXES)
            return _arrayed(np.where(drawn.known, drawn.category, UNKNOWN).astype(np.uint8))

        return self._cache.get(("whole", case.id, source), make)

    def _mapped(
        self, case: Case, predicted: Predicted, layer: Layer, factor: int, region: Region
    ) -> NDArray[np.uint8]:
        """From the coarsest level of a stored map that is fine enough, the nearest samples."""
        heat = SPREAD if layer.spread else HEATMAP
        name = CLASSES if layer.channel is None and not layer.guaranteed else heat
        path = folder_of(predicted.folder, case.id) / name
        level = min(factor.bit_length() - 1, self._levels(path) - 1)
        with self._maps.lease((path, level)) as opened:
            shape = opened.shape[1:]
            rest = factor / 2**level
            lows, highs = (
                [
                    min(int(v * rest), n - 1) if end == 0 else min(int(np.ceil(v * rest)), n)
                    for v, n in zip(corner, shape, strict=True)
                ]
                for end, corner in enumerate((region.start, region.stop))
            )
            size = tuple(max(1, b - a) for a, b in zip(lows, highs, strict=True))
            levels = opened.read(Region(tuple(lows), size))
        if layer.guaranteed:
            block = coded(levels, guaranteed(predicted.head).thresholds)
        else:
            block = levels[layer.channel or 0]
        rows, columns = (
            np.clip(((np.arange(a, b) + 0.5) * rest).astype(int) - low, 0, n - 1)
            for a, b, low, n in zip(region.start, region.stop, lows, block.shape, strict=True)
        )
        picked: NDArray[np.uint8] = block[rows][:, columns]
        return picked

    def _levels(self, path: Path) -> int:
        def make() -> tuple[int, int]:
            count = 0
            while True:
                try:
                    with Map(path, count):
                        count += 1
                except DataError:
                    return max(count, 1), 16

        return self._cache.get(("levels", path), make)

    def _prediction(self, case: Case, predicted: Predicted) -> DensePrediction:
        def make() -> tuple[DensePrediction, int]:
            read = DensePrediction.read(predicted.folder, case.id)
            more = (one.nbytes for one in (read.instances, read.spread) if one is not None)
            return read, read.dense.nbytes + sum(more)

        return self._cache.get(("prediction", str(predicted.folder), case.id), make)

    def _predicted(self, layer: Layer) -> Predicted:
        return self._shelf.predictions[int(layer.source.removeprefix("prediction"))]

    def _case(self, case: Case, source: str) -> Case:
        return self._shelf.standard[case.id] if source == "truth" else case


def _drawn(case: Case) -> bool:
    return any(not isinstance(label, CaseLabel) for label in case.labels)


def _arrayed(array: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int]:
    return array, array.nbytes
