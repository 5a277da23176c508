"""A cohort at a glance: pictures with their labels drawn over them."""

from __future__ import annotations

import colorsys
import math
import warnings
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image as Pillow
from scipy import ndimage

from inklings.bags.label_words import word
from inklings.cohorts.bags import is_bag, spans
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.opening import open_case
from inklings.cohorts.rasterise import annotate
from inklings.cohorts.region import annotate_region
from inklings.errors import DataError
from inklings.files import written
from inklings.geometry import Geometry
from inklings.labels.kinds import CaseLabel, MaskLabel
from inklings.labels.marks import Annotation
from inklings.readers import open_image
from inklings.readers.bag_files import Span, head, is_bag_file
from inklings.readers.pyramid import Pyramid
from inklings.reports import strokes
from inklings.reports.bag_show import bag_picture, bag_words
from inklings.reports.three_planes import crossing, flat, three_planes

Picture = NDArray[np.uint8]
"""``(H, W, 3)``, red, green, blue, 0..255."""

CLASS_COLOURS: tuple[tuple[int, int, int], ...] = (
    (0, 158, 115), (230, 159, 0), (86, 180, 233), (204, 121, 167),
    (213, 94, 0), (240, 228, 66), (0, 114, 178),
)  # fmt: skip
"""Told apart also by colour-blind readers (Okabe and Ito, 2008)."""

_SIDE = 440
_WHOLE = 1600
_INK, _FAINT = "#222222", "#777777"


@dataclass(frozen=True)
class Panel:
    """One picture of a gallery and what stands above it."""

    picture: Picture | None
    title: str
    subtitle: str
    strokes: bool = False


def gallery(cohort: Cohort, cases: Sequence[Case]) -> Figure:
    """A figure of ``cases``, one panel each, labels outlined.

    Objects have a colour each where the cohort has one class, and the colour of their class
    where it has more; strokes have that of their class or of background. A case that cannot be
    read or drawn says so in its place.
    """
    panels = [panel(case, cohort.classes) for case in cases]
    columns = min(len(panels), max(1, math.ceil(math.sqrt(len(panels) * 1.3))))
    rows = math.ceil(len(panels) / columns)
    figure = Figure(figsize=(2.55 * columns + 0.2, 3.0 * rows + 0.7), dpi=160)
    FigureCanvasAgg(figure)
    height = figure.get_figheight()
    axes = figure.subplots(rows, columns, squeeze=False)
    figure.subplots_adjust(0.012, 0.3 / height, 0.988, 1 - 0.9 / height, 0.05, 0.19)
    for axis in axes.flat:
        axis.axis("off")
    for axis, one in zip(axes.flat, panels, strict=False):
        _draw(axis, one)
    names = f"{len(panels)} of {len(cohort)} cases"
    figure.text(0.015, 1 - 0.2 / height, cohort.name, size=13, weight="bold", color=_INK, va="top")
    figure.text(0.985, 1 - 0.22 / height, names, size=9, color=_FAINT, ha="right", va="top")
    if not all(map(is_bag, cases)):
        drawn = any(one.strokes for one in panels)
        strokes.legend(figure, cohort.classes, CLASS_COLOURS, 0.1 / height, drawn)
    return figure


def choose(cohort: Cohort, count: int, fact: str = "modality") -> list[Case]:
    """``count`` cases that show the variety: in turn from each value of a fact, evenly spread."""
    by_value: dict[str, list[Case]] = defaultdict(list)
    for case in cohort:
        by_value[case.facts.get(fact, "")].append(case)
    queues = [_spread(by_value[value]) for value in sorted(by_value)]
    chosen: list[Case] = []
    for turn in range(max(map(len, queues), default=0)):
        chosen += [queue[turn] for queue in queues if turn < len(queue)]
    places = {case.id: place for place, case in enumerate(cohort)}
    kept = chosen[:count]
    return sorted(kept, key=lambda case: (case.facts.get(fact, ""), places[case.id]))


