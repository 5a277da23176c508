"""The slide as a small picture, with what was predicted laid over it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from inklings.predictions.heatmaps.colours import Colour

_OPACITY = 0.55
_BORDER = 0.9


def laid_over(
    thumbnail: NDArray[np.uint8], codes: NDArray[np.uint8], colours: Sequence[Colour]
) -> NDArray[np.uint8]:
    """Classes in their colours over a slide, denser along their borders.

    Args:
        thumbnail: ``(h, w, 3)``.
        codes: Map of classes of the same extent, of any size: index plus one, 0 for none.
        colours: One a class.
    """
    height, width = thumbnail.shape[:2]
    near = Pillow.fromarray(codes).resize((width, height), Pillow.Resampling.NEAREST)
    code = np.asarray(near)
    table: NDArray[np.float32] = np.array([(0, 0, 0), *colours], np.float32)
    inner = np.ones_like(code, np.bool_)
    inner[1:] &= code[1:] == code[:-1]
    inner[:-1] &= code[1:] == code[:-1]
    inner[:, 1:] &= code[:, 1:] == code[:, :-1]
    inner[:, :-1] &= code[:, 1:] == code[:, :-1]
    alpha = np.where(code == 0, 0, np.where(inner, _OPACITY, _BORDER)).astype(np.float32)[..., None]
    mixed: NDArray[np.float32] = thumbnail * (1 - alpha) + table[code] * alpha
    return np.rint(mixed).astype(np.uint8)


def colour_picture(thumbnail: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """``(C, h, w)`` to ``(h, w, 3)``; one channel is shown in grey."""
    planes = thumbnail[:3] if len(thumbnail) >= 3 else np.repeat(thumbnail[:1], 3, axis=0)
    return np.ascontiguousarray(np.moveaxis(planes, 0, -1))
