"""MetaImage (``.mhd`` with ``.raw``, ``.mha``) and NRRD, through SimpleITK."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.errors import ReaderError
from inklings.geometry import Geometry
from inklings.readers.choice import ANY, Choice
from inklings.readers.volume import Volume

_SUFFIXES = (".mhd", ".mha", ".nrrd", ".nhdr")


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
            ReaderError: If it is damaged or no volume.
        """
        choice.only(path)
        import SimpleITK

        reader = SimpleITK.ImageFileReader()
        reader.SetFileName(str(path))
        try:
            reader.ReadImageInformation()
        except RuntimeError as error:
            raise _damaged(path, error) from None
        if reader.GetDimension() != 3:
            raise ReaderError(
                f"{path}: expected a volume of three axes, got {reader.GetDimension()}"
            )
        fields = reader.GetNumberOfComponents()
        size = reader.GetSize()
        names = ("grey",) if fields == 1 else tuple(map(str, range(fields)))

        def planes(start: int, stop: int) -> NDArray[Any]:
            part = SimpleITK.ImageFileReader()
            part.SetFileName(str(path))
            part.SetExtractIndex((0, 0, start))
            part.SetExtractSize((size[0], size[1], stop - start))
            try:
                array = SimpleITK.GetArrayFromImage(part.Execute())
            except RuntimeError as error:
                raise _damaged(path, error) from None
            shaped: NDArray[Any] = array[None] if fields == 1 else np.moveaxis(array, -1, 0)
            return shaped

        spacing = reader.GetSpacing()
        axes = np.array(reader.GetDirection()).reshape(3, 3)
        geometry = Geometry(
            (size[2], size[1], size[0]),
            (spacing[2], spacing[1], spacing[0]),
            tuple(reader.GetOrigin()),
            tuple(tuple(row) for row in axes.tolist()),
            frame=path.name,
        )
        return Volume(path, geometry, names, planes)


def _damaged(path: Path, error: RuntimeError) -> ReaderError:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    words = lines[-1] if lines else "unreadable"
    return ReaderError(f"{path}: truncated or damaged volume ({words}); copy it again")
