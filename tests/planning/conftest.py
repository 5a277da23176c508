"""Cohorts of every kind, drawn: what a plan says of them can be worked out by hand."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.geometry import Geometry
from inklings.labels.files import write_mask
from inklings.labels.kinds import Extent, MaskLabel
from inklings.planning.budget import Budget
from inklings.readers.nifti import write_nifti

CASES = 12
AXES = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
Drawn = tuple[NDArray[Any], NDArray[np.uint8]]


@pytest.fixture
def core() -> Budget:
    """Five minutes of one core with bf16."""
    return Budget(5, 1, 8 << 30, bf16=True)


def ball(
    shape: tuple[int, ...], centre: tuple[float, ...], radius: float | tuple[float, ...]
) -> NDArray[np.bool_]:
    """True inside a ball, or an ellipsoid."""
    axes = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")
    radii = (radius,) * len(shape) if isinstance(radius, int | float) else radius
    far = sum(((a - c) / r) ** 2 for a, c, r in zip(axes, centre, radii, strict=True))
    inside: NDArray[np.bool_] = np.asarray(far) <= 1
    return inside


@dataclass
class Writer:
    """Writes cases below a folder, and the cohort of them."""

    folder: Path

    def volumes(
        self,
        draw: Callable[[np.random.Generator], Drawn],
        classes: tuple[str, ...],
        spacing: tuple[float, float, float],
        extent: Extent = "complete",
        **facts: str,
    ) -> Path:
        """Volumes ``(z, y, x)`` that lie as DICOM has them, with masks of classes."""
        cases = []
        for i in range(CASES):
            image, mask = draw(np.random.default_rng(i))
            grid = Geometry(image.shape, spacing, (0.0, 0.0, 0.0), AXES)
            path, drawn = self.folder / f"{i}.nii.gz", self.folder / f"{i}-mask.nii.gz"
            write_nifti(path, image, grid)
            write_mask(drawn, mask, grid)
            label = MaskLabel(drawn, "image", "classes", classes, extent)
            cases.append(self._case(i, path, (label,), facts))
        return self._write(cases, classes)

    def pictures(
        self,
        draw: Callable[[np.random.Generator], Drawn],
        classes: tuple[str, ...] = ("object",),
        kind: Any = "classes",
        extent: Extent = "complete",
        facts: dict[str, Any] | None = None,
    ) -> Path:
        """Pictures ``(h, w)`` or ``(h, w, 3)`` uint8 with masks of classes or instances."""
        cases = []
        for i in range(CASES):
            image, mask = draw(np.random.default_rng(i))
            path, drawn = self.folder / f"{i}.png", self.folder / f"{i}-mask.png"
            Image.fromarray(image).save(path)
            write_mask(drawn, mask)
            label = MaskLabel(drawn, "image", kind, classes, extent)
            cases.append(self._case(i, path, (label,), {}))
        return self._write(cases, classes, facts)

    def marked(self, draw: Callable[[np.random.Generator], tuple[Any, tuple[Any, ...]]]) -> Path:
        """Pictures with marks in place of masks."""
        cases = []
        for i in range(CASES):
            image, labels = draw(np.random.default_rng(i))
            path = self.folder / f"{i}.png"
            Image.fromarray(image).save(path)
            cases.append(self._case(i, path, labels, {}))
        return self._write(cases, ("object",))

    def _case(self, i: int, path: Path, labels: Any, facts: dict[str, str]) -> Case:
        part: Any = "train" if i < CASES - 3 else "val" if i < CASES - 1 else "test"
        return Case(f"c{i:02d}", f"p{i}", {"image": path}, labels, part, facts)

    def _write(
        self, cases: list[Case], classes: tuple[str, ...], facts: dict[str, Any] | None = None
    ) -> Path:
        Cohort("drawn", tuple(cases), classes, facts or {}).write(self.folder / "cohort")
        return self.folder / "cohort"


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    return Writer(tmp_path)
