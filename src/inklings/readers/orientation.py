"""Pictures that are stored lying or mirrored: the orientation of EXIF and of TIFF, 1 to 8.

Cameras and scanners store rows as their sensor delivers them and say in a tag how the picture is
to be held. What is read here is always upright, images and masks alike.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.readers.notes import Note
from inklings.readers.resample import Whole

TAG = 274
_CHANGES = {
    1: (False, False, False),
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}
"""Rows and columns exchanged, then rows reversed, then columns reversed."""

_WORDS = {
    2: "mirrored left to right", 3: "upside down", 4: "mirrored top to bottom",
    5: "with rows and columns exchanged", 6: "turned by a quarter to the left",
    7: "with rows and columns exchanged and upside down", 8: "turned by a quarter to the right",
}  # fmt: skip


def known(value: Any) -> int:
    """A tag's value as one of 1 to 8; anything else says nothing, which is 1."""
    try:
        return int(value) if int(value) in _CHANGES else 1
    except (TypeError, ValueError):
        return 1


def upright(array: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Stored samples ``(h, w, ...)`` as they are to be seen."""
    exchanged, rows, columns = _CHANGES[orientation]
    array = array.swapaxes(0, 1) if exchanged else array
    return array[:: -1 if rows else 1, :: -1 if columns else 1]


def upright_pair(pair: tuple[Any, Any], orientation: int) -> tuple[Any, Any]:
    """Two numbers of the stored rows and columns, as the upright picture has them."""
    return (pair[1], pair[0]) if _CHANGES[orientation][0] else pair


def stored_box(start: Whole, size: Whole, shape: Whole, orientation: int) -> tuple[Whole, Whole]:
    """Where a box of the upright picture of ``shape`` lies in the stored one: start and size."""
    _, rows, columns = _CHANGES[orientation]
    y = shape[0] - start[0] - size[0] if rows else start[0]
    x = shape[1] - start[1] - size[1] if columns else start[1]
    return upright_pair((y, x), orientation), upright_pair(size, orientation)


def orientation_note(orientation: int) -> tuple[Note, ...]:
    """What was done, where something was."""
    if orientation == 1:
        return ()
    said = f"orientation {orientation}: stored {_WORDS[orientation]}, read upright"
    return (Note("orientation", said),)


def turned(array: NDArray[Any], orientation: int) -> NDArray[Any]:
    """As `upright`, in memory of its own."""
    return array if orientation == 1 else np.ascontiguousarray(upright(array, orientation))
