"""Masks on disk: whole numbers, one plane, written atomically.

Class maps are 8-bit and instance maps 16-bit PNG; volumes, and maps of more objects than 16 bits
can number, are ``.npy``. The largest value of the type means "unlabelled" (`MaskLabel.extent`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from inklings.errors import LabelError
from inklings.files import written
from inklings.labels.kinds import MaskLabel
from inklings.readers.picture import decode

Mask = NDArray[np.unsignedinteger[Any]]


def read_mask(path: Path) -> Mask:
    """The whole mask as stored, ``(*S)``, unsigned.

    Raises:
        ReaderError: If the file is missing, truncated or not a picture.
        LabelError: If it holds colours or fractions instead of whole numbers.
    """
    array = _load(path) if path.suffix == ".npy" else decode(path)
    if path.suffix != ".npy" and array.ndim != 2:
        raise LabelError(
            f"{path}: expected a mask of one plane of whole numbers, got shape {array.shape}; "
            "import it with 'inklings import folder', which maps colours to classes"
        )
    if not np.issubdtype(array.dtype, np.integer) or (array.size and int(array.min()) < 0):
        raise LabelError(f"{path}: expected whole numbers from 0 up, got {array.dtype} values")
    if np.issubdtype(array.dtype, np.signedinteger):
        array = array.astype(np.dtype(f"u{array.dtype.itemsize}"))
    return array


def write_mask(path: Path, mask: Mask) -> None:
    """Write an unsigned mask ``(*S)`` as stored; `mask_suffix` says what ``path`` must end in.

    Raises:
        LabelError: If the format of ``path`` cannot hold it.
    """
    if path.suffix != ".npy" and mask_suffix(mask) != path.suffix:
        raise LabelError(
            f"{path}: expected a plane of 8 or 16 bits for PNG, got {mask.dtype} {mask.shape}; "
            "write it as .npy"
        )
    with written(path) as temporary:
        if path.suffix == ".npy":
            with temporary.open("wb") as file:
                np.save(file, mask, allow_pickle=False)
        else:
            Pillow.fromarray(mask).save(temporary, format="PNG")


def mask_suffix(mask: Mask) -> str:
    """``.png`` where PNG can hold the mask, else ``.npy``."""
    return ".png" if mask.ndim == 2 and mask.dtype in (np.uint8, np.uint16) else ".npy"


def as_stored(numbers: NDArray[Any], kind: str) -> Mask:
    """Signed numbers, negative where unlabelled, in the unsigned type of ``kind``.

    Args:
        numbers: ``(*S)`` class codes or object numbers; negative is unlabelled.
        kind: ``classes`` (8 bits) or ``instances`` (16 bits; 32 where there are more objects).

    Raises:
        LabelError: If there are more classes than 8 bits can number.
    """
    most = int(numbers.max(initial=0))
    if kind == "classes" and most > 254:
        raise LabelError(f"expected at most 254 classes in one mask, got code {most}")
    wide: type[np.unsignedinteger[Any]] = np.uint16 if most < 65535 else np.uint32
    stored: Mask = numbers.astype(np.uint8 if kind == "classes" else wide)
    stored[numbers < 0] = np.iinfo(stored.dtype).max
    return stored


def unlabelled(label: MaskLabel, mask: Mask) -> NDArray[np.bool_]:
    """Where the annotator said nothing, ``(*S)``: by `MaskLabel.extent`."""
    nothing: NDArray[np.bool_]
    if label.extent == "positives":
        nothing = mask == 0
    elif label.extent == "partial":
        nothing = mask == np.iinfo(mask.dtype).max
    else:
        nothing = np.zeros(mask.shape, np.bool_)
    return nothing


def _load(path: Path) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise LabelError(f"expected a mask at {path}, but there is no such file") from None
    except (ValueError, OSError, EOFError) as error:
        raise LabelError(f"{path}: truncated or damaged mask ({error})") from None
    return array
