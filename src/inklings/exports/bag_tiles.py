"""The tiles of slides and what a model said of each: where they lie, and as GeoJSON.

Tiles lie where the cohort of bags says; a probability is that of a bag of this tile alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.bags.places import places, slide_name, slides_of
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.opening import open_case
from inklings.errors import DataError, SpecError
from inklings.exports.bags import columns_of
from inklings.exports.source import ExportSource
from inklings.files import write_text
from inklings.labels.qupath import CORNER, ORIGIN
from inklings.predictions.bags import BagPrediction
from inklings.predictions.head import VALUES
from inklings.predictions.heatmaps.colours import colours
from inklings.progress import track
from inklings.readers.pyramid import corner_of

THRESHOLD = 0.3
"""From which a tile is called, in the reference."""
_SCORE = "score "


@dataclass(frozen=True)
class SlideTiles:
    """The tiles of one slide and what was said of each.

    Attributes:
        case: The bag.
        slide: Where they lie.
        name: Of the slide in its cohort.
        boxes: ``(N, 4)`` first row, first column, height, width, in pixels of level 0.
        classes: Of the columns of ``probability``.
        probability: ``(N, C)``.
    """

    case: str
    slide: Case
    name: str
    boxes: NDArray[np.float64]
    classes: tuple[str, ...]
    probability: NDArray[np.float64]

    @property
    def step(self) -> tuple[float, float]:
        """From tile to tile along ``(y, x)``: the smallest distance, else the size of a tile."""
        found = []
        for axis in (0, 1):
            gaps = np.diff(np.unique(self.boxes[:, axis]))
            gaps = gaps[gaps > 0.5]
            size = float(self.boxes[:, 2 + axis].max())
            found.append(min(float(gaps.min()), size) if len(gaps) else size)
        return found[0], found[1]


def slide_tiles(source: ExportSource) -> Iterator[SlideTiles]:
    """The tiles of every slide, one after the other, with progress.

    Raises:
        SpecError: If no cohort was given, or the answer is no probability.
        DataError: If the cohort does not know where the tiles lie.
    """
    if VALUES in source.head.settings:
        raise SpecError("maps of tiles: expected probabilities, got predictions of a number")
    if source.cohort is None:
        raise SpecError(
            "maps of tiles: expected the cohort of the bags, which has the positions of the "
            "tiles; add "
            "--cohort"
        )
    slides = slides_of(Cohort.read(source.cohort), source.cohort)
    for name in track(source.cases, "export"):
        said = BagPrediction.read(source.folder, name)
        lies = places(source.labelled[name], slides) if slides else None
        if lies is None or len(lies.boxes) != len(said.instances):
            raise DataError(
                f"case {name}: expected the positions of its {len(said.instances)} tiles, got no "
                f"positions in {source.cohort}; maps need bags made by 'inklings embed', or "
                "'inklings "
                "import features --slides', and the slides"
            )
        columns = columns_of(said, source.head)
        scores = {k.removeprefix(_SCORE): v for k, v in columns.items() if k.startswith(_SCORE)}
        probability = np.stack(list(scores.values()), axis=1)
        for k, slide in enumerate(lies.slides):
            mine = lies.slide == k
            if mine.any():
                yield SlideTiles(
                    name, slide, slide_name(slide), lies.boxes[mine], tuple(scores),
                    probability[mine],
                )  # fmt: skip


def write_tiles(source: ExportSource, out: Path, threshold: float, origin: str) -> Path:
    """GeoJSON of each slide: ``<slide>.geojson`` with the tiles that are called, and
    ``<slide>.raw.geojson`` with all of them; each says how probable every class is.

    Args:
        source: Predictions of bags.
        out: Folder.
        threshold: Probability from which a class is called; the most probable names the tile.
        origin: ``bounds`` or ``slide``, where coordinates count from.
    """
    for tiles in slide_tiles(source):
        with open_case(tiles.slide) as image:
            corner = corner_of(image)
        head: dict[str, Any] = {"type": "FeatureCollection", ORIGIN: origin}
        if origin == "bounds":
            head[CORNER] = [corner[1], corner[0]]
        else:
            corner = (0, 0)
        features = [_feature(tiles, k, threshold, corner) for k in range(len(tiles.boxes))]
        called = [one for one in features if "classification" in one["properties"]]
        every = [{**f, "properties": _unnamed(f["properties"])} for f in features]
        for suffix, kept in (("", called), (".raw", every)):
            path = out / f"{tiles.name}{suffix}.geojson"
            write_text(path, json.dumps({**head, "features": kept}) + "\n")
    return out


def require_threshold(threshold: float) -> None:
    """Raise SpecError unless it is a probability from which something can be called."""
    if not 0 < threshold < 1:
        raise SpecError(f"--threshold: expected a probability between 0 and 1, got {threshold:g}")


def _feature(
    tiles: SlideTiles, k: int, threshold: float, corner: tuple[int, int]
) -> dict[str, Any]:
    y, x, height, width = tiles.boxes[k] - (corner[0], corner[1], 0, 0)
    ring = [(x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y)]
    said = tiles.probability[k]
    properties: dict[str, Any] = {
        "objectType": "detection",
        "measurements": {
            f"probability {name}": round(float(p), 6)
            for name, p in zip(tiles.classes, said, strict=True)
        },
    }
    if said.max() >= threshold:
        best = int(said.argmax())
        colour = list(colours(tiles.classes)[best])
        properties["classification"] = {"name": tiles.classes[best], "color": colour}
    polygon = [[round(float(a), 2), round(float(b), 2)] for a, b in ring]
    return {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [polygon]},
        "properties": properties,
    }


def _unnamed(properties: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in properties.items() if key != "classification"}
