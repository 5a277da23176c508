"""Readers: bytes on disk to `Image`; one file per family of formats, one line here."""

from __future__ import annotations

from pathlib import Path

from inklings.errors import ReaderError
from inklings.readers.image import Image, Reader
from inklings.registry import Registry

READERS: Registry[Reader] = Registry(
    "reader",
    {
        "array": "inklings.readers.array:ArrayReader",
        "tiff": "inklings.readers.tiff:TiffReader",
        "openslide": "inklings.readers.openslide:OpenSlideReader",
        "picture": "inklings.readers.picture:PictureReader",
    },
)
# A slide may also look like a picture; what other packages plug in comes first.
_LAST = ("array", "tiff", "openslide", "picture")


def open_image(path: Path, spacing: float | None = None) -> Image:
    """Open ``path`` with the first reader that recognises it.

    Args:
        path: The file.
        spacing: Distance between the finest samples in mm, whatever the file says of it.

    Raises:
        ReaderError: If it is missing, empty, damaged, or of no known format.
    """
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise ReaderError(f"expected an image at {path}: {error.strerror}") from None
    if not head:
        raise ReaderError(f"{path} is empty (0 bytes); copy it again from its source")
    for name in sorted(READERS, key=lambda n: (n in _LAST and _LAST.index(n) + 1, n)):
        reader = READERS.build(name, {})
        if reader.recognises(path, head):
            image = reader.open(path)
            return image if spacing is None else image.spaced(spacing)
    raise ReaderError(
        f"{path}: no reader recognises this format (first bytes {head[:8]!r}); "
        f"known readers: {', '.join(READERS)}"
    )
