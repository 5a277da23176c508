"""Images that are already in memory, and ``.npy`` files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inklings.arrays import require_whole
from inklings.errors import GeometryError, ReaderError
from inklings.geometry import Geometry, Region
from inklings.readers.choice import ANY, Choice
from inklings.readers.image import NothingToClose
from inklings.readers.notes import Note


@dataclass(frozen=True)
class ArrayImage(NothingToClose):
    """An image held as an array ``(C, *geometry.shape)``."""

    array: NDArray[Any]
    geometry: Geometry
    channels: tuple[str, ...]
    notes: tuple[Note, ...] = ()

    def at(self, spacing: float) -> ArrayImage:
        """Resampled linearly to ``spacing`` mm (anti-aliased when it gets coarser)."""
        factors = [spacing / mm for mm in self.geometry.require_spacing()]
        return self._resampled(self.geometry.at(spacing), factors)

    def shrunk(self, factor: float) -> ArrayImage:
        """Resampled linearly to samples that are ``factor`` times as far apart."""
        geometry, factors = self.geometry, [factor] * len(self.geometry.shape)
        if geometry.spacing is None:
            shape = tuple(max(1, round(n / factor)) for n in geometry.shape)
            return self._resampled(replace(geometry, shape=shape), factors)
        mm = geometry.spacing
        if len(set(mm)) == 1:
            return self._resampled(geometry.at(mm[0] * factor), factors)
        raise GeometryError(
            f"cannot make samples of {mm} mm {factor:g} times coarser on every axis alike; "
            "view it at a spacing instead"
        )

    def spaced(self, spacing: float) -> ArrayImage:
        """The same samples, ``spacing`` mm apart."""
        mm = (spacing,) * len(self.geometry.shape)
        return replace(self, geometry=replace(self.geometry, spacing=mm))

    def _resampled(self, there: Geometry, factors: Sequence[float]) -> ArrayImage:
        sigmas = [0.0, *(max(0.0, (f - 1) / 2) for f in factors)]
        smooth = ndimage.gaussian_filter(self.array.astype(np.float32), sigmas, mode="nearest")
        axes = [
            np.clip((np.arange(n) + 0.5) * f - 0.5, 0, m - 1)
            for n, f, m in zip(there.shape, factors, self.geometry.shape, strict=True)
        ]
        grid = np.meshgrid(*axes, indexing="ij")
        out = np.stack([ndimage.map_coordinates(c, grid, order=1, mode="nearest") for c in smooth])
        if np.issubdtype(self.array.dtype, np.integer):
            out = np.rint(out)
        return replace(self, array=out.astype(self.array.dtype), geometry=there)

    def read(self, region: Region) -> NDArray[Any]:
        """Samples of one region, ``(C, *region.size)``."""
        return self.array[(slice(None), *region.slices)]


_AXES = ("yx", "yxc", "cyx", "zyx", "zyxc", "czyx")


def image_of(
    array: NDArray[Any],
    spacing_mm: float | Sequence[float] | None = None,
    axes: str | None = None,
    geometry: Geometry | None = None,
) -> ArrayImage:
    """An array as an image; its samples stay what they are.

    Args:
        array: Numbers, in the order that ``axes`` says.
        spacing_mm: Between neighbouring samples: one number, or one for each of ``(y, x)`` or
            ``(z, y, x)``; None if it is not known.
        axes: ``yx``, ``yxc``, ``cyx``, ``zyx``, ``zyxc`` or ``czyx`` (c for channels). None where
            it cannot be mistaken: two axes are ``yx``; three are ``zyx`` where ``spacing_mm`` or
            ``geometry`` has three, else ``yxc`` where the last is 3 (red, green, blue).
        geometry: The grid, instead of ``spacing_mm``.

    Raises:
        ReaderError: If it holds no numbers, or its axes are left open.
        GeometryError: If spacing or grid have other axes or sizes than the array.
    """
    values = np.asarray(array)
    if values.dtype.kind not in "buif" or not values.size:
        raise ReaderError(
            f"expected an array of numbers, got {values.dtype} of shape {values.shape}"
        )
    if spacing_mm is not None and geometry is not None:
        raise GeometryError("expected spacing_mm or geometry, got both; leave one out")
    said = (
        len(geometry.shape)
        if geometry is not None
        else 0
        if spacing_mm is None or isinstance(spacing_mm, int | float)
        else len(spacing_mm)
    )
    axes = axes or _axes_of(values.shape, said)
    if axes not in _AXES or len(axes) != values.ndim:
        raise ReaderError(
            f"expected axes among {', '.join(_AXES)} for an array of shape {values.shape}, got "
            f"{axes!r}"
        )
    values = np.moveaxis(values, axes.index("c"), 0) if "c" in axes else values[None]
    grid = geometry or Geometry(values.shape[1:], _spacing(spacing_mm, values.ndim - 1))
    if grid.shape != values.shape[1:]:
        raise GeometryError(
            f"expected a grid of {values.shape[1:]} samples, as the array has, got {grid.shape}"
        )
    return ArrayImage(values, grid, _named(len(values)))


def _axes_of(shape: tuple[int, ...], spatial: int) -> str:
    """Axes that cannot be mistaken; ``spatial`` is how many of them lie in space, 0 if unsaid."""
    if len(shape) == 2:
        return "yx"
    if len(shape) == 3 and (spatial == 3 or shape[-1] == 3):
        return "zyx" if spatial == 3 else "yxc"
    raise ReaderError(
        f"cannot tell the axes of an array of shape {shape}; say axes='zyx' (a volume), 'yxc' or "
        "'cyx' (a picture with channels), 'czyx' (a volume with channels)"
    )


def _spacing(mm: float | Sequence[float] | None, axes: int) -> tuple[float, ...] | None:
    if mm is None:
        return None
    found = (float(mm),) * axes if isinstance(mm, int | float) else tuple(map(float, mm))
    if len(found) != axes or not all(0 < one < np.inf for one in found):
        raise GeometryError(f"expected one spacing above 0 mm, or {axes} (array order), got {mm}")
    return found


def _named(channels: int) -> tuple[str, ...]:
    if channels == 1:
        return ("grey",)
    return ("R", "G", "B") if channels == 3 else tuple(map(str, range(channels)))


class ArrayReader:
    """``.npy``: ``(H, W)`` or ``(C, H, W)``, memory-mapped."""

    def recognises(self, path: Path, head: bytes) -> bool:  # noqa: ARG002
        """By the magic string of NumPy's format."""
        return head.startswith(b"\x93NUMPY")

    def open(self, path: Path, choice: Choice = ANY) -> ArrayImage:
        """Open as an image without spacing."""
        choice.only(path)
        try:
            require_whole(path)
            array = np.load(path, mmap_mode="r", allow_pickle=False)
        except (ValueError, OSError, EOFError) as error:
            raise ReaderError(f"{path}: truncated or damaged NumPy file ({error})") from None
        if array.ndim not in (2, 3, 4) or not array.size or array.dtype.kind not in "buif":
            raise ReaderError(
                f"{path}: expected numbers (H, W) or (C, H, W), got {array.dtype} {array.shape}"
            )
        array = array[None] if array.ndim == 2 else array
        names = ("R", "G", "B") if array.shape[0] == 3 else tuple(map(str, range(array.shape[0])))
        return ArrayImage(array, Geometry(array.shape[1:], frame=path.name), names)
