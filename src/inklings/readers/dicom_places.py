"""Where the frames of a file lie that does not say it frame by frame.

Doses keep offsets along the normal, nuclear medicine the place of the first slice and the step,
Siemens mosaics the place that one large slice would have. Frames of anything else have no place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from inklings.errors import ReaderError
from inklings.readers.dicom_lookup import Look, Vector, first, number, whole

WORDS = [
    "GridFrameOffsetVector", "DetectorInformationSequence", "SliceVector", "NumberOfSlices",
    "ImagePositionPatient", "ImageOrientationPatient",
]  # fmt: skip
PRIVATE = [0x00190010, 0x00290010, 0x00290011, 0x0019100A, 0x00291010, 0x00291110]
_CSA = ("SIEMENS CSA HEADER", 0x29, 0x10)


def orientation_of(look: Look) -> Vector | None:
    """Unit vectors along a row and along a column, wherever they are said.

    Raises:
        ReaderError: If they are no two perpendicular vectors.
    """
    found = look.vector("PlaneOrientationSequence", "ImageOrientationPatient", 6)
    found = found or look.vector("PlaneOrientationVolumeSequence", "ImageOrientationVolume", 6)
    if found is None:
        found = _detector(look).vector("", "ImageOrientationPatient", 6)
    if found is None:
        return None
    rows = np.array(found).reshape(2, 3)
    lengths = np.linalg.norm(rows, axis=1)
    if np.abs(lengths - 1).max() > 0.02 or abs(rows[0] @ rows[1]) > 0.02:
        said = ", ".join(f"{v:g}" for v in found)
        raise ReaderError(
            f"its axes (ImageOrientationPatient {said}) are no two perpendicular unit vectors"
        )
    return tuple((rows / lengths[:, None]).ravel().tolist())


def positions_of(
    look: Look, frames: int, orientation: Vector | None, kind: str
) -> list[Vector | None]:
    """The point of the first pixel of each frame, mm; None where it is not said.

    Raises:
        ReaderError: If a list of places does not fit the number of frames.
    """
    start = look.vector("", "ImagePositionPatient", 3)
    if start is None:
        start = _detector(look).vector("", "ImagePositionPatient", 3)
    if start is None or orientation is None or frames == 1:
        return [start] if frames == 1 else [None] * frames
    normal = np.cross(*np.array(orientation).reshape(2, 3))
    steps = _offsets(look, frames) or _slices(look, frames, kind)
    if steps is None:
        return [None] * frames
    return [tuple((np.array(start) + step * normal).tolist()) for step in steps]


def _offsets(look: Look, frames: int) -> list[float] | None:
    """Of a dose: distances from the first frame, or places along z."""
    told = look.said.get("GridFrameOffsetVector")
    if told in (None, ""):
        return None
    offsets = [float(v) for v in (told if hasattr(told, "__iter__") else [told])]
    if len(offsets) != frames:
        raise ReaderError(f"it has {frames} frames and the positions of {len(offsets)}")
    return [offset - offsets[0] for offset in offsets]


def _slices(look: Look, frames: int, kind: str) -> list[float] | None:
    """Of nuclear medicine: numbers of slices times the step, whose sign counts."""
    if "RECON" not in kind.upper() or look.text("", "Modality") not in ("NM", "PT"):
        return None
    step = look.number("", "SpacingBetweenSlices") or look.number("", "SliceThickness")
    if not step:
        return None
    told: Any = look.said.get("SliceVector")
    numbers = list(told) if told is not None and not isinstance(told, int) else []
    if len(numbers) != frames:
        count = whole(look.said.get("NumberOfSlices")) or frames
        if count != frames:
            return None
        numbers = list(range(1, frames + 1))
    return [(int(n) - 1) * step for n in numbers]


def _detector(look: Look) -> Look:
    return Look(first(look.said, "DetectorInformationSequence") or {})


def mosaic_of(
    look: Look, kind: str, size: tuple[int, int], orientation: Vector | None, spacing: Vector | None
) -> tuple[int, list[Vector]] | None:
    """Tiles a side, and the place of each slice, of a Siemens mosaic; None if it is none.

    The file says where one slice of the size of the whole picture would begin, around the same
    centre as the slices; and only the vendor's header says in which direction they follow.

    Args:
        look: Of the file.
        kind: Its ``ImageType``.
        size: Rows and columns of the whole picture.
        orientation: See `orientation_of`.
        spacing: Between rows and columns, mm.

    Raises:
        ReaderError: If the file does not say how it is to be unfolded.
    """
    if "MOSAIC" not in kind.upper().split("/"):
        return None
    said = _siemens(look)
    count = whole(look.private("SIEMENS MR HEADER", 0x19, 0x0A)) or whole(
        said.get("NumberOfImagesInMosaic")
    )
    start = look.vector("", "ImagePositionPatient", 3)
    step = look.number("", "SpacingBetweenSlices")
    normal = [float(v) for v in said.get("SliceNormalVector") or ()]
    if not count or start is None or orientation is None or spacing is None or not step:
        raise ReaderError(
            "it is a Siemens mosaic without number of slices, position or spacing; convert it "
            "with dcm2niix, or export the slices one by one"
        )
    if len(normal) != 3:
        raise ReaderError(
            "it is a Siemens mosaic without the private header (0029,1010), which gives the "
            "direction of its slices; export the slices one by one, or the files with it"
        )
    side = math.ceil(math.sqrt(count))
    if size[0] % side or size[1] % side:
        raise ReaderError(f"it is a mosaic of {count} slices, but {size[0]} x {size[1]} pixels")
    across, down = np.array(orientation).reshape(2, 3)
    rows, columns = size[0] // side, size[1] // side
    corner = (
        np.array(start)
        + across * spacing[1] * (size[1] - columns) / 2
        + down * spacing[0] * (size[0] - rows) / 2
    )
    way = np.cross(across, down)
    way = way if way @ np.array(normal) > 0 else -way
    return side, [tuple((corner + k * abs(step) * way).tolist()) for k in range(count)]


def _siemens(look: Look) -> dict[str, Sequence[Any]]:
    """What the vendor's own header of an image says."""
    data = look.private(*_CSA)
    if not isinstance(data, bytes):
        return {}
    from nibabel.nicom import csareader

    try:
        tags = csareader.read(data)["tags"]
    except (csareader.CSAReadError, ValueError, KeyError, IndexError, TypeError) as error:
        raise ReaderError(f"its vendor's header is damaged ({error})") from None
    found = {name: tags[name]["items"] for name in tags}
    if "NumberOfImagesInMosaic" in found:
        count = number(found["NumberOfImagesInMosaic"])
        found["NumberOfImagesInMosaic"] = [count] if count else []
    return found
