"""Objects, outlines, boxes and points as annotation programs read them: predictions and labels.

What is written for a picture is the same for every format (`inklings.labels.pictures`); a format is
the `write` of its file in `inklings.labels`. What a format does not hold is told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

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
from inklings.labels.outlines import Outline, outline_of
from inklings.labels.pictures import Files, Picture
from inklings.labels.trace import objects_of
from inklings.predictions.slides import OUTLINES, folder_of
from inklings.progress import note, track
from inklings.readers import open_image


class Drawings(Exporter):
    """One format of annotations, of predictions and of the labels of a cohort."""

    write: ClassVar[staticmethod[[Sequence[Picture]], Files]]

    def __call__(self, source: ExportSource, out: Path) -> Path:
        """Write the objects of every picture, and the outlines of every slide."""
        return self.drawn(list(predicted(source)), out)

    def labels(self, cohort: Cohort, out: Path) -> Path:
        """Write the labels of a cohort."""
        lost = Counter[str]()
        pictures = [_labelled(case, lost) for case in track(cohort, "export", len(cohort))]
        for what, count in lost.items():
            note(f"not written: {what} ({count})")
        return self.drawn(pictures, out)

    def drawn(self, pictures: Sequence[Picture], out: Path) -> Path:
        """Write what is drawn on some pictures."""
        files: Files = type(self).write(_told_apart(pictures))
        for name, data in files.content.items():
            write_bytes(out / name, data)
        for said in files.lost:
            note(f"not written: {said}")
        return out


class Asap(Drawings):
    """``<case>.xml``: outlines, with holes as a group of their own."""

    write = staticmethod(asap.write)


class Coco(Drawings):
    """``annotations.json`` of all pictures; outlines with holes as run lengths."""

    write = staticmethod(coco.write)


class Cvat(Drawings):
    """``annotations.xml`` for images 1.1."""

    write = staticmethod(cvat.write)


class Dsa(Drawings):
    """``<case>.json`` for the Digital Slide Archive and HistomicsUI."""

    write = staticmethod(dsa.write)


class ImageJ(Drawings):
    """``<case>.zip`` of regions for ImageJ and Fiji."""

    write = staticmethod(imagej.write)


class LabelStudio(Drawings):
    """``tasks.json``: outlines with holes as brushes."""

    write = staticmethod(label_studio.write)


class Labelme(Drawings):
    """``<case>.json``: outlines with holes as masks."""

    write = staticmethod(labelme.write)


class Voc(Drawings):
    """``<case>.xml``: boxes."""

    write = staticmethod(voc.write)


class Yolo(Drawings):
    """``labels/<image>.txt`` and ``data.yaml``: outlines, or boxes where there are no outlines."""

    write = staticmethod(yolo.write)


def predicted(source: ExportSource) -> Iterator[Picture]:
    """What was predicted of every slide and picture."""
    for case in source.slides:
        seen = source.glance(case)
        with open_image(seen.image, choice=seen.series) as image:
            height, width = image.geometry.shape[-2:]
        drawn = read_outlines(folder_of(source.folder, case) / OUTLINES)
        yield Picture(case, seen.image.name, (height, width), drawn.outlines, seen.image)
    for prediction in source.pictures():
        outlines = tuple(
            Outline(name, polygons[0], parts=polygons[1:])
            for channel, name in enumerate(source.head.classes)
            for _, polygons in objects_of(source.objects(prediction, channel))
        )
        height, width = prediction.dense.shape[-2:]
        path = source.glance(prediction.case).image
        yield Picture(prediction.case, path.name, (height, width), outlines, path)


def _labelled(case: Case, lost: Counter[str]) -> Picture:
    """What is known of the image of a case that bears its labels.

    Raises:
        DataError: If it is a volume.
    """
    name = labelled_image(case)
    with open_case(case, name) as image:
        shape = image.geometry.shape
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
    return Picture(case.id, path.name, (shape[0], shape[1]), tuple(outlines), path)


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
