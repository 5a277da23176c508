"""Pictures of an import as samples, with what is odd about them noted."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.datasets.findings import ImportFinding
from inklings.errors import DataError, ReaderError, SpecError
from inklings.geometry import Geometry
from inklings.readers import open_image
from inklings.readers.raster import is_picture, raster

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp")


def opened(
    case: str, name: str, path: Path, choice: str | None, findings: list[ImportFinding]
) -> tuple[NDArray[Any], Geometry, tuple[str, ...]] | None:
    """The samples of an image file, its grid and channels; None, and a finding, if it is broken.

    Returns:
        Samples ``(C, *S)`` with everything that its reader said as findings.
    """
    try:
        with open_image(path, choice=choice) as image:
            array = image.read(image.geometry.full)
            findings += [ImportFinding(case, note.kind, f"{name}: {note}") for note in image.notes]
            return array, image.geometry, image.channels
    except (DataError, SpecError, OSError) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)
        findings.append(ImportFinding(case, "unreadable image", f"{name}: {said}"))
        return None


def decoded(
    case: str, name: str, data: bytes, findings: list[ImportFinding]
) -> NDArray[Any] | None:
    """The samples of an encoded image without its alpha plane; None, and a finding, if broken.

    Returns:
        ``(H, W)`` or ``(H, W, C)``.
    """
    try:
        if is_picture(data[:16]):
            found = raster(data)
            findings += [
                ImportFinding(case, note.kind, f"{name}: {note}") for note in found.notes()
            ]
            return _squeezed(found.seen())
        with tempfile.NamedTemporaryFile(suffix=".tif") as file:
            file.write(data)
            file.flush()
            read = opened(case, name, Path(file.name), None, findings)
            return None if read is None else _squeezed(np.moveaxis(read[0], 0, -1))
    except ReaderError as error:
        findings.append(ImportFinding(case, "unreadable image", f"{name}: {error}"))
        return None


def _squeezed(pixels: NDArray[Any]) -> NDArray[Any]:
    one: NDArray[Any] = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
    return one
