"""Plain pictures: PNG, JPEG, BMP, small TIFF, decoded by Pillow.

Palettes become RGB, a constant alpha plane is dropped, and a picture never claims a physical
size: 72 or 96 dpi in a header is a printer's default and not a measurement.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from inklings.errors import GeometryError, ReaderError
from inklings.geometry import Geometry, Region
from inklings.readers.choice import ANY, Choice
from inklings.readers.notes import Note
from inklings.readers.pyramid import Pyramid
from inklings.readers.resample import Whole
from inklings.readers.resolution import Resolution

_MAGIC = (b"\x89PNG", b"\xff\xd8\xff", b"BM", b"II*\x00", b"MM\x00*", b"GIF8", b"RIFF")
Pillow.MAX_IMAGE_PIXELS = 400_000_000


def decode(path: Path) -> NDArray[Any]:
    """The whole picture as ``(H, W)`` or ``(H, W, C)``, palette indices kept as they are.

    Raises:
        ReaderError: If the file is missing, truncated or not a picture.
    """
    try:
        with Pillow.open(path) as picture:
            return np.asarray(picture.convert("L") if picture.mode == "1" else picture)
    except FileNotFoundError:
        raise ReaderError(f"expected a picture at {path}, but there is no such file") from None
    except UnidentifiedImageError:
        raise ReaderError(f"{path}: expected a picture (PNG, JPEG, TIFF, BMP), got none") from None
    except Pillow.DecompressionBombError:
        raise ReaderError(f"{path}: too large for a plain picture; use a tiled format") from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise ReaderError(f"{path}: truncated or damaged picture ({error})") from None


@dataclass
class PictureImage:
    """A picture file; decoded at the first `read` and kept until closed."""

    path: Path
    geometry: Geometry
    channels: tuple[str, ...]
    notes: tuple[Note, ...] = ()

    def at(self, spacing: float) -> Pyramid:
        """A view in samples of ``spacing`` mm, where the spacing was given (`spaced`).

        Raises:
            GeometryError: If not: a plain picture does not say.
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
        return PictureImage(self.path, geometry, self.channels, self.notes)

    def _as_pyramid(self) -> Pyramid:
        mm = self.geometry.spacing
        resolution = Resolution((mm[0], mm[1]) if mm else None, "a plain picture does not say")
        return Pyramid.of(PictureLevels(self), resolution)

    @functools.cached_property
    def _array(self) -> NDArray[Any]:
        try:
            with Pillow.open(self.path) as picture:
                array = np.asarray(
                    picture.convert("RGB" if len(self.channels) == 3 else "L")
                    if picture.mode not in ("I;16", "I", "F")
                    else picture
                )
        except (OSError, SyntaxError, ValueError, EOFError) as error:
            raise ReaderError(f"{self.path}: truncated or damaged picture ({error})") from None
        return array[None] if array.ndim == 2 else np.moveaxis(array, -1, 0)

    def read(self, region: Region) -> NDArray[Any]:
        """Samples of one region, ``(C, h, w)``."""
        return self._array[(slice(None), *region.slices)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.__dict__.pop("_array", None)


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
        return self.picture._array.dtype

    def read(self, level: int, start: Whole, size: Whole) -> NDArray[Any]:  # noqa: ARG002
        """Pixels ``(h, w, C)`` of a box."""
        return np.moveaxis(self.picture.read(Region(start, size)), 0, -1)


class PictureReader:
    """PNG, JPEG, BMP, GIF, WebP and plain TIFF."""

    def recognises(self, path: Path, head: bytes) -> bool:  # noqa: ARG002
        """By the magic number."""
        return head.startswith(_MAGIC)

    def open(self, path: Path, choice: Choice = ANY) -> PictureImage:
        """Read the header only."""
        choice.only(path)
        try:
            with Pillow.open(path) as picture:
                width, height = picture.size
                grey = picture.mode in ("1", "L", "LA", "I;16", "I", "F")
        except (OSError, SyntaxError, UnidentifiedImageError) as error:
            raise ReaderError(f"{path}: truncated or damaged picture ({error})") from None
        channels = ("grey",) if grey else ("R", "G", "B")
        return PictureImage(path, Geometry((height, width), frame=path.name), channels)
