"""What was predicted of one slide: a folder of maps and a record of what they are.

``cases/<id>/`` in a folder of predictions holds

- ``heatmap.ome.tif``: probability of every class, 255 is certainty; 0 where there is no tissue;
- ``spread.ome.tif``: of several runs that were averaged, the standard deviation over them;
- ``classes.ome.tif``: index of the class plus one, 0 where none reaches its threshold;
- ``outlines.geojson``: the regions of the classes in pixels of level 0, for QuPath and others;
- ``thumbnail.png`` and ``overlay.png``: the slide, and the classes laid over it;
- ``areas.csv``, and ``slide.json``: this record.

The folder is made elsewhere and renamed when it is complete: what is there is finished.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import math
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from inklings.errors import DataError
from inklings.files import owner, write_json, write_text
from inklings.geometry import Geometry
from inklings.predictions.heatmaps.tiled import Map
from inklings.records import read_record

RECORD = "slide.json"
"""What the folder of a slide holds once it is complete."""

HEATMAP = "heatmap.ome.tif"
SPREAD = "spread.ome.tif"
CLASSES = "classes.ome.tif"
OUTLINES = "outlines.geojson"
THUMBNAIL = "thumbnail.png"
OVERLAY = "overlay.png"
AREAS = "areas.csv"


@dataclass(frozen=True)
class Area:
    """How much of a slide belongs to a class.

    Attributes:
        name: The class; ``tissue`` for all that was looked at.
        pixels: Of level 0.
        mm2: None where nobody knows how large a pixel is.
        share: Of the tissue.
        peak: Largest probability on the map, in [0, 1].
    """

    name: str
    pixels: float
    mm2: float | None
    share: float
    peak: float


@dataclass(frozen=True)
class Spread:
    """How far runs that were averaged differ in a class: the mean standard deviation over them.

    Attributes:
        whole: Of all that was looked at.
        called: Of what belongs to the class; 0 where nothing does.
    """

    whole: float
    called: float


@dataclass(frozen=True)
class SlidePrediction:
    """``slide.json``.

    Attributes:
        case: Identifier of the case.
        image: The file that was read.
        shape: Pixels of level 0, ``(y, x)``.
        spacing_um: Between pixels of level 0, ``(y, x)``; None where nobody knows.
        network: Pixels of level 0 to a sample that the network saw, ``(y, x)``.
        factor: Pixels of level 0 to a sample of the maps, ``(y, x)``.
        map_shape: Samples of the maps, ``(y, x)``.
        classes: Names of the channels of the heat map.
        thresholds: From which each class is drawn on the map of classes.
        tissue: Area that was looked at.
        areas: One per class, in their order.
        windows: How many went through the network.
        outlined: Regions in ``outlines.geojson``.
        too_small: Regions left out there.
        seconds: What it took.
        remarks: What a reader should know, a sentence each.
        spread: One a class; empty of a single run.
        statistics: Numbers that say how like the training slides it is, None where unknown
            (`inklings.predictions.likeness`); empty where the run does not know these.
    """

    case: str
    image: Path
    shape: tuple[int, int]
    spacing_um: tuple[float, float] | None
    network: tuple[float, float]
    factor: tuple[float, float]
    map_shape: tuple[int, int]
    classes: tuple[str, ...]
    thresholds: tuple[float, ...]
    tissue: Area
    areas: tuple[Area, ...]
    windows: int
    outlined: int
    too_small: int
    seconds: float
    remarks: tuple[str, ...] = field(default=())
    spread: tuple[Spread, ...] = field(default=())
    statistics: tuple[float | None, ...] = field(default=())

    @property
    def tissue_samples(self) -> int:
        """Samples of the map with tissue."""
        return round(self.tissue.pixels / math.prod(self.factor))

    @property
    def map_spacing_um(self) -> tuple[float, float] | None:
        """Micrometres between samples of the maps."""
        return scaled(self.spacing_um, self.factor)

    @property
    def geometry(self) -> Geometry:
        """The grid of the maps."""
        um = self.map_spacing_um
        if um is None:
            return Geometry(self.map_shape, frame=self.image.name)
        mm = (um[0] / 1000, um[1] / 1000)
        return Geometry(self.map_shape, mm, (mm[1] / 2, mm[0] / 2), frame=self.image.name)

    def heatmap(self, folder: Path, level: int = 0) -> Map:
        """The probabilities, to be closed after use."""
        return Map(folder_of(folder, self.case) / HEATMAP, level)

    def class_map(self, folder: Path, level: int = 0) -> Map:
        """The map of classes, to be closed after use."""
        return Map(folder_of(folder, self.case) / CLASSES, level)

    def spread_map(self, folder: Path) -> Map:
        """The standard deviation over runs, where `spread` says any; to be closed after use."""
        return Map(folder_of(folder, self.case) / SPREAD)

    def histogram(self, folder: Path) -> NDArray[np.int64]:
        """Samples of the heat map by stored probability, ``(K, 256)``, read band by band."""
        found = np.zeros((len(self.classes), 256), np.int64)
        with self.heatmap(folder) as heat:
            for band in heat.bands():
                found += [np.bincount(plane.ravel(), minlength=256) for plane in band]
        return found

    def write(self, case_folder: Path) -> None:
        """Write ``areas.csv`` and ``slide.json`` into the folder of the case."""
        write_text(case_folder / AREAS, table([self]))
        record = dataclasses.asdict(self)
        write_json(case_folder / RECORD, {**record, "image": str(self.image)})

    @classmethod
    def read(cls, folder: Path, case: str) -> Self:
        """Read the record of one case from a folder of predictions.

        Raises:
            DataError: If there is none or it is damaged.
        """
        path = folder_of(folder, case) / RECORD
        what = f"a prediction of slide {case}"
        return read_record(cls, path, what, "delete its folder and predict again")


def folder_of(folder: Path, case: str) -> Path:
    """Where the files of a case lie in a folder of predictions."""
    return folder / "cases" / case


def scaled(
    spacing_um: tuple[float, float] | None, factor: tuple[float, float]
) -> tuple[float, float] | None:
    """The spacing of a grid ``factor`` times as coarse."""
    if spacing_um is None:
        return None
    return spacing_um[0] * factor[0], spacing_um[1] * factor[1]


def table(slides: list[SlidePrediction]) -> str:
    """Areas as comma-separated values, one line per slide and class."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["case", "class", "mm2", "pixels", "share_of_tissue", "peak"])
    for slide in slides:
        for area in (slide.tissue, *slide.areas):
            mm2 = "" if area.mm2 is None else f"{area.mm2:.6g}"
            writer.writerow(
                [
                    slide.case,
                    area.name,
                    mm2,
                    f"{area.pixels:.0f}",
                    f"{area.share:.6g}",
                    f"{area.peak:.3f}",
                ]
            )
    return out.getvalue()


