"""CZI, ND2 and LIF through the libraries that know them (``microscope_czi``, ``microscope_files``).

One rule for the three: a scene (position, series) is an image; of several one is chosen. Channels
become channels, planes whose distance the file says become a volume, and whatever else there is
several of has to be chosen, as for TIFF (`inklings.readers.axes`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.errors import InklingsError, ReaderError
from inklings.geometry import Geometry, Region
from inklings.readers.axes import channels_kept, planned, unnamed
from inklings.readers.choice import ANY, Choice, one_scene
from inklings.readers.handles import Handles
from inklings.readers.microscope_czi import Czi
from inklings.readers.microscope_files import Lif, Nd2, OpenFile, Scene
from inklings.readers.notes import Note
from inklings.readers.pyramid import Pyramid
from inklings.readers.resample import Whole
from inklings.readers.resolution import Claim, judged
from inklings.readers.tiff_levels import one_line, projected
from inklings.readers.tiff_tags import distinct
from inklings.readers.volume import Volume

_OPEN_FILES = 8
Key = tuple[str, str, int, int]


@dataclass(frozen=True)
class Format:
    """How a format begins, and what opens it."""

    begins: Callable[[bytes], bool]
    open: Callable[[Path], OpenFile]


FORMATS = {
    "czi": Format(lambda head: head.startswith(b"ZISRAWFILE"), Czi),
    "nd2": Format(lambda head: head.startswith(b"\xda\xce\xbe\x0a"), Nd2),
    "lif": Format(lambda head: head.startswith(b"\x70\0\0\0") and head[8:9] == b"\x2a", Lif),
}


class MicroscopeReader:
    """Files of ZEISS, Nikon and Leica."""

    def recognises(self, path: Path, head: bytes) -> bool:  # noqa: ARG002
        """By the magic number."""
        return _format(head) is not None

    def open(self, path: Path, choice: Choice = ANY) -> Pyramid | Volume:
        """Read what the file says of itself.

        Raises:
            MissingExtraError: Without the library of the format.
            ReaderError: If it is damaged, or holds several images and ``choice`` does not say
                which.
            SpecError: If ``choice`` names what is not there.
        """
        with path.open("rb") as file:
            name = _format(file.read(512))
        assert name is not None
        stat = path.stat()
        key = (name, str(path.absolute()), stat.st_mtime_ns, stat.st_size)
        with _Errors(path, "cannot be opened"), FILES.lease(key) as opened:
            return _opened(path, key, opened.scenes, choice)


def _format(head: bytes) -> str | None:
    return next((name for name, one in FORMATS.items() if one.begins(head)), None)


FILES: Handles[Key, OpenFile] = Handles(
    lambda key: FORMATS[key[0]].open(Path(key[1])), lambda file: file.close(), _OPEN_FILES
)


@dataclass(frozen=True)
class MicroscopeLevels:
    """The levels of a scene; see `inklings.readers.pyramid.Levels`.

    Attributes:
        sizes: Planes along each axis over them, in the order that ``planes`` counts them.
        planes: For each channel that is kept the planes behind it.
        project: ``max`` or ``mean``, where there are several.
        samples: Of each plane those that are kept.
    """

    path: Path
    shapes: tuple[Whole, ...]
    channels: tuple[str, ...]
    dtype: np.dtype[Any]
    key: Key
    scene: int
    sizes: tuple[tuple[str, int], ...]
    planes: tuple[tuple[int, ...], ...]
    project: str | None = None
    samples: tuple[int, ...] = (0,)
    whole: bool = True

    def read(self, level: int, start: Whole, size: Whole) -> NDArray[Any]:
        """Pixels ``(h, w, C)`` of a box within a level."""
        what = f"pixels {start} of level {level} cannot be decoded"
        with _Errors(self.path, what), FILES.lease(self.key) as file:
            found = [self._plane(file, row, level, start, size) for row in self.planes]
        pixels = np.concatenate(found, axis=-1)[..., list(self.samples)]
        return pixels.astype(self.dtype, copy=False)

    def _plane(
        self, file: OpenFile, row: tuple[int, ...], level: int, start: Whole, size: Whole
    ) -> NDArray[Any]:
        return projected(
            [file.plane(self.scene, self._at(k), level, start, size) for k in row], self.project
        )

    def _at(self, number: int) -> Mapping[str, int]:
        sizes = tuple(count for _, count in self.sizes)
        places = np.unravel_index(number, sizes) if sizes else ()
        return {name: int(k) for (name, _), k in zip(self.sizes, places, strict=True)}


def _opened(path: Path, key: Key, scenes: tuple[Scene, ...], choice: Choice) -> Pyramid | Volume:
    sides = [" x ".join(map(str, (*one.sizes.values(), *one.shapes[0]))) for one in scenes]
    told = [(one.name, side) for one, side in zip(scenes, sides, strict=True)]
    number = one_scene(path, told, choice)
    scene = scenes[number]
    axes, counts = "".join(scene.sizes), tuple(scene.sizes.values())
    z, y, x = scene.um
    resolution = judged([] if y is None or x is None else [Claim(scene.entry, y, x, told=True)])
    mm = resolution.spacing_mm
    notes = (Note("spacing", resolution.remark),) if mm is None and y is not None else ()
    spaced = z is not None and mm is not None
    allowed = ["channel", *(["scene"] if len(scenes) > 1 else [])]
    if unnamed(axes, False):
        allowed += ["page", "project"]
    choice.only(path, *allowed)
    planes = planned(path, axes, counts, spaced, choice)
    names = _names(path, scene)
    keep = channels_kept(path, names, choice.channel)
    levels = MicroscopeLevels(
        path, scene.shapes, tuple(names[k] for k in keep), scene.dtype, key, number,
        tuple(scene.sizes.items()), planes.rows(), choice.project, keep,
    )  # fmt: skip
    if not planes.is_volume:
        return replace(Pyramid.of(levels, resolution), notes=notes)
    assert z is not None
    assert mm is not None
    geometry = Geometry((len(planes.numbers), *scene.shapes[0]), (z / 1000, *mm), frame=path.name)

    def boxes(region: Region) -> NDArray[Any]:
        (first, *start), (count, *size) = region.start, region.size
        found = [
            replace(levels, planes=planes.rows(k)).read(0, (start[0], start[1]), (size[0], size[1]))
            for k in range(first, first + count)
        ]
        return np.moveaxis(np.stack(found), -1, 0)

    def run(first: int, last: int) -> NDArray[Any]:
        return boxes(Region((first, 0, 0), (last - first, *scene.shapes[0])))

    return Volume(path, geometry, levels.channels, run, boxes=boxes)


def _names(path: Path, scene: Scene) -> tuple[str, ...]:
    count = scene.sizes.get("C", 1)
    if scene.colours:
        if count > 1:
            raise ReaderError(
                f"{path}: expected colours or channels, got {count} channels of three colours "
                "each; export the channels as grey images, e.g. as OME-TIFF"
            )
        return ("R", "G", "B")
    if count == 1 and not any(scene.channels):
        return ("grey",)
    return distinct(list(scene.channels), count)


class _Errors:
    """Turns whatever a library raises into one line with the name of the file."""

    def __init__(self, path: Path, what: str) -> None:
        self.path, self.what = path, what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, InklingsError | MemoryError):
            raise ReaderError(
                f"{self.path}: {self.what} ({one_line(error)}); the file is damaged or of a kind "
                "that its library does not know: copy it again, or export it as OME-TIFF"
            ) from None
