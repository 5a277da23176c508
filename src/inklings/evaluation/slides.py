"""A slide as a pair: prediction and reference standard read block by block, and only sums kept."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.cohorts.case import Case
from inklings.cohorts.region import annotate_region
from inklings.errors import LabelError
from inklings.evaluation.calibration import histogram
from inklings.evaluation.overlap import counts
from inklings.evaluation.pairs import Judgement, Pair, Segmentation, judgement
from inklings.evaluation.slide_level import Whole, whole
from inklings.geometry import Geometry, Region
from inklings.labels.kinds import BagLabel, BoxLabel, CaseLabel, MaskLabel
from inklings.labels.mask_codes import all_codes
from inklings.predictions.head import Head
from inklings.predictions.slides import SlidePrediction

_BLOCK = 2048


def slide_pair(folder: Path, head: Head, case: Case) -> Pair:
    """A pair without samples whose counts and histograms were summed over the slide.

    Its `judgement` is of no samples where nothing was known of places.

    Raises:
        LabelError: If there is nothing to score against.
    """
    record = SlidePrediction.read(folder, case.id)
    channels = len(head.classes)
    table = np.zeros((channels + 1, 4))
    levels = np.zeros((channels, 512))
    called, judged, negatives = np.zeros(channels, int), np.zeros(2, int), False
    for block in _blocks(folder, record, head, case):
        table += counts(block)
        known = judgement(block)
        judged += (known.samples, known.total)
        called += known.called or [np.count_nonzero(mask) for mask in block.predicted.mask]
        levels += [histogram(block, channel=k) for k in range(channels)]
        background = ~block.reference.mask.any(axis=0)
        negatives |= bool((background if block.known is None else background & block.known).any())
    bags = {label.name: label.present for label in case.labels if isinstance(label, BagLabel)}
    located = _is_located(case)
    if not located and not bags:
        raise LabelError(
            f"case {case.id}: expected a reference standard, got no label of it; label it, or "
            "leave it out"
        )
    nothing: NDArray[Any] = np.zeros((channels, 0, 0), np.uint8)
    pair = Pair(
        case.patient,
        case.id,
        Segmentation(nothing > 0, None, nothing),
        Segmentation(nothing > 0),
        spacing=record.geometry.spacing,
        annotated=tuple(case.annotated(head.classes)),
    )
    counts.put(table, pair)
    for k, name in enumerate(head.classes):
        true = table[k, 0] + table[k, 2]
        present = bags.get(name, bool(true > 0) or _is_shown(case, name) if located else None)
        histogram.put(levels[k], pair, channel=k)
        whole.put(Whole(record.areas[k].peak, record.areas[k].share, present), pair, k)
    if located:
        samples, total = (int(n) for n in judged)
        most = max(samples, record.tissue_samples)
        how = (negatives, is_boxed(case), tuple(int(n) for n in called), most)
        said = Judgement.of(samples, total, *how)
    judgement.put(said if located else Judgement(0, 0), pair)
    return pair


def _is_shown(case: Case, name: str) -> bool:
    """Whether a mask holds a class at all, which one of few samples has no sample of the maps."""
    return any(
        name in label.classes
        and {code for code, one in enumerate(label.classes, 1) if one == name}
        & all_codes(label.path)
        for label in case.labels
        if isinstance(label, MaskLabel) and label.kind == "classes"
    )


def is_boxed(case: Case) -> bool:
    """Whether boxes are among the labels: the place of a border is not known then."""
    return any(isinstance(label, BoxLabel) for label in case.labels)


def _is_located(case: Case) -> bool:
    return any(not isinstance(label, CaseLabel) for label in case.labels)


def _blocks(folder: Path, record: SlidePrediction, head: Head, case: Case) -> Iterator[Pair]:
    """The slide in squares, each a pair of its own; nothing where only bags are labelled."""
    if not _is_located(case):
        return
    name = next(iter(case.images))
    grid = _whole_samples(record)
    levels = np.array(head.thresholds, np.float32)[:, None, None] * 255
    codes = np.arange(1, len(head.classes) + 1)[:, None, None]
    corners = itertools.product(*(range(0, n, _BLOCK) for n in grid.shape))
    with record.heatmap(folder) as heatmap:
        for y, x in corners:
            size = (min(_BLOCK, grid.shape[0] - y), min(_BLOCK, grid.shape[1] - x))
            region = Region((y, x), size)
            heat = heatmap.read(region)
            said = annotate_region(case, name, grid, region, head.classes, "ellipse")
            yield Pair(
                case.patient,
                case.id,
                Segmentation(heat >= levels, None, heat),
                Segmentation(said.category == codes),
                known=None if said.known.all() else said.known,
            )


def _whole_samples(record: SlidePrediction) -> Geometry:
    """The grid of the maps, without a last sample that lies mostly beyond the slide."""
    shape = tuple(
        max(1, min(m, round(n / f)))
        for n, f, m in zip(record.shape, record.factor, record.map_shape, strict=True)
    )
    return replace(record.geometry, shape=shape)