def panel(case: Case, classes: Sequence[str]) -> Panel:
    """The first image of ``case`` with its labels."""
    title = _short(case.id)
    if is_bag(case):
        return _bag_panel(case, title)
    try:
        name = next(iter(case.images))
        with open_case(case, name) as image:
            whole, geometry = image.geometry.shape, image.geometry
            if isinstance(image, Pyramid):
                geometry = thumbnail_grid(image, 2 * _SIDE).geometry
                array = image.thumbnail(2 * _SIDE)
            else:
                array = image.read(geometry.full)
    except (DataError, StopIteration):
        return Panel(None, title, "cannot be read: inklings check")
    words = [" × ".join(map(str, whole))]
    words += [str(case.split)] if case.split else []
    words += [case.facts["modality"]] if "modality" in case.facts else []
    try:
        drawn = annotate if geometry.shape == whole else _annotate_all
        annotation = drawn(case, name, geometry, classes)
    except DataError:
        fits = any(not isinstance(label, CaseLabel) for label in case.labels)
        words.append("label does not fit" if fits else _bags(case))
        return Panel(_resized(_shown(array, geometry)), title, " · ".join(words))
    if annotation.separated:
        words.append(f"{len(np.unique(annotation.objects[annotation.objects > 0]))} objects")
    stroked = strokes.is_strokes(annotation)
    if not annotation.exhaustive and not stroked:
        words.append("positives only")
    elif any(isinstance(k, MaskLabel) and k.extent == "partial" for k in case.labels):
        share = float(annotation.known.mean())
        words.append(f"{share:.0%} annotated" if share > 0.1 else f"{share:.1%} annotated")
    if stroked:
        if array.ndim == 4:
            array, annotation = strokes.plane(array, annotation)
        large = strokes.painted(_resized(picture(array)), annotation, CLASS_COLOURS)
        return Panel(large, title, " · ".join(words), strokes=True)
    shown = _shown(array, geometry, annotation)
    if len(geometry.shape) == 3:
        annotation = flat(annotation, geometry, crossing(geometry, annotation))
    return Panel(overlay(shown, annotation, len(classes)), title, " · ".join(words))


def _bag_panel(case: Case, title: str) -> Panel:
    """Instances of a bag: pictures side by side, or their features, a row each."""
    try:
        sheet = bag_picture(spans(case))
        words = " · ".join(bag_words(case))
    except DataError:
        return Panel(None, title, "cannot be read: inklings check")
    return Panel(None if sheet is None else _resized(picture(sheet)), title, words)


def _shown(array: NDArray[Any], geometry: Geometry, said: Annotation | None = None) -> Picture:
    """As `picture`; of a volume three planes through what is annotated."""
    if len(geometry.shape) == 3:
        array = three_planes(array, geometry, crossing(geometry, said))
    return picture(array)


def thumbnail_grid(slide: Pyramid, most: int) -> Pyramid:
    """The view that `Pyramid.thumbnail` reads."""
    return slide.shrunk(max(1.0, max(slide.levels.shapes[0]) / most))


def _annotate_all(case: Case, image: str, geometry: Geometry, classes: Sequence[str]) -> Annotation:
    return annotate_region(case, image, geometry, geometry.full, classes)


