"""Truth, prediction and image side by side: one picture a plane, and one sheet a case.

The three panels follow the pictures that liver segmentation is usually shown with: on the left
what the annotators drew, in the middle what was predicted, on the right the image as it is. Names
of patients are nowhere: titles are ids of cases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont
from scipy import ndimage

from inklings.cohorts.case import Case
from inklings.cohorts.opening import labelled_image, stated_spacing
from inklings.cohorts.rasterise import annotate
from inklings.errors import DataError, GeometryError
from inklings.evaluation.truth import truth
from inklings.exports.source import Exporter, ExportSource
from inklings.files import written
from inklings.geometry import Geometry
from inklings.predictions.dense import DensePrediction
from inklings.progress import note
from inklings.readers import open_image

_SIDE = 240
_GAP, _BAR = 6, 20
_SHEET = 9
_TINT = 0.35
_WINDOW_HU = (-160.0, 240.0)  # soft tissue
_COLOURS = ((0, 158, 115), (230, 159, 0), (86, 180, 233), (204, 121, 167), (213, 94, 0))
Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Shown:
    """One case, ready to be drawn.

    Attributes:
        case: Its id.
        grey: ``(Z, Y, X, 3)``.
        truth: ``(K, Z, Y, X)``; None where nobody drew anything.
        predicted: The same of the model.
        spacing: Millimetres of rows and columns, or 1 and 1.
    """

    case: str
    grey: Picture
    truth: NDArray[np.bool_] | None
    predicted: NDArray[np.bool_]
    spacing: tuple[float, float]

    def planes(self) -> list[int]:
        """Those on which there is something to see; the middle one where there is nothing."""
        masks = [self.predicted] if self.truth is None else [self.predicted, self.truth]
        seen = np.flatnonzero(np.concatenate(masks).any((0, 2, 3)))
        return seen.tolist() or [len(self.grey) // 2]


class Montage(Exporter):
    """``panels/<case>/<plane>.png`` for each plane with a mask, and ``<case>.png`` with nine.

    Truth is drawn where a cohort is given that has some, also that behind weakened labels.
    """

    def __call__(self, source: ExportSource, out: Path) -> Path:
        """Write all pictures into ``out``."""
        known = {case.id: case for case in truth(source.cohort)} if source.cohort else {}
        if not known:
            note("no --cohort was given, so there is no reference to draw on the left")
        for prediction in source:
            shown = look(source, prediction, known.get(prediction.case))
            rows = {plane: panels(shown, plane) for plane in shown.planes()}
            for plane, picture in rows.items():
                save(out / "panels" / shown.case / f"{plane:04d}.png", picture)
            save(out / f"{shown.case}.png", sheet(shown, rows, source.head.classes))
        return out


def look(source: ExportSource, prediction: DensePrediction, case: Case | None) -> Shown:
    """Read the image and the truth of one case.

    Raises:
        DataError: If the image is gone, or has another grid by now.
    """
    glance = source.glance(prediction.case)
    path = glance.image
    if not path.exists():
        raise DataError(
            f"case {prediction.case}: expected its image at {path}, got no such file; give its "
            "new location with --cohort"
        )
    opened = open_image(path, stated_spacing(case) if case else None, glance.series)
    with opened as image:
        geometry, channels = image.geometry, image.channels
        if geometry.shape != prediction.dense.shape[1:]:
            raise GeometryError(
                f"case {prediction.case}: predicted on a grid of {prediction.dense.shape[1:]}, but "
                f"{path} has {geometry.shape}; predict it again"
            )
        samples = image.read(geometry.full)
    classes = source.head.classes
    masks = np.stack([prediction.mask(source.head, k) for k in range(len(classes))])
    flat = len(geometry.shape) == 2
    said = _truth(case, geometry, classes)
    spacing = geometry.spacing[-2:] if geometry.spacing else (1.0, 1.0)
    return Shown(
        prediction.case,
        grey(samples[:, None] if flat else samples, channels),
        said[:, None] if said is not None and flat else said,
        masks[:, None] if flat else masks,
        (spacing[0], spacing[1]),
    )


def _truth(
    case: Case | None, geometry: Geometry, classes: Sequence[str]
) -> NDArray[np.bool_] | None:
    if case is None or not case.labels:
        return None
    said = annotate(case, labelled_image(case), geometry, classes)
    numbers = np.arange(1, len(classes) + 1).reshape(-1, *(1,) * said.category.ndim)
    masks: NDArray[np.bool_] = said.category == numbers
    return masks


def grey(samples: NDArray[Any], channels: Sequence[str]) -> Picture:
    """``(C, Z, Y, X)`` to ``(Z, Y, X, 3)``: CT in a window for soft tissue, all else stretched."""
    if len(samples) == 3 and samples.dtype == np.uint8:
        return np.ascontiguousarray(np.moveaxis(samples, 0, -1))
    one = samples[0]
    low, high = _WINDOW_HU
    if channels[0] != "HU":
        low, high = np.percentile(one, (0.5, 99.5))
    scaled = np.clip((one.astype(np.float32) - low) * (255 / max(high - low, 1e-6)), 0, 255)
    return np.repeat(scaled.astype(np.uint8)[..., None], 3, -1)


def panels(shown: Shown, plane: int) -> Picture:
    """Truth, prediction and image of one plane, ``(H, W, 3)``, in samples that are square."""
    parts = []
    for masks in (shown.truth, shown.predicted, None):
        picture = shown.grey[plane].copy()
        if masks is not None:
            _draw(picture, masks[:, plane])
        parts.append(_square(picture, shown.spacing))
    if shown.truth is None:
        parts = parts[1:]
    gap = np.full((parts[0].shape[0], _GAP, 3), 255, np.uint8)
    return np.concatenate([x for part in parts for x in (part, gap)][:-1], 1)


def sheet(shown: Shown, rows: dict[int, Picture], classes: Sequence[str]) -> Picture:
    """Up to nine planes, evenly spread over those with a mask, with their Dice."""
    places = sorted(rows)
    chosen = [places[k] for k in np.unique(np.linspace(0, len(places) - 1, _SHEET).astype(int))]
    columns = min(3, len(chosen))
    height, width = rows[chosen[0]].shape[:2]
    lines = -(-len(chosen) // columns)
    high = _BAR + lines * (height + _BAR + _GAP)
    canvas = Pillow.new("RGB", (columns * (width + 2 * _GAP), high + _BAR), "white")
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(12)
    left = "truth | prediction | image" if shown.truth is not None else "prediction | image"
    pen.text((_GAP, 3), f"{shown.case}: {left}{_dice(shown.truth, shown.predicted)}", "black", font)
    for k, plane in enumerate(chosen):
        x = (k % columns) * (width + 2 * _GAP)
        y = _BAR + (k // columns) * (height + _BAR + _GAP)
        of_plane = None if shown.truth is None else shown.truth[:, plane]
        score = _dice(of_plane, shown.predicted[:, plane])
        pen.text((x + _GAP, y + 3), f"plane {plane}{score}", "black", font)
        canvas.paste(Pillow.fromarray(rows[plane]), (x, y + _BAR))
    x = _GAP
    for k, name in enumerate(classes):
        pen.rectangle((x, high + 5, x + 10, high + 15), fill=_COLOURS[k % len(_COLOURS)])
        pen.text((x + 15, high + 2), name, "black", font)
        x += 30 + int(font.getlength(name))
    return np.asarray(canvas)


def _dice(one: NDArray[np.bool_] | None, other: NDArray[np.bool_]) -> str:
    """In words; of all classes together, nothing where nobody drew anything."""
    if one is None or not (one.any() or other.any()):
        return ""
    both = np.count_nonzero(one & other)
    what = "Dice" if len(one) == 1 else "Dice of all together"
    return f", {what} {2 * both / (np.count_nonzero(one) + np.count_nonzero(other)):.3f}"


def _draw(picture: Picture, masks: NDArray[np.bool_]) -> None:
    """Tint each class and outline it, in place."""
    for k, mask in enumerate(masks):
        colour = np.array(_COLOURS[k % len(_COLOURS)], np.float32)
        picture[mask] = ((1 - _TINT) * picture[mask] + _TINT * colour).astype(np.uint8)
        picture[mask & ~ndimage.binary_erosion(mask, border_value=1)] = colour.astype(np.uint8)


def _square(picture: Picture, spacing: tuple[float, float]) -> Picture:
    """Samples of equal height and width, the longer side of the picture at `_SIDE`."""
    high, wide = (n * mm for n, mm in zip(picture.shape, spacing, strict=False))
    scale = _SIDE / max(high, wide)
    size = (max(1, round(wide * scale)), max(1, round(high * scale)))
    return np.asarray(Pillow.fromarray(picture).resize(size, Pillow.Resampling.BICUBIC))


def save(path: Path, picture: Picture) -> None:
    """Write a PNG, atomically."""
    with written(path, durable=False) as temporary:
        Pillow.fromarray(picture).save(temporary, format="PNG")
