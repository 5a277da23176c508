"""All pages of a TIFF as they are stored: what masks are made of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.errors import ReaderError
from inklings.readers.orientation import TAG, known, turned
from inklings.readers.raster import Raster
from inklings.readers.tiff_axes import Scene
from inklings.readers.tiff_colours import LOSSY, alpha_of, palette_of
from inklings.readers.tiff_file import gathered
from inklings.readers.tiff_levels import DECODE_ERRORS, FILES, File, one_line

_AT_MOST = 2**31
_LOSSLESS_WHERE_ASKED = (34712, 33003, 33005, 50001)


def stored_pages(path: Path) -> Raster:
    """The planes of a file, or of all its scenes where they have one size, in order.

    Raises:
        ReaderError: If it does not decode, or its scenes differ in size.
    """
    try:
        stat = path.stat()
        key = (str(path.absolute()), stat.st_mtime_ns, stat.st_size)
        with FILES.lease(key) as file:
            return _stored(path, key, file)
    except DECODE_ERRORS as error:
        raise ReaderError(f"{path}: cannot decode this TIFF ({one_line(error)})") from None


def _stored(path: Path, key: Any, file: File) -> Raster:
    scenes = file.layout.scenes
    first = scenes[0].levels[0]
    page = first.pages[0].keyframe
    if any(_form(scene) != _form(scenes[0]) for scene in scenes):
        sizes = sorted({scene.levels[0].shape for scene in scenes})
        raise ReaderError(f"{path}: expected masks of one size and type, got pages of {sizes}")
    pages = [
        gathered(scene.levels[0], key, (number, 0), (plane,), (0, 0), first.shape)
        for number, scene in enumerate(scenes)
        for plane in range(int(np.prod(scene.sizes, dtype=int)))
    ]
    if sum(one.nbytes for one in pages) > _AT_MOST:
        raise ReaderError(f"{path}: too large for a mask that is read at once")
    orientation = known(page.tags.valueof(TAG, default=1))
    numbers = np.stack([turned(one, orientation) for one in pages])
    found = Raster(numbers, None, None, _compression(page), orientation)
    if alpha_of(page) and len(numbers) == 1:
        found = replace(found, numbers=numbers[..., :-1], alpha=numbers[0, ..., -1])
    if int(page.photometric) == 3:
        found = replace(found, table=_table(page))
    return found


def _form(scene: Scene) -> tuple[Any, ...]:
    level = scene.levels[0]
    return level.shape, level.samples, level.pages[0].keyframe.dtype


def _compression(page: Any) -> str:
    kind = int(page.compression)
    if kind not in LOSSY or kind in _LOSSLESS_WHERE_ASKED:
        return ""
    return "JPEG in a TIFF"


def _table(page: Any) -> NDArray[np.uint8] | None:
    colours = palette_of(page)
    table = np.array(colours.table, np.int64)
    return (table >> 8 if colours.deep else table).astype(np.uint8)