@contextmanager
def slide_written(out: Path, case: str) -> Iterator[Path]:
    """A hidden folder that becomes ``cases/<case>`` when the block ends well.

    Its name says which process fills it, so that what a killed one left can be told from what
    another is still writing.
    """
    target = folder_of(out, case)
    part = target.parent / f".{case}.{owner()}.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        for path in part.iterdir():
            with path.open("rb+") as file:
                os.fsync(file.fileno())
        if target.exists() and not (target / RECORD).exists():
            shutil.rmtree(target)
        if target.exists():
            old = target.parent / f".{case}.{owner()}.old.part"
            target.rename(old)
            shutil.rmtree(old)
        part.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def cases_in(folder: Path) -> Iterator[str]:
    """Ids of the slides that are complete."""
    return (path.parent.name for path in (folder / "cases").glob(f"[!.]*/{RECORD}"))


def image_of(folder: Path, case: str) -> Path:
    """The file that a slide was predicted from.

    Raises:
        DataError: If the prediction is damaged.
    """
    home = folder_of(folder, case)
    if gone := [name for name in (HEATMAP, CLASSES, OUTLINES) if not (home / name).is_file()]:
        raise DataError(f"{home} is damaged (no {gone[0]}); delete it and predict again")
    return SlidePrediction.read(folder, case).image
