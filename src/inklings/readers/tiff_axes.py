"""The scenes of a TIFF: which pages are planes, which are levels of them, which neither.

OME, ImageJ and Zeiss describe what their pages are. Elsewhere pages of one size are a stack, and
coarser pages of the same proportions are levels of the first, if they are tiled as it is or said
to be reduced.
"""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass
from typing import Any

import tifffile

from inklings.readers.tiff_file import Level, level_of, require_ends, smaller

_DESCRIBED = ("ome", "imagej", "lsm", "qpi", "stk", "fluoview", "mmstack", "ndtiff", "scanimage")
_ASSOCIATED = re.compile(r"\b(label|macro|thumbnail|overview)\b", re.IGNORECASE)
_REDUCED, _TRANSPARENCY = 1, 4


@dataclass(frozen=True)
class Scene:
    """One picture, or one stack of planes, and its levels.

    Attributes:
        name: As the file has it; may be empty.
        number: Of its description in the file.
        axes: Letters of the axes over the planes, in the order of storage.
        sizes: Planes along each.
        levels: The finest first; each has as many planes.
    """

    name: str
    number: int
    axes: str
    sizes: tuple[int, ...]
    levels: tuple[Level, ...]


@dataclass(frozen=True)
class AxesLayout:
    """All scenes of a file.

    Attributes:
        further: Sizes of pages that were taken as label, macro or thumbnail and are not read;
            none where the file says itself that they are.
    """

    scenes: tuple[Scene, ...]
    further: tuple[str, ...] = ()


def layout_of(file: tifffile.TiffFile) -> AxesLayout:
    """What a file holds.

    Raises:
        ValueError: If its pages do not fit what it says of them.
    """
    require_ends(file)
    series = list(file.series)
    if not series:
        raise ValueError("no picture in it")
    _require_all_pages(file, str(series[0].kind))
    if series[0].kind in _DESCRIBED:
        chosen = [
            (k, one)
            for k, one in enumerate(series)
            if k == 0 or not _ASSOCIATED.search(one.name or "")
        ]
        return AxesLayout(tuple(_scene(k, one) for k, one in chosen))
    first = _scene(0, series[0])
    if first.sizes:
        others = [one for one in series[1:] if not _is_reduced(one.keyframe)]
        return AxesLayout((first, *(_scene(k, one) for k, one in enumerate(others, 1))))
    return _paged(file, first)


def _require_all_pages(file: tifffile.TiffFile, kind: str) -> None:
    """Check that the list of pages ends where the file says; tifffile takes those that it finds.

    Raises:
        ValueError: If pages are missing.
    """
    found, handle, form = len(file.pages), file.filehandle, file.tiff
    handle.seek(file.pages.next_page_offset or 0)
    said = handle.read(form.offsetsize)
    if len(said) < form.offsetsize or struct.unpack(form.offsetformat, said)[0]:
        raise ValueError(
            f"truncated or damaged: the list of pages breaks off after {found}; copy it again "
            "from its source"
        )
    told = file.imagej_metadata or {}
    planes = math.prod(int(told.get(key, 1)) for key in ("frames", "slices"))
    if kind != "imagej" and planes > found:
        raise ValueError(
            f"truncated or damaged: {planes} planes by its description, {found} in the file; copy "
            "it again from its source"
        )


def _paged(file: tifffile.TiffFile, first: Scene) -> AxesLayout:
    """A picture, and pages that may be its levels."""
    top: Any = file.pages[0]
    found, others = [level_of((top,), _sides(top))], []
    for page in [*list(file.pages)[1:], *(top.pages or ())]:
        page = page.aspage()
        alike = page.samplesperpixel == top.samplesperpixel and page.dtype == top.dtype
        shape = _sides(page)
        cut = page.is_tiled == top.is_tiled and (top.is_tiled or _is_reduced(page))
        if alike and cut and smaller(shape, found[-1].shape, found[0].shape):
            found.append(level_of((page,), shape))
        elif not _is_reduced(page):
            others.append(page)
    scene = Scene(first.name, 0, "", (), tuple(found))
    if file.is_svs or not others:
        return AxesLayout((scene,))
    if len(found) > 1 and all(math.prod(_sides(p)) < math.prod(found[0].shape) for p in others):
        return AxesLayout((scene,), tuple("{} x {}".format(*_sides(page)) for page in others))
    rest = (
        Scene("", k, "", (), (level_of((page,), _sides(page)),)) for k, page in enumerate(others, 1)
    )
    return AxesLayout((scene, *rest))


def _is_reduced(page: Any) -> bool:
    return bool(int(page.subfiletype or 0) & (_REDUCED | _TRANSPARENCY))


def _sides(page: Any) -> tuple[int, int]:
    return int(page.imagelength), int(page.imagewidth)


def _scene(number: int, series: Any) -> Scene:
    axes, shape = str(series.axes), tuple(int(n) for n in series.shape)
    inner = next((end for end in ("YXS", "SYX", "YX") if axes.endswith(end)), "")
    outer = axes.removesuffix(inner)
    if not inner or set(outer) & set("YXS"):
        raise ValueError(
            f"expected planes of rows and columns, got axes {axes}; save it with Y and X last"
        )
    sizes = shape[: len(outer)]
    kept = [k for k, size in enumerate(sizes) if size > 1]
    levels = tuple(_level(series, level, math.prod(sizes)) for level in series.levels)
    return Scene(
        str(series.name or ""),
        number,
        "".join(outer[k] for k in kept),
        tuple(sizes[k] for k in kept),
        levels,
    )


def _level(series: Any, level: Any, planes: int) -> Level:
    pages = tuple(level.pages)
    if any(page is None for page in pages):
        raise ValueError("planes that its description names are not in the file; export it again")
    key = pages[0].keyframe
    if any(page.parent is not series.keyframe.parent for page in pages) or (
        pages[0].parent.filehandle.name != series.parent.filehandle.name
    ):
        raise ValueError("its planes lie in several files; export it as one")
    if len(pages) == 1 < planes and level.dataoffset is not None:
        return level_of(pages, _sides(key), planes, int(level.dataoffset))
    if len(pages) != planes:
        raise ValueError(f"expected {planes} planes of its axes, got {len(pages)} pages")
    return level_of(pages, _sides(key))
