"""What a cohort, or one file, is, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from inklings.cohorts.annotated import annotated_text
from inklings.cohorts.bags import is_bag
from inklings.cohorts.case import SPLITS, Case
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.opening import open_case
from inklings.cohorts.orientations import counted, orientation_text
from inklings.errors import DataError
from inklings.geometry import Geometry
from inklings.labels.codes import mask_hint
from inklings.labels.kinds import MaskLabel
from inklings.orientation import orientation
from inklings.progress import track
from inklings.readers import open_image
from inklings.readers.bag_files import is_bag_file
from inklings.readers.image import Image
from inklings.readers.picture import PictureImage
from inklings.readers.pyramid import Pyramid
from inklings.readers.resolution import HOW
from inklings.readers.volume import Volume
from inklings.reports.bag_show import bag_file_lines, bag_lines

_UNKNOWN = "pixel spacing unknown: the {} not say, so sizes and distances are in pixels, not mm"
_FEW = 8


def cohort_text(cohort: Cohort) -> str:
    """Cases, splits, sizes, spacing, classes, kinds of labels and facts, a line each."""
    patients = len({case.patient for case in cohort})
    lines = [f"{cohort.name}: {len(cohort)} cases of {patients} patients"]
    if cohort.is_split:
        parts = ", ".join(f"{len(cohort.part(s))} {s}" for s in SPLITS)
        lines.append(f"split: {parts} (hash {cohort.split_hash})")
    else:
        lines.append("split: none yet")
    bags = all(map(is_bag, cohort))
    geometries, broken = _geometries(cohort) if not bags else ([], 0)
    if bags:
        lines += bag_lines(cohort)
    else:
        shapes = Counter(" x ".join(map(str, g.shape)) for g in geometries)
        lines.append(f"sizes: {_counted(shapes)}")
        lines.append(_spacings(geometries))
        lying = counted(orientation(g) for g in geometries if len(g.shape) == 3)
        if lying:
            lines.append(f"orientation: {_counted(Counter(lying))}")
    lines.append(f"classes: {', '.join(cohort.classes)}")
    if told := annotated_text(cohort):
        lines.append(told)
    lines.append(f"labels: {_counted(Counter(_labels(cohort))) or 'none'}")
    modalities = Counter(c.facts["modality"] for c in cohort if "modality" in c.facts)
    if modalities:
        lines.append(f"modality: {_counted(modalities)}")
    lines += [f"{key}: {value}" for key, value in cohort.facts.items() if isinstance(value, str)]
    if broken:
        lines.append(f"{broken} images cannot be opened: inklings check says why")
    return "\n".join(lines)


def file_text(path: Path, series: str | None = None) -> str:
    """What one image is: size, spacing, channels, type and values.

    Args:
        path: A file, or a folder of DICOM.
        series: Words that choose one of several DICOM series.

    Raises:
        ReaderError: If it cannot be read.
    """
    if is_bag_file(path):
        return "\n".join(bag_file_lines(path))
    with open_image(path, choice=series) as image:
        if isinstance(image, Pyramid):
            return "\n".join(_slide_lines(path, image))
        geometry, channels = image.geometry, image.channels
        array = image.read(geometry.full)
        told = [f"note: {note}" for note in image.notes]
        said = image.facts.get("description", "") if isinstance(image, Volume) else ""
    size = f"{path.stat().st_size:,} bytes" if path.is_file() else "a folder"
    lines = [
        f"{path.name}: {size}{', series ' if said else ''}{said}",
        f"size: {' x '.join(map(str, geometry.shape))} samples",
        _spacings([geometry]),
        *([orientation_text(geometry)] if len(geometry.shape) == 3 else []),
        f"channels: {', '.join(channels)}",
        *told,
        *_doubts(path, image),
    ]
    values = np.unique(array)
    lines.append(f"values: {array.dtype}, {values[0]} to {values[-1]}, mean {array.mean():.4g}")
    if len(values) <= _FEW:
        shares = ", ".join(f"{v} ({np.mean(array == v):.1%})" for v in values)
        lines.append(f"only {len(values)} values, perhaps a mask: {shares}")
    elif len(channels) == 3 and (array == array[:1]).all():
        lines.append("all three channels are equal: a grey image stored as colour")
    return "\n".join(lines)


def _doubts(path: Path, image: Image) -> Iterable[str]:
    """What was found and not believed of a picture, and what a mask in JPEG would need."""
    if isinstance(image, PictureImage) and image.geometry.spacing is None:
        if image.remark != PictureImage.remark:
            yield f"resolution: {image.remark}"
        if hint := mask_hint(path):
            yield hint


def _slide_lines(path: Path, slide: Pyramid) -> Iterable[str]:
    """Levels and resolution; a part of every level is decoded, to know that it can be."""
    for level, (height, width) in enumerate(slide.levels.shapes):
        middle = (height // 2, width // 2)
        slide.levels.read(
            level, middle, (min(256, height - middle[0]), min(256, width - middle[1]))
        )
    levels = ", ".join(f"1/{down:.6g}" for down in slide.downsamples[1:])
    height, width = slide.geometry.shape
    yield f"{path.name}: a slide, {path.stat().st_size:,} bytes"
    yield from (f"note: {note}" for note in slide.notes)
    yield f"size: {height} x {width} pixels" + (f", with levels of {levels}" if levels else "")
    known = slide.resolution.spacing_mm is not None
    yield f"resolution: {slide.resolution.remark}" + ("" if known else f"; {HOW}")
    if known:
        high, wide = (
            n * mm
            for n, mm in zip(slide.geometry.shape, slide.geometry.require_spacing(), strict=True)
        )
        yield f"extent: {high:.3g} x {wide:.3g} mm"
    yield f"channels: {', '.join(slide.channels)} ({slide.levels.dtype})"


def _geometries(cohort: Cohort) -> tuple[list[Geometry], int]:
    found, broken = [], 0
    for case in track(cohort, "reading headers", len(cohort)):
        for name in case.images:
            try:
                with open_case(case, name) as image:
                    found.append(image.geometry)
            except DataError:
                broken += 1
    return found, broken


def _spacings(geometries: Iterable[Geometry]) -> str:
    geometries = list(geometries)
    known = Counter(
        " x ".join(f"{mm:.4g}" for mm in g.spacing) + " mm" for g in geometries if g.spacing
    )
    if not known:
        return _UNKNOWN.format("file does" if len(geometries) == 1 else "files do")
    unknown = len(geometries) - sum(known.values())
    rest = f"; unknown in {unknown}: sizes there are in pixels" if unknown else ""
    return f"pixel spacing: {_counted(known)}{rest}"


def _labels(cases: Iterable[Case]) -> Iterable[str]:
    for case in cases:
        if not case.labels:
            yield "unlabelled"
        kinds = [
            f"{label.kind} mask, {label.extent}"
            if isinstance(label, MaskLabel)
            else type(label).__name__.removesuffix("Label").lower()
            for label in case.labels
        ]
        yield from kinds


def _counted(counter: Counter[str]) -> str:
    if len(counter) == 1:
        return (
            f"all {next(iter(counter))} ({counter.total()})"
            if counter.total() > 1
            else next(iter(counter))
        )
    shown = [f"{name} ({count})" for name, count in counter.most_common(_FEW)]
    more = len(counter) - _FEW
    return ", ".join(shown) + (f" and {more} other kinds" if more > 0 else "")
