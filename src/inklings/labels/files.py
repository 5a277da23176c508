"""Masks on disk: whole numbers, one plane, written atomically.

Class maps are 8-bit and instance maps 16-bit PNG; maps of more objects than 16 bits can number are
``.npy``. Volumes are NIfTI (or any format of volumes), ``.npy``, or a folder of PNG slices whose
names count from the first plane of the image. The largest value of the type means "unlabelled"
(`MaskLabel.extent`).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from inklings.arrays import require_whole
from inklings.errors import LabelError
from inklings.files import written
from inklings.geometry import Geometry
from inklings.labels.codes import read_codes
from inklings.labels.kinds import IRRELEVANT, MaskLabel
from inklings.readers import open_image
from inklings.readers.finite import KIND
from inklings.readers.fitting import whole_numbers
from inklings.readers.nifti import write_nifti
from inklings.readers.notes import Note
from inklings.readers.volume import Volume

_NIFTI = (".nii", ".nii.gz")
_VOLUMES = (*_NIFTI, ".mhd", ".mha", ".nrrd", ".nhdr", ".dcm")
Mask = NDArray[np.unsignedinteger[Any]]


def read_mask(path: Path) -> Mask:
    """The whole mask as stored, ``(*S)``, unsigned.

    Raises:
        ReaderError: If the file is missing, truncated or not a picture.
        LabelError: If it holds colours or fractions instead of whole numbers.
    """
    if is_volume(path):
        return _unsigned(path, _stack(path) if path.is_dir() else _volume(path))
    return _unsigned(path, _load(path) if path.suffix == ".npy" else _plane(path))


def _plane(path: Path) -> NDArray[Any]:
    """The numbers ``(h, w)`` of a picture, whatever it looks like."""
    try:
        found = read_codes(path)
        codes = found.plane
    except LabelError as error:
        raise LabelError(f"{path}: {error}") from None
    if found.samples > 1:
        raise LabelError(
            f"{path}: expected a mask of one plane of whole numbers, got colours; "
            "import it with 'inklings import folder', which maps colours to classes"
        )
    return codes.astype(found.dtype if found.dtype.kind in "ui" else np.int32)


def is_volume(path: Path) -> bool:
    """Whether a mask is stored in a format of volumes; ``.npy`` may be either."""
    return path.name.lower().endswith(_VOLUMES) or path.is_dir()


def mask_geometry(path: Path) -> Geometry:
    """The grid that a mask says it lies on; of ``.npy`` and slices in a folder only the shape.

    Raises:
        DataError: As `read_mask`.
    """
    if path.suffix == ".npy":
        return Geometry(_load(path, mapped=True).shape)
    if path.is_dir():
        slices = _slices(path)
        with open_image(slices[0]) as first:
            return Geometry((len(slices), *first.geometry.shape))
    return mask_grids(path)[0]


def mask_grids(path: Path) -> tuple[Geometry, ...]:
    """As `mask_geometry`, and what else the file says: the qform of a NIfTI beside its sform.

    Raises:
        DataError: As `read_mask`.
    """
    if path.suffix == ".npy" or path.is_dir():
        return (mask_geometry(path),)
    with open_image(path) as image:
        return (image.geometry, *(image.also if isinstance(image, Volume) else ()))


def mask_notes(path: Path) -> tuple[Note, ...]:
    """What is to say of a mask that is a volume: by its reader, and of codes that are no codes.

    Raises:
        DataError: As `read_mask`.
    """
    if path.suffix == ".npy" or path.is_dir():
        return ()
    with open_image(path) as image:
        step = image.step if isinstance(image, Volume) else 0.0
        text = f"its numbers are steps of {step:.4g}, taken as the whole numbers next to them"
        return (*image.notes, *((Note("rounded", text),) if step else ()))


def _unsigned(path: Path, array: NDArray[Any]) -> Mask:
    if not np.issubdtype(array.dtype, np.integer) or (array.size and int(array.min()) < 0):
        raise LabelError(f"{path}: expected whole numbers from 0 up, got {array.dtype} values")
    if np.issubdtype(array.dtype, np.signedinteger):
        array = array.astype(np.dtype(f"u{array.dtype.itemsize}"))
    return array


def write_mask(path: Path, mask: Mask, geometry: Geometry | None = None) -> None:
    """Write an unsigned mask ``(*S)`` as stored; `mask_suffix` says what ``path`` must end in.

    Args:
        path: New file; ``.nii.gz`` keeps the place in the patient.
        mask: Whole numbers.
        geometry: Of its image; needed for NIfTI only.

    Raises:
        LabelError: If the format of ``path`` cannot hold it.
    """
    if path.name.endswith(_NIFTI):
        if geometry is None or mask.ndim != 3:
            raise LabelError(f"{path}: expected a volume and its geometry for NIfTI")
        write_nifti(path, mask, geometry)
        return
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
    """Where the annotator said nothing, ``(*S)``: by `MaskLabel.extent`, or by its codes."""
    nothing: NDArray[np.bool_]
    if label.extent == "positives":
        nothing = mask == 0
    elif label.extent in ("partial", "correction"):
        nothing = mask == np.iinfo(mask.dtype).max
    else:
        nothing = np.zeros(mask.shape, np.bool_)
    if label.kind == "classes" and IRRELEVANT in label.classes:
        codes = [k for k, name in enumerate(label.classes, 1) if name == IRRELEVANT]
        nothing |= np.isin(mask, codes)
    return nothing


def _volume(path: Path) -> NDArray[Any]:
    with open_image(path) as image:
        array = image.read(image.geometry.full)
        step = image.step if isinstance(image, Volume) else 0.0
        others = [note.text for note in image.notes if note.kind == KIND]
    if others:
        raise LabelError(f"{path}: expected numbers of classes, but {others[0].split(';')[0]}")
    if len(array) != 1:
        raise LabelError(
            f"{path}: expected one number for each sample, got {len(array)}; give one file a label"
        )
    codes: NDArray[Any] = array[0]
    if codes.dtype.kind != "f":
        return codes
    whole = whole_numbers(codes, step)  # many programs store the codes of a mask as real numbers
    if whole is None:
        odd = codes[~(np.abs(codes - np.rint(codes)) <= 1e-4)]
        some = ", ".join(f"{value:.4g}" for value in np.unique(odd)[:4])
        raise LabelError(
            f"{path}: expected whole numbers, got {odd.size:,} samples between them ({some}); give "
            "a mask of codes, not shares or an image"
        )
    return whole


def _slices(folder: Path) -> list[Path]:
    found = sorted(
        (p for p in folder.glob("*.png") if not p.name.startswith(".")),
        key=lambda path: natural(path.name),
    )
    if not found:
        raise LabelError(f"{folder}: expected the slices of a mask as PNG files, got none")
    return found


def _stack(folder: Path) -> NDArray[Any]:
    planes = [_plane(path) for path in _slices(folder)]
    if len({plane.shape for plane in planes}) > 1 or planes[0].ndim != 2:
        sizes = sorted({plane.shape for plane in planes})
        raise LabelError(f"{folder}: expected grey slices of one size, got {sizes}")
    return np.stack(planes)


def natural(name: str) -> list[tuple[int, str]]:
    """Key that sorts ``slice10`` behind ``slice9``."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]


def _load(path: Path, mapped: bool = False) -> NDArray[Any]:
    try:
        require_whole(path)
        array: NDArray[Any] = np.load(path, "r" if mapped else None, allow_pickle=False)
    except FileNotFoundError:
        raise LabelError(f"expected a mask at {path}, but there is no such file") from None
    except (ValueError, OSError, EOFError) as error:
        raise LabelError(f"{path}: truncated or damaged mask ({error})") from None
    return array
