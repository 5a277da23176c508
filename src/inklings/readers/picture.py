"""Plain pictures: PNG, JPEG, BMP, GIF and WebP, decoded by Pillow; PNG of 16 bits by libpng.

Palettes become RGB, an alpha plane is dropped and told, and a picture never claims a physical
size: 72 or 96 dpi in a header is a printer's default and not a measurement.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from inklings.errors import GeometryError, ReaderError
from inklings.geometry import Geometry, Region
from inklings.readers.axes import channels_kept, only_kept
from inklings.readers.choice import ANY, Choice
from inklings.readers.notes import Note
from inklings.readers.orientation import upright_pair
from inklings.readers.pyramid import Levels, Pyramid
from inklings.readers.raster import (
    BROKEN,
    FORMATS,
    decode,
    is_grey,
    is_picture,
    of_file,
    orientation_of,
    require_plain,
)
from inklings.readers.resample import Whole
from inklings.readers.resolution import Resolution

__all__ = ["PictureImage", "PictureLevels", "PictureReader", "decode"]

Decode = Callable[[], tuple[NDArray[Any], tuple[Note, ...]]]
"""All samples ``(h, w, C)``, and what there is to say of them."""


@dataclass
class PictureImage:
    """A picture file; decoded at the first `read` and kept until closed.

    Attributes:
        decode: All its samples, and what there is to say of them.
        remark: How its spacing came to be known, or why it is not.
    """

    path: Path
    geometry: Geometry
    channels: tuple[str, ...]
    decode: Decode
    remark: str = "a plain picture does not say"

    @classmethod
    def of(cls, levels: Levels, resolution: Resolution, decode: Decode) -> PictureImage:
        """A picture whose one level fits into memory."""
        path, mm = levels.path, resolution.spacing_mm
        geometry = Geometry(levels.shapes[0], frame=path.name)
        if mm is not None:
            geometry = replace(geometry, spacing=mm, origin=(mm[1] / 2, mm[0] / 2))
        return cls(path, geometry, levels.channels, decode, resolution.remark)

    @property
    def notes(self) -> tuple[Note, ...]:
        """What was dropped or overruled; decodes the picture, of which it may depend."""
        return self._decoded[1]

    def at(self, spacing: float) -> Pyramid:
        """A view in samples of ``spacing`` mm, where the spacing is known.

        Raises:
            GeometryError: If not: few plain pictures say.
        """
        if self.geometry.spacing is None:
            raise GeometryError(
                f"cannot view {self.path.name} at {spacing} mm: a plain picture says no pixel "
                "spacing; give one when importing"
            )
        return self._as_pyramid().at(spacing)

    def shrunk(self, factor: float) -> Pyramid:
        """A view in samples of ``factor`` pixels."""
        return self._as_pyramid().shrunk(factor)

    def spaced(self, spacing: float) -> PictureImage:
        """The same picture with pixels of ``spacing`` mm."""
        geometry = replace(
            self.geometry, spacing=(spacing, spacing), origin=(spacing / 2, spacing / 2)
        )
        return replace(self, geometry=geometry, remark="as given")

    def _as_pyramid(self) -> Pyramid:
        mm = self.geometry.spacing
        resolution = Resolution((mm[0], mm[1]) if mm else None, self.remark)
        return Pyramid.of(PictureLevels(self), resolution)

    @functools.cached_property
    def _decoded(self) -> tuple[NDArray[Any], tuple[Note, ...]]:
        pixels, notes = self.decode()
        return np.moveaxis(pixels, -1, 0), notes

    @property
    def samples(self) -> NDArray[Any]:
        """All of it, ``(C, h, w)``."""
        return self._decoded[0]

    def read(self, region: Region) -> NDArray[Any]:
        """Samples of one region, ``(C, h, w)``."""
        return self.samples[(slice(None), *region.slices)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.__dict__.pop("_decoded", None)


@dataclass(frozen=True)
class PictureLevels:
    """A picture as a pyramid of one level; see `inklings.readers.pyramid.Levels`."""

    picture: PictureImage
    whole: bool = True

    @property
    def path(self) -> Path:
        """The file."""
        return self.picture.path

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """Its one size."""
        height, width = self.picture.geometry.shape
        return ((height, width),)

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the planes."""
        return self.picture.channels

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the samples."""
        return self.picture.samples.dtype

    def read(self, level: int, start: Whole, size: Whole) -> NDArray[Any]:  # noqa: ARG002
        """Pixels ``(h, w, C)`` of a box."""
        return np.moveaxis(self.picture.read(Region(start, size)), 0, -1)


class PictureReader:
    """PNG, JPEG, BMP, GIF and WebP."""

    def recognises(self, path: Path, head: bytes) -> bool:  # noqa: ARG002
        """By the magic number."""
        return is_picture(head)

    def open(self, path: Path, choice: Choice = ANY) -> PictureImage:
        """Read the header only."""
        choice.only(path, "channel")
        try:
            with Pillow.open(path, formats=FORMATS) as picture:
                require_plain(picture)
                grey = is_grey(picture)
                sides = upright_pair(picture.size[::-1], orientation_of(picture))
        except ReaderError as error:
            raise ReaderError(f"{path}: {error}") from None
        except (*BROKEN, Pillow.DecompressionBombError) as error:
            reason = " ".join(str(error).split())
            raise ReaderError(f"{path}: truncated or damaged picture ({reason})") from None
        names = ("grey",) if grey else ("R", "G", "B")
        keep = channels_kept(path, names, choice.channel)
        return PictureImage(
            path,
            Geometry(sides, frame=path.name),
            tuple(names[k] for k in keep),
            functools.partial(_seen, path, keep),
        )


def _seen(path: Path, keep: tuple[int, ...]) -> tuple[NDArray[Any], tuple[Note, ...]]:
    found = of_file(path)
    return only_kept(found.seen(), keep), found.notes()
