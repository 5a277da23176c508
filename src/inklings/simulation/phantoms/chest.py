"""Chest CTs with a known answer: lungs, vessels, bones, airways, and nodules of every kind.

A patient is drawn once, in millimetres, and rendered on any grid: the same patient with thicker
slices has the same nodules in the same places. Noise has the texture of a scanner: strongest in
the middle of the body, without its slow waves, sharper or softer with the kernel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inklings.errors import SpecError
from inklings.geometry import Geometry
from inklings.simulation.phantoms.chest_anatomy import HEIGHT, Anatomy
from inklings.simulation.phantoms.chest_space import ChestGrid, F, Field, blend, inside
from inklings.simulation.phantoms.chest_tissues import Tissues
from inklings.simulation.phantoms.nodules import Looks, Nodule, Place, looks, paint, ratings

SHAPE = (96, 192, 192)
_PLACES: dict[Place, float] = {"isolated": 0.5, "juxta-vascular": 0.25, "juxta-pleural": 0.25}
_TRIES = 400


@dataclass(frozen=True)
class Chest:
    """One rendered scan.

    Attributes:
        image: ``(Z, Y, X)`` int16 in HU.
        geometry: Where its samples lie; slices from the feet to the head.
        lungs: ``(Z, Y, X)``, True in the lungs with their vessels and bronchi, and in nodules.
        objects: ``(Z, Y, X)`` uint8, number of the nodule in ``nodules`` plus one, 0 elsewhere.
        nodules: Whose centres lie in the grid.
    """

    image: NDArray[np.int16]
    geometry: Geometry
    lungs: NDArray[np.bool_]
    objects: NDArray[np.uint8]
    nodules: tuple[Nodule, ...]


def chest(
    seed: int,
    shape: tuple[int, int, int] = SHAPE,
    spacing_mm: tuple[float, float, float] | None = None,
    nodules: int | None = None,
    malignant: float = 0.4,
) -> Chest:
    """The scan of one patient; bit for bit the same whenever it is asked for.

    Args:
        seed: Decides everything.
        shape: Slices, rows and columns.
        spacing_mm: ``(z, y, x)``; by default the grid covers the whole chest.
        nodules: How many; 1 to 6 by default.
        malignant: Chance of each to be malignant.
    """
    return Patient(seed, nodules, malignant).render(shape, spacing_mm)


class Patient:
    """Someone who may be scanned on several grids.

    Attributes:
        nodules: All of them, with centres in mm of the patient.
    """

    def __init__(self, seed: int, nodules: int | None = None, malignant: float = 0.4) -> None:
        if not 0 <= malignant <= 1 or (nodules is not None and not 0 <= nodules <= 255):
            raise SpecError(
                "expected 0 to 255 nodules and a share of malignant ones of 0 to 1, "
                f"got {nodules} and {malignant}"
            )
        self.seed, self.anatomy = seed, Anatomy(seed)
        rng = np.random.default_rng([seed, 43])
        count = int(rng.integers(1, 7)) if nodules is None else nodules
        # Scanners put zero anywhere: who mixes up indices and millimetres should notice.
        self._zero = np.round(rng.uniform([-380.0, -40.0, -40.0], [-120.0, 40.0, 40.0]), 1)
        self._drawn: list[NDArray[np.float64]] = []
        self.nodules: tuple[Nodule, ...] = ()
        for _ in range(count):
            nodule = self._nodule(rng, looks(rng, bool(rng.random() < malignant)))
            self.nodules += (nodule,) if nodule else ()

    def placed(self, drawn: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points ``(N, 3)`` as drawn, ``(z, y, x)``, in mm of the patient, ``(x, y, z)``."""
        return (drawn + self._zero)[:, ::-1]

    def drawn(self, point_mm: tuple[float, float, float]) -> NDArray[np.float64]:
        """The inverse of `placed`, for one point."""
        drawn: NDArray[np.float64] = np.asarray(point_mm, float)[::-1] - self._zero
        return drawn

    def geometry(
        self,
        shape: tuple[int, int, int] = SHAPE,
        spacing_mm: tuple[float, float, float] | None = None,
    ) -> Geometry:
        """A grid around the middle of the chest; all of it unless ``spacing_mm`` says less."""
        if spacing_mm is None:
            field = 2.12 * self.anatomy.wide + 14
            spacing_mm = (HEIGHT / shape[0], field / shape[1], field / shape[2])
            spacing_mm = tuple(round(mm, 4) for mm in spacing_mm)  # type: ignore[assignment]
            assert spacing_mm is not None
        start = (
            (1 - n) / 2 * mm + zero
            for n, mm, zero in zip(shape, spacing_mm, self._zero.tolist(), strict=True)
        )
        z, y, x = (round(value, 4) for value in start)
        return Geometry(shape, spacing_mm, (x, y, z), frame=f"chest-phantom-{self.seed}")

    def render(
        self,
        shape: tuple[int, int, int] = SHAPE,
        spacing_mm: tuple[float, float, float] | None = None,
        noise_hu: float | None = None,
    ) -> Chest:
        """A scan on the grid of `geometry`.

        Args:
            shape: Slices, rows and columns.
            spacing_mm: ``(z, y, x)``.
            noise_hu: Standard deviation of the noise in soft tissue; of the dose by default.
        """
        geometry = self.geometry(shape, spacing_mm)
        assert geometry.spacing is not None
        assert geometry.origin is not None
        z, y, x = geometry.origin[::-1] - self._zero
        sz, sy, sx = geometry.spacing
        grid = ChestGrid(shape, (sz, sy, sx), (z, y, x), self.anatomy.raised)
        tissues = Tissues(self.anatomy, grid)
        objects = np.zeros(shape, np.uint8)
        kept: list[Nodule] = []
        for nodule, centre in zip(self.nodules, self._drawn, strict=True):
            index = geometry.to_indices(nodule.centre_mm)
            if (index < -0.5).any() or (index > np.array(shape) - 0.5).any():
                continue
            kept.append(nodule)
            paint(nodule, tissues.volume, objects, len(kept), grid, centre)
        lungs = tissues.lungs | (objects > 0)
        self._table(tissues, grid)
        rng = np.random.default_rng([self.seed, 47, *shape])
        image = _imaged(rng, tissues.volume, tissues.body, grid, noise_hu)
        return Chest(image, geometry, lungs, objects, tuple(kept))

    def _nodule(self, rng: np.random.Generator, look: Looks) -> Nodule | None:
        """A place that fits; None if there is none."""
        radius = look.diameter_mm / 2
        place = list(_PLACES)[int(rng.choice(len(_PLACES), p=list(_PLACES.values())))]
        for _ in range(_TRIES):
            centre = self._beside_a_vessel(rng, radius) if place == "juxta-vascular" else None
            if centre is None:
                points = self.anatomy.lung_points
                centre = points[rng.integers(len(points))] + rng.uniform(-3, 3, 3)
            depth = -float(self.anatomy.lung_distance(centre[None])[0])
            low, high = {
                "isolated": (radius + 4, np.inf),
                "juxta-vascular": (radius + 1, np.inf),
                "juxta-pleural": (0.25 * radius, 0.95 * radius),
            }[place]
            if low < depth < high and self._is_free(centre, radius):
                self._drawn.append(centre)
                z, y, x = np.round(centre + self._zero, 4).tolist()
                said, seed = ratings(rng, look), int(rng.integers(1 << 31))
                return Nodule(
                    (x, y, z), look.diameter_mm, look.malignant, look.kind, place,
                    round(look.spiculation, 3), round(look.lobulation, 3), said, seed,
                )  # fmt: skip
        return None

    def _beside_a_vessel(
        self, rng: np.random.Generator, radius: float
    ) -> NDArray[np.float64] | None:
        tree = self.anatomy.trees[rng.integers(len(self.anatomy.trees))]
        node = int(rng.integers(1, len(tree.nodes)))
        if not 0.7 < tree.radius[node] < 3:
            return None
        way = rng.standard_normal(3)
        shift: NDArray[np.float64] = way / np.linalg.norm(way)
        place: NDArray[np.float64] = tree.nodes[node] + shift * (tree.radius[node] + 0.75 * radius)
        return place

    def _is_free(self, centre: NDArray[np.float64], radius: float) -> bool:
        return all(
            np.linalg.norm(other - centre) > radius + nodule.diameter_mm / 2 + 6
            for other, nodule in zip(self._drawn, self.nodules, strict=True)
        )

    def _table(self, tissues: Tissues, grid: ChestGrid) -> None:
        """What the patient lies on."""
        deep, wide = self.anatomy.deep, self.anatomy.wide
        part = grid.window((-999, deep - 10, -999), (999, deep + 40, 999))
        _, y, x = grid.axes(part)
        sheet = np.abs(y - F(deep + 9) + (x / F(wide)) ** 2 * 12) - F(1.2)
        share = inside(sheet, grid.edge) * (np.abs(x) < F(0.8 * wide))
        blend(tissues.volume[part], -350.0, share)


