"""Pictures with contours: the image as it is, the outlines as vectors that can be hidden."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image as Pillow
from scipy import ndimage
from skimage.measure import approximate_polygon, find_contours

from inklings.geometry import Geometry
from inklings.orientation import opposite, orientation

WIDTH = 460
"""Largest side of an embedded picture in pixels."""


@dataclass(frozen=True)
class Slice:
    """Where a plane lies in its volume.

    Attributes:
        number: From 1.
        count: Of the volume.
        sides: Letters of the patient's sides at the left, right, top and bottom; empty where the
            file does not say how the volume lies.
        mm: Between its rows and between its columns; None where the file does not say.
    """

    number: int
    count: int
    sides: str = ""
    mm: tuple[float, float] | None = None

    @classmethod
    def of(cls, geometry: Geometry, z: int) -> Slice:
        """Plane ``z`` along the first axis."""
        code = orientation(geometry)
        sides = f"{opposite(code[0])}{code[0]}{opposite(code[1])}{code[1]}" if code else ""
        mm = geometry.spacing
        return cls(z + 1, geometry.shape[0], sides, (mm[1], mm[2]) if mm else None)


@dataclass(frozen=True)
class Plane:
    """One plane of an image and of the objects marked in it.

    Attributes:
        image: ``(H, W, 3)`` uint8.
        objects: Per layer, ``(H, W)`` numbers of objects, 0 is background.
        slice: Of a volume: which one.
    """

    image: NDArray[np.uint8]
    objects: Mapping[str, NDArray[Any]]
    slice: Slice | None = None


def plane(
    image: NDArray[Any], objects: Mapping[str, NDArray[Any]], by: str, geometry: Geometry
) -> Plane:
    """The plane to show: all of a picture; of a volume, where layer ``by`` is largest.

    Args:
        image: ``(C, *S)``, any type of number.
        objects: Per layer, ``(*S)`` numbers of objects.
        by: Name of a layer.
        geometry: Of the image.
    """
    if image.ndim == 3:
        return Plane(displayed(image), objects)
    z = int((objects[by] > 0).sum(axis=(1, 2)).argmax())
    layers = {name: layer[z] for name, layer in objects.items()}
    return Plane(displayed(image[:, z]), layers, Slice.of(geometry, z))


def displayed(image: NDArray[Any]) -> NDArray[np.uint8]:
    """``(C, H, W)`` to RGB ``(H, W, 3)``; dark images and other ranges than 8 bit are stretched."""
    rgb = image[:3] if image.shape[0] >= 3 else np.repeat(image[:1], 3, axis=0)
    low, high = np.percentile(rgb, [0.2, 99.8])
    if rgb.dtype == np.uint8 and (high > 190 or high <= low):
        return np.ascontiguousarray(np.moveaxis(rgb, 0, -1))
    scaled = (rgb.astype(np.float32) - low) * (255 / max(high - low, 1e-6))
    return np.ascontiguousarray(np.moveaxis(np.clip(scaled, 0, 255), 0, -1).astype(np.uint8))


def overlay(shown: Plane, title: str) -> Markup:
    """An SVG element: the picture, and a path of class ``contour <layer>`` for each layer.

    A plane of a volume has the proportions of the patient, its number, letters of its sides and
    a bar of round length; what the file does not say is said to be unknown.
    """
    height, width = shown.image.shape[:2]
    mm = shown.slice.mm if shown.slice else None
    tall = height * mm[0] / mm[1] if mm else float(height)
    stroke = max(tall, width) / 210
    paths = "".join(
        f'<path class="contour {name}" d="{outlines(layer, stroke / 4)}"/>'
        for name, layer in shown.objects.items()
    )
    return Markup(
        '<svg class="picture" role="img" aria-label="{title}" viewBox="0 0 {w} {tall:g}" '
        'style="--stroke:{stroke:.2f}px"><g transform="scale(1 {ratio:g})">'
        '<image width="{w}" height="{h}" preserveAspectRatio="none" href="{href}"/>'
        "{paths}</g>{marks}</svg>"
    ).format(
        title=title,
        w=width,
        h=height,
        tall=tall,
        ratio=tall / height,
        stroke=stroke,
        href=embed(shown.image),
        paths=Markup(paths),
        marks=Markup("".join(_marks(shown.slice, width, tall)) if shown.slice else ""),
    )


def _marks(where: Slice, width: float, tall: float) -> Iterator[str]:
    """Number, sides and scale of a plane, as SVG elements."""
    size = max(tall, width) / 22
    foot = tall - size / 2

    def text(x: float, y: float, said: str, anchor: str) -> str:
        look = f'class="mark" font-size="{size:.2f}" text-anchor="{anchor}"'
        return f'<text {look} x="{x:.2f}" y="{y:.2f}">{said}</text>'

    yield text(size / 3, foot, f"{where.number}/{where.count}", "start")
    if where.sides:
        left, right, top, bottom = tuple(where.sides)
        yield text(size / 3, tall / 2, left, "start")
        yield text(width - size / 3, tall / 2, right, "end")
        yield text(width / 2, size, top, "middle")
        yield text(width / 2, foot, bottom, "middle")
    else:
        yield text(size / 3, size, "sides unknown", "start")
    if where.mm is None:
        yield text(width - size / 3, foot, "no scale", "end")
        return
    wide = width * where.mm[1] / 3
    power = 10.0 ** math.floor(math.log10(wide))
    length = max(k * power for k in (1, 2, 5) if k * power <= wide)
    end = width - size / 3
    ends = f'x1="{end - length / where.mm[1]:.2f}" x2="{end:.2f}" y1="{foot:.2f}" y2="{foot:.2f}"'
    for colour, thick in (("#000", 3), ("#fff", 5)):
        yield f'<line {ends} stroke="{colour}" stroke-width="{size / thick:.2f}"/>'
    yield text(end, foot - size / 3, f"{length:g} mm", "end")


def embed(image: NDArray[np.uint8]) -> str:
    """The picture as a data address, made smaller where it is larger than the page shows."""
    picture = Pillow.fromarray(image)
    scale = 2 * WIDTH / max(picture.size)
    if scale < 1:
        size = (round(picture.width * scale), round(picture.height * scale))
        picture = picture.resize(size, Pillow.Resampling.LANCZOS)
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=86)
    return "data:image/jpeg;base64," + base64.b64encode(data.getvalue()).decode()


def outlines(objects: NDArray[Any], tolerance: float) -> str:
    """Closed outlines of all objects as SVG path data, in pixels of the image.

    Args:
        objects: ``(H, W)`` numbers, 0 is background; touching objects get an outline each.
        tolerance: How far a simplified outline may leave the exact one, in samples.
    """
    _, dense = np.unique(objects, return_inverse=True)
    numbered = dense.reshape(objects.shape) + (0 if (objects == 0).any() else 1)
    parts = []
    for number, box in enumerate(ndimage.find_objects(numbered), 1):
        if box is None:
            continue
        mask = np.pad(numbered[box] == number, 1)
        offset = np.array([box[0].start, box[1].start]) - 0.5
        for contour in find_contours(mask.astype(np.float32), 0.5):  # type: ignore[no-untyped-call]
            points = approximate_polygon(contour, tolerance)  # type: ignore[no-untyped-call]
            points = points + offset
            parts.append("M" + " ".join(f"{x:.1f},{y:.1f}" for y, x in points[:-1]) + "Z")
    return "".join(parts)
