"""Plain pictures: PNG, JPEG, BMP, small TIFF, decoded by Pillow.

Palettes become RGB, a constant alpha plane is dropped, and a picture never claims a physical
size: 72 or 96 dpi in a header is a printer's default and not a measurement.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from inklings.errors import GeometryError, ReaderError
from inklings.geometry import Geometry, Region

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

    def at(self, spacing: float) -> PictureImage:
        """Pictures have no spacing, so this is an error that says so."""
        raise GeometryError(
            f"cannot view {self.path.name} at {spacing} mm: a plain picture says no pixel spacing"
        )

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


class PictureReader:
    """PNG, JPEG, BMP, GIF, WebP and plain TIFF."""

    def recognises(self, path: Path, head: bytes) -> bool:  # noqa: ARG002
        """By the magic number."""
        return head.startswith(_MAGIC)

    def open(self, path: Path) -> PictureImage:
        """Read the header only."""
        try:
            with Pillow.open(path) as picture:
                width, height = picture.size
                grey = picture.mode in ("1", "L", "LA", "I;16", "I", "F")
        except (OSError, SyntaxError, UnidentifiedImageError) as error:
            raise ReaderError(f"{path}: truncated or damaged picture ({error})") from None
        channels = ("grey",) if grey else ("R", "G", "B")
        return PictureImage(path, Geometry((height, width), frame=path.name), channels)
