"""What every reader returns: an image of unknown size on disk, read region by region."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from numpy.typing import NDArray

from inklings.geometry import Geometry, Region


class Image(Protocol):
    """A grid of samples with channels; nothing is decoded until `read`."""

    @property
    def geometry(self) -> Geometry:
        """The grid."""

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the planes: ``("R", "G", "B")``, ``("grey",)``, ``("HU",)``."""

    def at(self, spacing: float) -> Image:
        """A view of this image on a grid of the given spacing in mm."""

    def shrunk(self, factor: float) -> Image:
        """A view of the finest grid made ``factor`` times coarser; needs no known spacing."""

    def spaced(self, spacing: float) -> Image:
        """The same samples, said to be ``spacing`` mm apart where they are finest."""

    def read(self, region: Region) -> NDArray[Any]:
        """Samples of one region of *this* grid, ``(C, *region.size)``."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Reader(Protocol):
    """Opens one family of file formats."""

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether this reader can open ``path``, judged by its first 512 bytes."""

    def open(self, path: Path) -> Image:
        """Open without reading pixels.

        Raises:
            ReaderError: If the file is truncated or not what it claims to be.
        """