def picture(array: NDArray[Any]) -> Picture:
    """``(C, *S)`` of any type to something to look at; the middle slice of a volume.

    Colour pictures of 8 bits stay as they are. Everything else is stretched from the 0.5th to
    the 99.8th percentile, and brightened by a square root where most of it is dark.
    """
    while array.ndim > 3:
        array = array[:, array.shape[1] // 2]
    colour = array.shape[0] == 3 and any((array[0] != channel).any() for channel in array[1:])
    if colour and array.dtype == np.uint8:
        return np.ascontiguousarray(np.moveaxis(array, 0, -1))
    grey = array[0].astype(np.float32) if not colour else array.astype(np.float32)
    low, high = np.percentile(grey, (0.5, 99.8))
    unit = np.clip((grey - low) / max(high - low, 1e-6), 0, 1)
    if np.median(unit) < 0.2:
        unit = np.sqrt(unit)
    stretched = np.rint(255 * unit).astype(np.uint8)
    return np.moveaxis(stretched, 0, -1) if colour else np.repeat(stretched[..., None], 3, 2)


def overlay(shown: Picture, annotation: Annotation, classes: int) -> Picture:
    """``shown`` with every object outlined and lightly tinted, at a size where lines are fine."""
    objects, category = annotation.objects, annotation.category
    while objects.ndim > 2:
        objects, category = (a[a.shape[0] // 2] for a in (objects, category))
    large = _resized(shown)
    stained = bool((large[..., 0] != large[..., 2]).any())
    colours = _object_colours(int(objects.max(initial=0)), stained)
    if classes > 1:
        code = np.zeros(len(colours), np.intp)
        code[objects[objects > 0]] = category[objects > 0] - 1
        colours = np.array(CLASS_COLOURS, np.uint8)[code % len(CLASS_COLOURS)]
    size = large.shape[1::-1]
    numbers = np.asarray(
        Pillow.fromarray(objects.astype(np.int32)).resize(size, Pillow.Resampling.NEAREST)
    )
    edge = ndimage.grey_dilation(numbers, 3) != ndimage.grey_erosion(numbers, 3)
    inside = numbers > 0
    tint = 0.06 if stained else 0.18
    out = large.astype(np.float32)
    out[inside] = (1 - tint) * out[inside] + tint * colours[numbers[inside]]
    line = edge & inside
    out[line] = colours[numbers[line]]
    return np.rint(out).astype(np.uint8)


def save(figure: Figure, path: Path) -> None:
    """Write a figure in the format of the suffix (PNG, SVG, PDF), atomically.

    Raises:
        DataError: If matplotlib does not know the suffix.
    """
    known = figure.canvas.get_supported_filetypes()
    if path.suffix.lstrip(".").lower() not in known:
        raise DataError(
            f"expected a picture to write, ending in .png, .svg or .pdf, got {path.name!r}"
        )
    with written(path) as temporary, warnings.catch_warnings():
        # Names of cases may be in an alphabet that the font lacks: boxes, and no line for each.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.savefig(temporary, facecolor="white")


def save_picture(source: Path, path: Path, series: str | None = None) -> None:
    """Draw one image, as `picture` shows it, into a figure of its own; of a volume three planes.

    Raises:
        DataError: If it cannot be read, or the suffix of ``path`` is unknown.
    """
    shown, size = _one(source, series)
    figure = Figure(figsize=(6, 0.6 + 5.8 * shown.shape[0] / shown.shape[1]), dpi=160)
    FigureCanvasAgg(figure)
    axis = figure.add_axes((0.02, 0.02, 0.96, 1 - 0.6 / figure.get_figheight()))
    axis.imshow(shown, interpolation="antialiased")
    axis.axis("off")
    axis.set_title(f"{_short(source.name)} · {size}", size=9, color=_INK, loc="left")
    save(figure, path)


def _one(source: Path, series: str | None) -> tuple[Picture, str]:
    """One file to look at, and its size in words."""
    if is_bag_file(source):
        count = head(source).count
        sheet = bag_picture([Span(source, 0, count)])
        if sheet is None:
            raise DataError(f"{source}: nothing to draw, it holds no instance")
        return _resized(picture(sheet)), f"{count} instances"
    with open_image(source, choice=series) as image:
        geometry = image.geometry
        size = " × ".join(map(str, geometry.shape))
        if isinstance(image, Pyramid):
            return picture(image.thumbnail(_WHOLE)), size
        return _shown(image.read(geometry.full), geometry), size


def _object_colours(count: int, stained: bool) -> NDArray[np.uint8]:
    """``(count + 1, 3)``: neighbours in number far apart in hue; not red to blue on a stain."""
    hues = (np.arange(count + 1) * 0.618034 + 0.33) % 1
    hues = 0.12 + 0.4 * hues if stained else hues
    colours = [colorsys.hsv_to_rgb(hue, 0.75, 1.0) for hue in hues]
    return np.array([[round(255 * part) for part in colour] for colour in colours], np.uint8)


def _resized(shown: Picture) -> Picture:
    """The longer side at `_SIDE`."""
    scale = _SIDE / max(shown.shape[:2])
    size = tuple(max(1, round(n * scale)) for n in shown.shape[1::-1])
    how = Pillow.Resampling.BOX if scale < 1 else Pillow.Resampling.BICUBIC
    return np.asarray(Pillow.fromarray(shown).resize((size[0], size[1]), how))


def _spread(cases: Sequence[Case]) -> list[Case]:
    """In an order of which every beginning is spread over the whole (van der Corput)."""
    bits = max(1, (len(cases) - 1).bit_length())
    order = (int(f"{index:0{bits}b}"[::-1], 2) for index in range(2**bits))
    return [cases[place] for place in order if place < len(cases)]


def _short(name: str) -> str:
    return name if len(name) <= 24 else f"{name[:14]}…{name[-8:]}"


def _bags(case: Case) -> str:
    words = [word(k) for k in case.labels if isinstance(k, CaseLabel)]
    return ", ".join(words) or "unlabelled"


def _draw(axis: Any, one: Panel) -> None:
    frame = np.full((_SIDE, _SIDE, 3), 244, np.uint8)
    if one.picture is not None:
        height, width = one.picture.shape[:2]
        top, left = (_SIDE - height) // 2, (_SIDE - width) // 2
        frame[top : top + height, left : left + width] = one.picture
    axis.imshow(frame, interpolation="antialiased")
    axis.text(0, 1.085, one.title, transform=axis.transAxes, size=7.5, color=_INK, va="bottom")
    axis.text(0, 1.015, one.subtitle, transform=axis.transAxes, size=6.3, color=_FAINT, va="bottom")
