"""Masks, objects and overlays as pictures."""

from __future__ import annotations

import colorsys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from skimage.segmentation import find_boundaries

from inklings.errors import DataError
from inklings.exports.source import Exporter, ExportSource
from inklings.files import written
from inklings.progress import note

_HUES = 8
_LAST_HUE = 0.55  # red to cyan: blue and violet vanish on black and on stained tissue


class Png(Exporter):
    """One folder of PNG a kind, one file a case.

    ``masks/<class>``: 0 and 255. ``instances``: 16 bit, the number of the object, 0 is
    background. ``overlays``: the image with the contour of each object of the first class;
    neighbours differ in colour.
    """

    def __call__(self, source: ExportSource, out: Path) -> Path:
        """Write all three into ``out``."""
        missing = 0
        for prediction in source:
            name = f"{prediction.case}.png"
            objects = source.objects(prediction)
            for channel, cls in enumerate(source.head.classes):
                mask = prediction.mask(source.head, channel)
                _write(out / "masks" / cls / name, mask.astype(np.uint8) * 255)
            _write(out / "instances" / name, _sixteen_bit(objects, prediction.case))
            picture = source.picture(prediction)
            if picture is not None and picture.shape[:2] == objects.shape:
                _write(out / "overlays" / name, overlay(picture, objects))
            else:
                missing += 1
        if missing:
            note(f"{missing} overlays left out: the images have moved; give --cohort")
        return out


def overlay(picture: NDArray[np.uint8], objects: NDArray[Any]) -> NDArray[np.uint8]:
    """``picture`` ``(H, W, 3)`` with the inner contour of each of ``objects`` ``(H, W)``."""
    edges = find_boundaries(objects, mode="inner")  # type: ignore[no-untyped-call]
    result = picture.copy()
    result[edges] = _palette()[objects[edges] % _HUES]
    return result


def _sixteen_bit(objects: NDArray[Any], case: str) -> NDArray[np.uint16]:
    if objects.max(initial=0) >= 2**16:
        raise DataError(
            f"case {case}: expected at most 65535 objects, got {objects.max()}; export to npz"
        )
    return objects.astype(np.uint16)


def _palette() -> NDArray[np.uint8]:
    """Bright colours, ``(8, 3)``, of which consecutive ones are far apart."""
    golden = (5**0.5 - 1) / 2
    colours = [colorsys.hsv_to_rgb(i * golden % 1 * _LAST_HUE, 0.9, 1.0) for i in range(_HUES)]
    return (np.array(colours) * 255).astype(np.uint8)


def _write(path: Path, array: NDArray[Any]) -> None:
    with written(path) as temporary:
        Pillow.fromarray(array).save(temporary)
