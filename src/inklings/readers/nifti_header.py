"""Where the samples of a NIfTI lie: its two forms, its spacing, and what to say where they clash.

A header has two forms, the sform (a matrix) and the qform (a turn, with the spacing beside it).
Where both are set the sform is used, as nibabel and FSL do. ITK uses the qform unless the code of
the sform is 1, so a mask that was made by a program of ITK may lie on the qform of its image.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.errors import ReaderError
from inklings.geometry import Geometry
from inklings.readers.notes import Note

_LPS = np.diag([-1.0, -1.0, 1.0])
_UNITS = {0: ("", 1.0), 1: ("metres", 1000.0), 2: ("mm", 1.0), 3: ("micrometres", 0.001)}
_CREDIBLE_MM = (0.01, 100.0)
_APART = 0.1  # of the smallest spacing: forms that lie nearer than this agree
_SAME = 1e-3
FORM_FIELDS = (
    "pixdim", "xyzt_units", "qform_code", "sform_code", "quatern_b", "quatern_c", "quatern_d",
    "qoffset_x", "qoffset_y", "qoffset_z", "srow_x", "srow_y", "srow_z",
)  # fmt: skip
"""What a header says of the place of its samples."""


@dataclass(frozen=True)
class Placed:
    """Where a NIfTI lies.

    Attributes:
        geometry: The grid that is used.
        also: The other form, where the file has one that lies elsewhere.
        notes: What was guessed, or does not agree.
    """

    geometry: Geometry
    also: tuple[Geometry, ...]
    notes: tuple[Note, ...]


def raw_header(image: Any) -> Any:
    """The header as it is stored: nibabel repairs spacings of 0 without a word."""
    place = image.file_map["header" if "header" in image.file_map else "image"]
    with place.get_prepare_fileobj("rb") as file:
        return type(image.header).from_fileobj(file, check=False)


def placed(path: Path, image: Any) -> Placed:
    """Where the samples of an image of nibabel's lie.

    Raises:
        ReaderError: If the form that counts spans no volume.
    """
    header = raw_header(image)
    shape = tuple(int(n) for n in image.shape[2::-1])
    words, unit = _UNITS.get(int(header["xyzt_units"]) & 7, ("", 1.0))
    pixdim = np.asarray(header["pixdim"][1:4], float) * unit
    sform = _sform(header, unit) if int(header["sform_code"]) > 0 else None
    spans = sform is not None and _spans(sform)
    notes: list[Note] = []
    qform = None
    if int(header["qform_code"]) > 0:
        qform = _qform(path, header, unit, pixdim, needed=not spans, notes=notes)
    if sform is not None and not spans and qform is not None:
        notes.append(Note("qform and sform", "the sform spans no volume; the qform is used"))
        sform = None
    if sform is None and qform is None:
        return _unplaced(path, shape, pixdim, int(header["qform_code"]) > 0, notes)
    used = sform if sform is not None else qform
    assert used is not None
    geometry = _grid(path, shape, used)
    notes += _scale_notes(geometry, pixdim, words)
    also: tuple[Geometry, ...] = ()
    if sform is not None and qform is not None:
        other = _grid(path, shape, qform)
        off = geometry.apart(other)
        if off > _APART * min(geometry.require_spacing()):
            also = (other,)
            codes = f"{int(header['sform_code'])} and {int(header['qform_code'])}"
            text = (
                f"sform and qform lie up to {off:.2f} mm apart (codes {codes}); the sform is used"
            )
            notes.append(Note("qform and sform", text))
    return Placed(geometry, also, tuple(notes))


def _sform(header: Any, unit: float) -> NDArray[np.float64]:
    rows = [np.asarray(header[name], float) for name in ("srow_x", "srow_y", "srow_z")]
    return np.stack(rows) * unit


def _qform(
    path: Path,
    header: Any,
    unit: float,
    pixdim: NDArray[np.float64],
    needed: bool,
    notes: list[Note],
) -> NDArray[np.float64] | None:
    """The qform as a matrix; None where its spacing is none, or where it is no rotation."""
    if (pixdim < 0).any():
        if needed:
            raise ReaderError(
                f"{path}: expected a spacing above 0 for its qform, got {_mm(pixdim)}, which "
                "programs understand in different ways; correct pixdim in the header"
            )
        return None
    if not (np.isfinite(pixdim) & (pixdim > 0)).all():
        return None
    # Any number but -1 means 1, as the standard has it of files that say 0.
    header["pixdim"][0] = -1 if header["pixdim"][0] < 0 else 1
    try:
        matrix: NDArray[np.float64] = np.asarray(header.get_qform(), float)[:3] * unit
    except ValueError as error:
        if needed:
            raise ReaderError(
                f"{path}: expected a rotation for its qform, got a quaternion that is none "
                f"({error}); correct the header, or write the file again"
            ) from None
        notes.append(Note("qform and sform", "the qform is no rotation; the sform is used"))
        return None
    return matrix


def _unplaced(
    path: Path, shape: tuple[int, ...], pixdim: NDArray[np.float64], turned: bool, notes: list[Note]
) -> Placed:
    """A file without a form that can be used: its spacing, where it says one, and no place."""
    if not (np.isfinite(pixdim) & (pixdim != 0)).all():
        text = (
            f"the file says a spacing of {_mm(pixdim)}, which cannot be: taken as unknown, so "
            "sizes are counted in samples"
        )
        return Placed(Geometry(shape, frame=path.name), (), (*notes, Note("spacing", text)))
    if (pixdim < 0).any():
        text = f"the file says a spacing of {_mm(pixdim)}: taken without the signs"
        notes.append(Note("spacing", text))
    assert not turned  # a qform with a spacing is a place
    text = "the file says its spacing, but not where it lies in the patient"
    notes.append(Note("geometry", text))
    spacing = tuple(np.abs(pixdim)[::-1].tolist())
    return Placed(Geometry(shape, spacing, frame=path.name), (), tuple(notes))


def _grid(path: Path, shape: tuple[int, ...], affine: NDArray[np.float64]) -> Geometry:
    if not _spans(affine):
        raise ReaderError(f"{path}: expected axes that span a volume, got {affine.tolist()}")
    matrix = _LPS @ affine[:, :3]
    mm = np.linalg.norm(matrix, axis=0)
    return Geometry(
        shape,
        (float(mm[2]), float(mm[1]), float(mm[0])),
        tuple((_LPS @ affine[:, 3]).tolist()),
        tuple(tuple(row) for row in (matrix / mm).tolist()),
        frame=path.name,
    )


def _spans(affine: NDArray[np.float64]) -> bool:
    mm = np.linalg.norm(affine[:, :3], axis=0)
    if not np.isfinite(affine).all() or not (mm > 0).all():
        return False
    return abs(float(np.linalg.det(affine[:, :3] / mm))) >= 1e-3


def _scale_notes(geometry: Geometry, pixdim: NDArray[np.float64], unit: str) -> list[Note]:
    """What to say of units, and of a spacing that the form contradicts."""
    mm = np.array(geometry.require_spacing()[::-1])
    found = []
    if unit not in ("", "mm"):
        found.append(Note("spacing", f"the file counts in {unit}: its samples lie {_mm(mm)} apart"))
    elif mm.min() < _CREDIBLE_MM[0] or mm.max() > _CREDIBLE_MM[1]:
        said = "in mm" if unit else "without a unit, taken as mm"
        found.append(Note("spacing", f"the file says a spacing of {_mm(mm)[:-3]} {said}"))
    if not np.allclose(np.abs(pixdim), mm, rtol=_SAME, atol=0, equal_nan=False):
        text = f"pixdim says a spacing of {_mm(pixdim)}, the form that is used {_mm(mm)}"
        found.append(Note("spacing", text))
    return found


def _mm(values: NDArray[np.float64]) -> str:
    return " x ".join(f"{value:.4g}" for value in values) + " mm"
