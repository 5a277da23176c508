"""What CZI holds, by pylibCZIrw, the library of ZEISS (LGPL)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.errors import ReaderError
from inklings.readers.microscope_files import Owned, Scene, library
from inklings.readers.resample import Whole


class Czi(Owned):
    """A file of ZEISS; levels where it holds coarser tiles, at whole factors."""

    def _opened(self, path: str) -> Any:
        return library("pylibCZIrw.czi", "CZI").CziReader(path)

    def _read(self, path: Path) -> None:
        box = self._file.total_bounding_box_no_pyramid
        self._first = {k: low for k, (low, _) in box.items() if k not in "XY"}
        sizes = {k: b - a for k, (a, b) in box.items() if k not in "XY" and b - a > 1}
        places = self._file.scenes_bounding_rectangle_no_pyramid
        self._numbers: list[int | None] = [*places] or [None]
        self._places = [*places.values()] or [self._file.total_bounding_rectangle_no_pyramid]
        said = self._file.metadata["ImageDocument"]["Metadata"]
        kinds = {*self._file.pixel_types.values()}
        colours = {kind.startswith("Bgr") for kind in kinds}
        if kinds - {*_CZI} or len(colours) != 1:
            raise ReaderError(
                f"{path}: expected pixels of {', '.join(_CZI)}, got {', '.join(sorted(kinds))}; "
                "export it as OME-TIFF"
            )
        self._factors, there = self._tiles()
        planned = math.prod(sizes.values()) * len(self._places)
        if len(there) < planned:
            raise ReaderError(
                f"{path}: expected {planned} planes, got {len(there)}; what is missing would be "
                "read as 0: export the planes that are there as OME-TIFF"
            )
        dtype = np.result_type(*(_CZI[kind] for kind in kinds))
        image = said.get("Information", {}).get("Image", {}).get("Dimensions") or {}
        named = _listed((image.get("Channels") or {}).get("Channel"))
        channels = [str(one.get("@Name") or "") for one in named]
        names = _listed(((image.get("S") or {}).get("Scenes") or {}).get("Scene"))
        steps = _listed(((said.get("Scaling") or {}).get("Items") or {}).get("Distance"))
        metres = {one.get("@Id"): float(one.get("Value") or 0) for one in steps}
        z, y, x = (1e6 * metres.get(k, 0.0) or None for k in "ZYX")
        self.scenes = tuple(
            Scene(
                str(names[k].get("@Name") or "") if len(names) == len(self._places) else "",
                sizes,
                tuple((place.h // f, place.w // f) for f in self._factors),
                dtype,
                colours == {True},
                channels,
                (z, y, x),
                "Scaling",
            )
            for k, place in enumerate(self._places)
        )

    def plane(
        self, scene: int, at: Mapping[str, int], level: int, start: Whole, size: Whole
    ) -> NDArray[Any]:
        """A box; what was not scanned is white in colours and 0 elsewhere."""
        place, factor = self._places[scene], self._factors[level]
        there = {k: first + at.get(k, 0) for k, first in self._first.items()}
        found: NDArray[Any] = self._file.read(
            roi=(
                place.x + start[1] * factor,
                place.y + start[0] * factor,
                size[1] * factor,
                size[0] * factor,
            ),
            plane=there,
            scene=self._numbers[scene],
            zoom=1 / factor,
            background_pixel=(1.0, 1.0, 1.0) if self.scenes[scene].colours else (0.0, 0.0, 0.0),
        )
        return found[: size[0], : size[1], ::-1]

    def _tiles(self) -> tuple[tuple[int, ...], set[tuple[int, ...]]]:
        """Whole factors at which the file holds tiles (ZEISS makes 2 or 3), and its planes."""
        factors: set[int] = {1}
        planes: set[tuple[int, ...]] = set()

        def note(number: int, tile: Any) -> bool:  # noqa: ARG001
            factor = tile.logicalRect.w / max(1, tile.physicalSize.w)
            if factor > 1.5 and abs(factor / round(factor) - 1) < 0.02:
                factors.add(round(factor))
            if factor < 1.5:
                at: Mapping[str, int] = tile.coordinate.to_dict()
                planes.add(tuple(at.get(k, 0) for k in (*self._first, "S")))
            return True

        self._file.enumerate_subblocks(note)
        least = min(min(place.h, place.w) for place in self._places)
        return tuple(sorted(f for f in factors if f == 1 or least >= 16 * f)), planes


_CZI: dict[str, np.dtype[Any]] = {
    "Gray8": np.dtype(np.uint8), "Gray16": np.dtype(np.uint16), "Gray32Float": np.dtype(np.float32),
    "Bgr24": np.dtype(np.uint8), "Bgr48": np.dtype(np.uint16),
}  # fmt: skip


def _listed(found: Any) -> list[Mapping[str, Any]]:
    """One or several of an XML document."""
    return [one for one in (found if isinstance(found, list) else [found]) if one]
