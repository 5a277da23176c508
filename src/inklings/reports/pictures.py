"""Pictures with contours: the image as it is, the outlines as vectors that can be hidden."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image as Pillow
from scipy import ndimage
from skimage.measure import approximate_polygon, find_contours

WIDTH = 460
"""Largest side of an embedded picture in pixels."""


@dataclass(frozen=True)
class Plane:
    """One plane of an image and of the objects marked in it.

    Attributes:
        image: ``(H, W, 3)`` uint8.
        objects: Per layer, ``(H, W)`` numbers of objects, 0 is background.
    """

    image: NDArray[np.uint8]
    objects: Mapping[str, NDArray[Any]]


def plane(image: NDArray[Any], objects: Mapping[str, NDArray[Any]], by: str) -> Plane:
    """The plane to show: all of a picture; of a volume, where layer ``by`` is largest.

    Args:
        image: ``(C, *S)``, any type of number.
        objects: Per layer, ``(*S)`` numbers of objects.
        by: Name of a layer.
    """
    if image.ndim == 4:
        z = int((objects[by] > 0).sum(axis=(1, 2)).argmax())
        image, objects = image[:, z], {name: layer[z] for name, layer in objects.items()}
    return Plane(displayed(image), objects)


def displayed(image: NDArray[Any]) -> NDArray[np.uint8]:
    """``(C, H, W)`` to RGB ``(H, W, 3)``; dark images and other ranges than 8 bit are stretched."""
    rgb = image[:3] if image.shape[0] >= 3 else np.repeat(image[:1], 3, axis=0)
    low, high = np.percentile(rgb, [0.2, 99.8])
    if rgb.dtype == np.uint8 and (high > 190 or high <= low):
        return np.ascontiguousarray(np.moveaxis(rgb, 0, -1))
    scaled = (rgb.astype(np.float32) - low) * (255 / max(high - low, 1e-6))
    return np.ascontiguousarray(np.moveaxis(np.clip(scaled, 0, 255), 0, -1).astype(np.uint8))


def overlay(shown: Plane, title: str) -> Markup:
    """An SVG element: the picture, and a path of class ``contour <layer>`` for each layer."""
    height, width = shown.image.shape[:2]
    stroke = max(height, width) / 210
    paths = "".join(
        f'<path class="contour {name}" d="{outlines(layer, stroke / 4)}"/>'
        for name, layer in shown.objects.items()
    )
    return Markup(
        '<svg class="picture" role="img" aria-label="{title}" viewBox="0 0 {w} {h}" '
        'style="--stroke:{stroke:.2f}px"><image width="{w}" height="{h}" href="{href}"/>'
        "{paths}</svg>"
    ).format(
        title=title,
        w=width,
        h=height,
        stroke=stroke,
        href=embed(shown.image),
        paths=Markup(paths),
    )


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
