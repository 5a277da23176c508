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
