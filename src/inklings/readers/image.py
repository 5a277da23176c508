"""What every reader returns: an image of unknown size on disk, read region by region."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

from numpy.typing import NDArray

from inklings.geometry import Geometry, Region
from inklings.readers.choice import ANY, Choice
from inklings.readers.notes import Note


@runtime_checkable
class Image(Protocol):
    """A grid of samples with channels; nothing is decoded until `read`."""

    @property
    def geometry(self) -> Geometry:
        """The grid."""

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the planes: ``("R", "G", "B")``, ``("grey",)``, ``("HU",)``."""

    @property
    def notes(self) -> tuple[Note, ...]:
        """What its reader dropped, guessed or overruled."""

    def at(self, spacing: float) -> Image:
        """A view of this image on a grid of the given spacing in mm."""

    def shrunk(self, factor: float) -> Image:
        """A view of the finest grid made ``factor`` times coarser; needs no known spacing."""

    def spaced(self, spacing: float) -> Image:
        """The same samples, said to be ``spacing`` mm apart where they are finest."""

    def read(self, region: Region) -> NDArray[Any]:
        """Samples of one region of *this* grid, ``(C, *region.size)``."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...


class NothingToClose:
    """For images that hold no open file: entering and leaving a ``with`` block does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        return None


class Reader(Protocol):
    """Opens one family of file formats."""

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether this reader can open ``path``, judged by its first 512 bytes."""

    def open(self, path: Path, choice: Choice = ANY) -> Image:
        """Open without reading pixels.

        Args:
            path: The file or folder.
            choice: Which image is meant, where it holds several.

        Raises:
            ReaderError: If the file is truncated or not what it claims to be, or holds several
                images and ``choice`` does not say which.
            SpecError: If ``choice`` says what a file of this format does not have.
        """