def _imaged(
    rng: np.random.Generator, volume: Field, body: Field, grid: ChestGrid, noise_hu: float | None
) -> NDArray[np.int16]:
    """What a scanner makes of it: blur of slices and pixels, and noise of its kernel."""
    kernel = float(rng.uniform(0.35, 0.8))  # mm; lower is sharper
    sigma = noise_hu if noise_hu is not None else float(rng.uniform(14, 38))
    thick = float(rng.uniform(0.3, 0.55))  # of a slice
    blur = (thick, kernel / grid.spacing[1], kernel / grid.spacing[2])
    volume = ndimage.gaussian_filter(volume, blur, truncate=2.5)
    noise = rng.standard_normal(grid.shape, dtype=F)
    for axis in (1, 2):
        width = max(0.45, 1.2 * kernel / grid.spacing[axis])
        noise = ndimage.gaussian_filter1d(noise, width, axis, truncate=2.5)
    noise -= F(0.75) * ndimage.uniform_filter(noise, (1, 5, 5))
    noise *= F(sigma / noise[::4].std())
    middle = np.exp(-((np.clip(body, -200, 0) + 110) ** 2) / F(7200))
    noise *= (F(0.65) + F(0.75) * middle) * (1 - F(0.55) * (body > 4))
    volume += noise
    return np.clip(np.rint(volume), -1024, 3071).astype(np.int16)
