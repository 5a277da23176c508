"""TIFF: pictures, stacks and slides of any kind, decoded tile by tile or strip by strip.

One decoder (tifffile, with imagecodecs behind it) for all of them, so that a picture is the same
however it was cut and compressed. Tiles are read with the exact pixels of their level and kept for
a while, so that overlapping regions decode each once. Formats whose tiles overlap, or that need
more than one file, are left to `inklings.readers.openslide`.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from inklings.errors import ReaderError
from inklings.geometry import Geometry
from inklings.readers.axes import Planes, channels_kept, planned, unnamed
from inklings.readers.choice import ANY, Choice, one_scene
from inklings.readers.notes import Note
from inklings.readers.orientation import TAG, known, orientation_note, upright_pair
from inklings.readers.picture import PictureImage
from inklings.readers.pyramid import Pyramid
from inklings.readers.resolution import Resolution, judged
from inklings.readers.tiff_axes import Scene
from inklings.readers.tiff_colours import LOSSY, RGB, Colours, colours_of
from inklings.readers.tiff_levels import (
    DECODE_ERRORS,
    FILES,
    File,
    TiffLevels,
    one_line,
    upright_shapes,
)
from inklings.readers.tiff_tags import (
    channel_names,
    claims,
    distinct,
    is_damaged,
    planes_apart_um,
)
from inklings.readers.volume import Volume

MAGIC = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_FOR_OPENSLIDE = ("ndpi", "scn", "bif")
_APERIO_YCBCR = 33003
_WHOLE_PICTURE = 256 * 2**20
"""Bytes up to which a picture that is not tiled is decoded at once."""


class TiffReader:
    """Every TIFF but those that only OpenSlide can put together."""

    def recognises(self, path: Path, head: bytes) -> bool:
        """By the magic number, unless it is a format of OpenSlide's own."""
        if not head.startswith(MAGIC):
            return False
        try:
            with tifffile.TiffFile(path) as file:
                return not _is_for_openslide(file)
        except DECODE_ERRORS:
            return True  # `open` says what is wrong

    def open(self, path: Path, choice: Choice = ANY) -> Pyramid | PictureImage | Volume:
        """Read the directory of the pages.

        Raises:
            ReaderError: If it is truncated, its pixels are stored in a way nobody here knows, or
                it holds several pictures and ``choice`` does not say which.
            SpecError: If ``choice`` names what is not there.
        """
        stat = path.stat()
        key = (str(path.absolute()), stat.st_mtime_ns, stat.st_size)
        try:
            with FILES.lease(key) as file:
                return _opened(path, key, file, choice)
        except DECODE_ERRORS as error:
            raise ReaderError(f"{path}: cannot open this TIFF ({one_line(error)})") from None


@dataclass(frozen=True)
class _Stack:
    """Decodes a run of planes of a volume; see `inklings.readers.volume.Planes`."""

    levels: TiffLevels
    planes: Planes

    def __call__(self, start: int, stop: int) -> NDArray[Any]:
        shape = self.levels.shapes[0]
        rows = [
            replace(self.levels, planes=self.planes.rows(z)).read(0, (0, 0), shape)
            for z in range(start, stop)
        ]
        return np.moveaxis(np.stack(rows), -1, 0)


def _is_for_openslide(file: tifffile.TiffFile) -> bool:
    page: Any = file.pages[0]
    vendor = any(getattr(file, f"is_{kind}", False) for kind in _FOR_OPENSLIDE)
    return vendor or page.tags.valueof(259) == _APERIO_YCBCR


def _opened(path: Path, key: Any, file: File, choice: Choice) -> Pyramid | PictureImage | Volume:
    scenes = file.layout.scenes
    sizes = [" x ".join(map(str, (*one.sizes, *one.levels[0].shape))) for one in scenes]
    told = [(one.name, size) for one, size in zip(scenes, sizes, strict=True)]
    scene = scenes[one_scene(path, told, choice)]
    tiff, page = file.tiff, scene.levels[0].pages[0].keyframe
    apart = planes_apart_um(tiff, scene.number) if "Z" in scene.axes else None
    resolution = judged(claims(tiff, scene.number))
    spaced = apart is not None and resolution.spacing_mm is not None
    allowed = ["channel", *(["scene"] if len(file.layout.scenes) > 1 else [])]
    if unnamed(scene.axes, False):
        allowed += ["page", "project"]
    choice.only(path, *allowed)
    planes = planned(path, scene.axes, scene.sizes, spaced, choice)
    colours = colours_of(page, int(page.compression) in LOSSY)
    names = _names(tiff, scene, page, colours)
    keep = channels_kept(path, names, choice.channel)
    orientation = known(page.tags.valueof(TAG, default=1))
    if resolution.spacing_mm is not None:
        mm = upright_pair(resolution.spacing_mm, orientation)
        resolution = replace(resolution, spacing_mm=mm)
    levels = TiffLevels(
        path,
        upright_shapes([level.shape for level in scene.levels], orientation),
        tuple(names[k] for k in keep),
        colours.dtype or np.dtype(page.dtype),
        key,
        bool(tiff.is_svs or tiff.is_ome),
        file.layout.scenes.index(scene),
        planes.rows(),
        choice.project,
        colours,
        orientation,
        keep,
    )
    notes = (*orientation_note(orientation), *_notes(file, colours))
    if resolution.spacing_mm is None and any(one.told for one in claims(tiff, scene.number)):
        notes = (*notes, Note("spacing", resolution.remark))
    if planes.is_volume:
        assert apart is not None
        return _volume(levels, planes, resolution, apart, notes)
    area = levels.shapes[0][0] * levels.shapes[0][1]
    small = area * len(names) * levels.dtype.itemsize <= _WHOLE_PICTURE
    if small and len(levels.shapes) == 1 and not page.is_tiled:
        return PictureImage.of(levels, resolution, functools.partial(_decoded, levels, notes))
    if colours.alpha:
        notes = (*notes, Note("alpha", f"a plane of opacity: {_done(colours)}"))
    return replace(Pyramid.of(levels, resolution), notes=notes)


