"""MetaImage (``.mhd`` with ``.raw``, ``.mha``) and NRRD, through SimpleITK."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.errors import ReaderError
from inklings.files import written
from inklings.geometry import Geometry
from inklings.readers.choice import ANY, Choice
from inklings.readers.notes import Note
from inklings.readers.stated import Stated, stated
from inklings.readers.volume import Volume

_SUFFIXES = (".mhd", ".mha", ".nrrd", ".nhdr")
_PIECE = 1 << 20
_EITHER = 47  # zlib or gzip, by its first bytes
_SAME = 1e-6


class MetaImageReader:
    """``.mhd``, ``.mha``, ``.nrrd`` and ``.nhdr``."""

    def recognises(self, path: Path, head: bytes) -> bool:
        """By the magic word of NRRD, or by the name and a header of MetaImage."""
        if head.startswith(b"NRRD"):
            return True
        return path.suffix.lower() in _SUFFIXES and b"NDims" in head

    def open(self, path: Path, choice: Choice = ANY) -> Volume:
        """Read the header.

        Raises:
            ReaderError: If it is damaged, no volume, or says a spacing that cannot be.
        """
        choice.only(path)
        import SimpleITK

        said = stated(path)
        reader = SimpleITK.ImageFileReader()
        reader.SetFileName(str(path))
        try:
            reader.ReadImageInformation()
        except RuntimeError as error:
            raise _damaged(path, error) from None
        if reader.GetDimension() != 3:
            raise ReaderError(
                f"{path}: expected a volume of three axes, perhaps with channels, got "
                f"{reader.GetDimension()} axes ({' x '.join(map(str, reader.GetSize()))}); "
                "write each volume of a series as a file of its own"
            )
        fields = reader.GetNumberOfComponents()
        names = ("grey",) if fields == 1 else tuple(map(str, range(fields)))
        geometry, notes = _grid(path, reader, said)
        samples = _Samples(path, said, reader.GetSize(), fields)
        notes = [*said.notes, *notes]
        whole = samples.require_whole
        return Volume(path, geometry, names, samples.planes, tuple(notes), whole=whole)


def _grid(path: Path, reader: Any, said: Stated) -> tuple[Geometry, list[Note]]:
    """Where the samples lie, as far as the header says it."""
    size = reader.GetSize()
    shape = (size[2], size[1], size[0])
    if not said.spacing:
        return Geometry(shape, frame=path.name), []
    axes = np.array(reader.GetDirection()).reshape(3, 3)
    mm = np.array(reader.GetSpacing()) * said.unit
    if not said.placed:
        return Geometry(shape, tuple(mm[::-1].tolist()), frame=path.name), []
    long = np.linalg.norm(axes, axis=0)
    if not np.isfinite(axes).all() or (long == 0).any() or abs(np.linalg.det(axes / long)) < 1e-3:
        raise ReaderError(f"{path}: expected axes that span a volume, got {axes.tolist()}")
    notes = []
    if np.abs(long - 1).max() > 1e-3:
        mm = mm * long
        text = (
            "its directions are not of length 1; with them samples lie "
            f"{' x '.join(f'{v:.4g}' for v in mm)} mm apart"
        )
        notes.append(Note("spacing", text))
    if np.abs(long - 1).max() > _SAME:
        axes = axes / long
    geometry = Geometry(
        shape,
        tuple(mm[::-1].tolist()),
        tuple((np.array(reader.GetOrigin()) * said.unit).tolist()),
        tuple(tuple(row) for row in axes.tolist()),
        frame=path.name,
    )
    return geometry, notes


class _Samples:
    """The samples of one file; the checksum of compressed ones is compared once."""

    def __init__(self, path: Path, said: Stated, size: tuple[int, ...], fields: int) -> None:
        self.path, self.said, self.size, self.fields = path, said, size, fields
        # ITK gives what it could decode of a damaged MetaImage, and only prints a warning.
        self.checked = said.packed is None

    def planes(self, start: int, stop: int) -> NDArray[Any]:
        """See `Volume`."""
        import SimpleITK

        self._check()
        part = SimpleITK.ImageFileReader()
        part.SetFileName(str(self.path))
        part.SetExtractIndex((0, 0, start))
        part.SetExtractSize((self.size[0], self.size[1], stop - start))
        try:
            array = SimpleITK.GetArrayFromImage(part.Execute())
        except RuntimeError as error:
            raise _damaged(self.path, error) from None
        shaped: NDArray[Any] = array[None] if self.fields == 1 else np.moveaxis(array, -1, 0)
        return shaped

    def require_whole(self) -> None:
        """Raise ReaderError unless the file is complete and its checksum right."""
        self._check()
        self.planes(self.size[2] - 1, self.size[2])

    def _check(self) -> None:
        if self.checked or self.said.packed is None:
            return
        source, start = self.said.packed
        stream = zlib.decompressobj(_EITHER)
        try:
            with source.open("rb") as file:
                file.seek(start)
                while not stream.eof and (piece := file.read(_PIECE)):
                    stream.decompress(piece)
        except (OSError, zlib.error) as error:
            raise _damaged(self.path, error) from None
        if not stream.eof:
            raise _damaged(self.path, "its compressed samples end before their end")
        self.checked = True


def _damaged(path: Path, error: Exception | str) -> ReaderError:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    words = lines[-1] if lines else "unreadable"
    return ReaderError(f"{path}: truncated or damaged volume ({words}); copy it again")


def write_itk(
    path: Path, array: NDArray[Any], geometry: Geometry, facts: dict[str, str] | None = None
) -> None:
    """Write ``array (Z, Y, X)`` as NRRD or MetaImage, compressed, atomically.

    Both hold axes that lean, as those of a CT with a tilted gantry.

    Args:
        path: New file, ``.nrrd`` or ``.mha``.
        array: The samples.
        geometry: Where they lie.
        facts: For the header.
    """
    import SimpleITK

    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(array))
    image.SetSpacing(geometry.require_spacing()[::-1])
    image.SetOrigin(tuple(geometry.to_points((0, 0, 0)).tolist()))
    image.SetDirection(geometry.axes.ravel().tolist())
    for key, value in (facts or {}).items():
        image.SetMetaData(key, value)
    with written(path) as temporary:
        SimpleITK.WriteImage(image, str(temporary), useCompression=True)
