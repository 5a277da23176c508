"""Tiles as PNG files in the layout of segmentation frameworks that read folders of pictures.

``img_dir/{train,val,test}/<slide>_<x>_<y>.png`` in RGB and ``ann_dir/.../<slide>_<x>_<y>_mask.png``
with spread grey values (0, 127, 255 for two classes). ``values.txt`` says what the values mean, in
the words that ``inklings import tiles --values`` takes, and ``patients.json`` whose slides they
are. All tiles of a patient lie in one split, as the cohort says.

Or, by slide, ``<slide>/<slide>_<x>_<y>.png`` with ``summary.txt`` (a line a fact), ``label.txt``
(what is known of the slide: 0 or 1, a line a class where there are several; left out where nothing
is) and ``case_id.txt`` (the patient), as `MarvinLer/tcga_segmentation` keeps them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from inklings.bags.label_words import word
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.opening import open_case
from inklings.cohorts.region import annotate_region
from inklings.data.tile_index import TileHead, TileIndex, read_tile, tiled_cases
from inklings.data.tiling import cases_of
from inklings.datasets.values import VALUES
from inklings.errors import DataError
from inklings.files import write_json, write_text, written
from inklings.geometry import Geometry, Region
from inklings.labels.kinds import BagLabel, CaseLabel, MaskLabel
from inklings.labels.marks import Annotation
from inklings.parallel import Summary, over_cases
from inklings.readers.image import Image

IMAGES, MASKS = "img_dir", "ann_dir"
PATIENTS = "patients.json"


@dataclass(frozen=True)
class Greys:
    """Grey values of a mask file.

    Attributes:
        classes: Value of each class, in order.
        unlabelled: Value where nothing is known: that of background where the cohort knows no
            background, else one of its own.
        zero: What 0 means.
    """

    classes: Mapping[str, int]
    unlabelled: int
    zero: str

    @classmethod
    def of(cls, cohort: Cohort) -> Greys:
        """Values spread over 0 to 255, and what 0 means in this cohort."""
        count = max(1, len(cohort.classes))
        values = {name: 255 * k // count for k, name in enumerate(cohort.classes, 1)}
        labels = [k for case in cohort for k in case.labels if isinstance(k, MaskLabel)]
        extents = {label.extent for label in labels}
        if extents == {"positives"}:
            return cls(values, 0, "unlabelled")
        return cls(values, 0 if extents <= {"complete"} else 1, "background")

    def text(self) -> str:
        """As ``--values`` takes them: ``0=background,127=benign,255=cancer``."""
        parts = [f"0={self.zero}"] + (["1=unlabelled"] if self.unlabelled else [])
        return ",".join(parts + [f"{value}={name}" for name, value in self.classes.items()])

    def of_annotation(self, drawn: Annotation) -> NDArray[np.uint8]:
        """``(h, w)`` grey values."""
        table = np.array([0, *self.classes.values()], np.uint8)
        greys = table[drawn.category]
        greys[~drawn.known & (drawn.category == 0)] = self.unlabelled
        return greys


def write_pngs(
    index: Path,
    out: Path,
    workers: int | None = None,
    scheduler: str | None = None,
    by_slide: bool = False,
) -> Summary:
    """Write the tiles of an index as PNG files; slides that are done already are skipped.

    Raises:
        DataError: If the cohort of the index has not been split, unless ``by_slide``.
    """
    head = TileHead.read(index)
    if by_slide:
        writer: SlideWriter | PngWriter = SlideWriter(index.resolve(), out.resolve())
    else:
        writer = PngWriter(index.resolve(), out.resolve(), _laid_out(head, out))
    return over_cases(
        writer,
        tiled_cases(index),
        out=out,
        what="writing PNG",
        workers=workers,
        scheduler=scheduler,
        done=lambda name: writer.done(name).exists(),
    )


def _laid_out(head: TileHead, out: Path) -> Greys:
    """Write what is said of all masks and patients; what the greys mean."""
    cohort = Cohort.read(head.cohort)
    if not cohort.is_split:
        raise DataError(
            f"expected a cohort with splits, so that no patient's tiles lie in two, got none in "
            f"{head.cohort}; run 'inklings split' first"
        )
    greys = Greys.of(cohort)
    write_text(out / VALUES, greys.text() + "\n")
    write_json(out / PATIENTS, {case.id: case.patient for case in cohort})
    return greys


@dataclass(frozen=True)
class PngWriter:
    """Writes the tiles and masks of one slide; what travels to a worker."""

    index: Path
    out: Path
    greys: Greys

    def done(self, name: str) -> Path:
        """The file that is there once a slide is complete."""
        return self.out / "slides" / f"{name}.json"

    def __call__(self, name: str) -> None:
        """Write the files of one slide, then note that it is done."""
        tiles = TileIndex.read(self.index, [name])
        case = cases_of(tiles.head.cohort)[name]
        labelled = any(
            not isinstance(label, CaseLabel) and label.image == tiles.head.image
            for label in case.labels
        )
        with open_case(case, tiles.head.image) as slide:
            view = tiles.head.view(slide)
            for stem, region, picture in _pictures(name, tiles, view):
                _save(self.out / IMAGES / str(case.split) / f"{stem}.png", picture)
                if labelled:
                    mask = self._mask(case, tiles.head, view.geometry, region)
                    _save(self.out / MASKS / str(case.split) / f"{stem}_mask.png", mask)
        write_text(self.done(name), json.dumps({"tiles": len(tiles)}) + "\n")

    def _mask(
        self, case: Case, head: TileHead, geometry: Geometry, region: Region
    ) -> NDArray[np.uint8]:
        drawn = annotate_region(case, head.image, geometry, region, head.classes)
        return self.greys.of_annotation(drawn)


@dataclass(frozen=True)
class SlideWriter:
    """Writes the folder of one slide; what travels to a worker."""

    index: Path
    out: Path

    def done(self, name: str) -> Path:
        """The file that is there once a slide is complete."""
        return self.out / name / "summary.txt"

    def __call__(self, name: str) -> None:
        """Write the tiles of one slide, what is known of it, and the summary at last."""
        tiles = TileIndex.read(self.index, [name])
        case, home = cases_of(tiles.head.cohort)[name], self.out / name
        with open_case(case, tiles.head.image) as slide:
            for stem, _, picture in _pictures(name, tiles, tiles.head.view(slide)):
                _save(home / f"{stem}.png", picture)
            shape, spacing = slide.geometry.shape, slide.geometry.spacing
        write_text(home / "case_id.txt", case.patient + "\n")
        labels = [label for label in case.labels if isinstance(label, CaseLabel)]
        if labels:
            write_text(home / "label.txt", "\n".join(_said(labels)) + "\n")
        facts = {
            "slide": case.images[tiles.head.image].name,
            "patient": case.patient,
            "label": ", ".join(map(word, labels)) or "unknown",
            "tiles": len(tiles),
            "tile": f"{tiles.head.size} x {tiles.head.size} at {tiles.head.grid}",
            "level 0": f"{shape[1]} x {shape[0]}",
            "um a pixel": "unknown" if spacing is None else f"{spacing[0] * 1000:g}",
            **case.facts,
        }
        write_text(self.done(name), "".join(f"{key}: {value}\n" for key, value in facts.items()))


def _said(labels: Sequence[CaseLabel]) -> list[str]:
    """0 or 1 where it is one question, else a line a label."""
    if len(labels) == 1 and isinstance(label := labels[0], BagLabel):
        return [str(int(label.present))]
    return [word(label) for label in labels]


def _pictures(
    name: str, tiles: TileIndex, view: Image
) -> Iterator[tuple[str, Region, NDArray[Any]]]:
    """Name, place and pixels ``(h, w, C)`` of every tile of a slide."""
    for number in range(len(tiles)):
        region = tiles.region(number)
        picture = np.moveaxis(read_tile(view, region), 0, -1)
        yield f"{name}_{region.start[1]}_{region.start[0]}", region, picture


def _save(path: Path, picture: NDArray[Any]) -> None:
    with written(path, durable=False) as temporary:
        Pillow.fromarray(np.ascontiguousarray(picture)).save(temporary, compress_level=1)
