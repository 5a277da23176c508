"""Objects, outlines, boxes and points as annotation programs read them: predictions and labels.

What is written for a picture is the same for every format (`inklings.labels.pictures`); a format is
the `write` of its file in `inklings.labels`. What a format does not hold is told.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from scipy import ndimage

from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.opening import labelled_image, open_case
from inklings.errors import DataError
from inklings.exports.source import Exporter, ExportSource
from inklings.files import write_bytes
from inklings.labels import asap, coco, cvat, dsa, imagej, label_studio, labelme, voc, yolo
from inklings.labels.annotations import read_outlines
from inklings.labels.files import read_mask, unlabelled
from inklings.labels.kinds import BACKGROUND, BallLabel, MaskLabel, SurvivalLabel, ValueLabel
from inklings.labels.outlines import Outline, outline_of, placed
from inklings.labels.pictures import Picture, Writer
from inklings.labels.trace import objects_of
from inklings.progress import note, track
from inklings.readers.pyramid import corner_of


class Drawings(Exporter, ABC):
    """One format of annotations, of predictions and of the labels of a cohort."""

    def __call__(self, source: ExportSource, out: Path) -> Path:
        """Write the objects of every picture, and the outlines of every slide."""
        return self.drawn(list(predicted(source)), out)

    def labels(self, cohort: Cohort, out: Path) -> Path:
        """Write the labels of a cohort."""
        lost = Counter[str]()
        when = (cohort.folder / "cases.parquet").stat().st_mtime if cohort.folder else time.time()
        pictures = [_labelled(case, when, lost) for case in track(cohort, "export", len(cohort))]
        for what, count in lost.items():
            note(f"not written: {what} ({count})")
        return self.drawn(pictures, out)

    @abstractmethod
    def drawn(self, pictures: Sequence[Picture], out: Path) -> Path:
        """Write what is drawn on some pictures."""


class Annotations(Drawings):
    """The files of a format.

    Args:
        write: What they are of some pictures; it says what the format holds.
    """

    def __init__(self, write: Writer, /) -> None:
        self.write = write

    def drawn(self, pictures: Sequence[Picture], out: Path) -> Path:
        """Write what is drawn on some pictures, and tell what the format does not hold."""
        files = self.write(_told_apart(pictures))
        for name, data in files.content.items():
            write_bytes(out / name, data)
        for said in files.lost:
            note(f"not written: {said}")
        return out


Asap = partial(Annotations, asap.write)
Coco = partial(Annotations, coco.write)
Cvat = partial(Annotations, cvat.write)
Dsa = partial(Annotations, dsa.write)
ImageJ = partial(Annotations, imagej.write)
LabelStudio = partial(Annotations, label_studio.write)
Labelme = partial(Annotations, labelme.write)
Voc = partial(Annotations, voc.write)
Yolo = partial(Annotations, yolo.write)


def predicted(source: ExportSource) -> Iterator[Picture]:
    """What was predicted of every slide and picture."""
    for case in source.slides:
        seen = source.glance(case)
        with source.outlined(case) as file:
            drawn, when = read_outlines(file), file.stat().st_mtime
        outlines = tuple(placed(one, drawn.corner) for one in drawn.outlines)
        height, width = seen.shape[-2:]
        yield Picture(
            case, seen.image.name, (height, width), outlines, seen.image, drawn.corner, when, True
        )
    for prediction in source.pictures():
        outlines = tuple(
            Outline(name, polygons[0], parts=polygons[1:])
            for channel, name in enumerate(source.head.classes)
            for _, polygons in objects_of(source.objects(prediction, channel))
        )
        path = source.glance(prediction.case).image
        when = source.there.where(prediction.case).stat().st_mtime
        height, width = prediction.dense.shape[-2:]
        yield Picture(
            prediction.case, path.name, (height, width), outlines, path, (0, 0), when, True
        )


def _labelled(case: Case, when: float, lost: Counter[str]) -> Picture:
    """What is known of the image of a case that bears its labels.

    Raises:
        DataError: If it is a volume.
    """
    name = labelled_image(case)
    with open_case(case, name) as image:
        shape, corner = image.geometry.shape, corner_of(image)
    if len(shape) != 2:
        raise DataError(f"case {case.id}: expected a picture or a slide, got a volume {shape}")
    outlines: list[Outline] = []
    for label in case.labels:
        if isinstance(label, MaskLabel):
            outlines += _of_mask(label, lost)
        elif isinstance(label, BallLabel | ValueLabel | SurvivalLabel):
            lost[f"{type(label).__name__.removesuffix('Label').lower()} labels"] += 1
        else:
            outlines.append(outline_of(label))
    path = case.images[name]
    return Picture(case.id, path.name, (shape[0], shape[1]), tuple(outlines), path, corner, when)


def _of_mask(label: MaskLabel, lost: Counter[str]) -> Iterator[Outline]:
    """Objects of a mask; of classes their connected parts, corners included."""
    mask = read_mask(label.path)
    nothing = unlabelled(label, mask)
    if nothing.any():
        lost["what of a mask is not known"] += 1
    for code, name in enumerate(label.classes, 1):
        if name == BACKGROUND or (label.kind == "instances" and code > 1):
            continue
        numbers = mask * ~nothing
        if label.kind == "classes":
            numbers = ndimage.label(numbers == code, [[1] * 3] * 3)[0]
        for _, polygons in objects_of(numbers):
            yield Outline(name, polygons[0], parts=polygons[1:])


def _told_apart(pictures: Sequence[Picture]) -> Sequence[Picture]:
    """Pictures under names of files that tell them apart: the case, where two are called alike."""
    times = Counter(picture.file for picture in pictures)
    return [
        p if times[p.file] == 1 else replace(p, file=p.id + Path(p.file).suffix) for p in pictures
    ]