def _names(tiff: tifffile.TiffFile, scene: Scene, page: Any, colours: Colours) -> tuple[str, ...]:
    """Names of all channels: those of the planes times those of the samples of each."""
    samples = scene.levels[0].samples
    seen = samples - 1 if colours.alpha else samples
    inner: tuple[str, ...] = ("",)
    if colours.kind in ("palette", "ycbcr") or (int(page.photometric) in (2, 6) and seen >= 3):
        inner = (*RGB, *map(str, range(3, seen)))
    count = dict(zip(scene.axes, scene.sizes, strict=True)).get("C", 1)
    if count == 1 and inner == ("",):
        if seen > 1:
            return _sample_names(tiff, scene, page, seen)
        said = channel_names(tiff, scene.number, 1, 1)
        return said if said != ("0",) else ("grey",)
    if inner == ("",):
        inner = ("",) if seen == 1 else tuple(map(str, range(seen)))
    if count == 1:
        return inner
    planes = int(np.prod(scene.sizes))
    outer = channel_names(tiff, scene.number, count, planes)
    return tuple(f"{a} {b}".strip() for a in outer for b in inner)


def _sample_names(tiff: tifffile.TiffFile, scene: Scene, page: Any, count: int) -> tuple[str, ...]:
    """Of pixels of several samples that are no colours: ink names, or what the file calls them."""
    inks = page.tags.valueof(333)
    if isinstance(inks, str) and inks.strip("\0"):
        return distinct([ink for ink in inks.split("\0") if ink], count)
    return channel_names(tiff, scene.number, count, count)


def _notes(file: File, colours: Colours) -> tuple[Note, ...]:
    notes = []
    if colours.kind == "inverted":
        text = f"white is zero: n is read as {colours.top} - n, so that what is lighter is larger"
        notes.append(Note("white is zero", text))
    if colours.kind == "palette" and file.tiff.is_imagej:
        text = f"a look-up table of {len(colours.table)} colours; they are read, not the numbers"
        notes.append(Note("palette", text))
    if is_damaged(file.tiff):
        text = "the OME description is damaged, and nothing is read of it (spacing, channels)"
        notes.append(Note("description", text))
    if file.layout.further:
        text = f"{len(file.layout.further)} further pages ({', '.join(file.layout.further)})"
        notes.append(Note("further pages", f"{text} taken as label, macro or thumbnail"))
    return tuple(notes)


def _done(colours: Colours) -> str:
    if colours.on_white:
        return "what is clear is laid on white"
    multiplied = colours.alpha == "premultiplied"
    return "it is dropped" + (", from colours multiplied with it" if multiplied else "")


def _volume(
    levels: TiffLevels,
    planes: Planes,
    resolution: Resolution,
    apart_um: float,
    notes: tuple[Note, ...],
) -> Volume:
    assert resolution.spacing_mm is not None
    shape = (len(planes.numbers), *levels.shapes[0])
    spacing = (apart_um / 1000, *resolution.spacing_mm)
    geometry = Geometry(shape, spacing, frame=levels.path.name)
    return Volume(levels.path, geometry, levels.channels, _Stack(levels, planes), notes)


def _decoded(levels: TiffLevels, notes: tuple[Note, ...]) -> tuple[NDArray[Any], tuple[Note, ...]]:
    """All samples ``(h, w, C)`` of a picture, and what there is to say of them."""
    pixels = levels.read(0, (0, 0), levels.shapes[0])
    colours = levels.colours
    if colours is not None and colours.alpha:
        alpha = levels.stored().read(0, (0, 0), levels.shapes[0])[..., -1]
        low, high = alpha.min(), alpha.max()
        if low != high:
            text = f"alpha from {low} to {high}: {_done(colours)}"
            notes = (*notes, Note("alpha", text))
    return pixels, notes
