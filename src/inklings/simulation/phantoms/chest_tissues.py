"""HU of everything in a chest but nodules: soft tissue, bones, lung, vessels and airways."""

from __future__ import annotations

import numpy as np

from inklings.simulation.phantoms.chest_anatomy import HEIGHT, Anatomy, Organs
from inklings.simulation.phantoms.chest_space import ChestGrid, F, Window, blend, inside, oval
from inklings.simulation.phantoms.chest_vessels import Tubes, paint_trees, paint_tubes, tubes

AIR, FAT, FAR = -1000.0, -105.0, 999.0


class Tissues:
    """One chest on one grid, painted from the skin inwards.

    Attributes:
        volume: ``(Z, Y, X)`` float32 in HU.
        air: ``(Z, Y, X)``, share of every sample that is lung.
        lungs: ``(Z, Y, X)``, True in the lungs, with their vessels.
        body: Distance to the skin.
    """

    def __init__(self, anatomy: Anatomy, grid: ChestGrid) -> None:
        self.anatomy, self.grid, self.edge = anatomy, grid, grid.edge
        self.axes = grid.axes()
        self.slow, self.fast = anatomy.noise(self.axes)
        self.volume = np.full(grid.shape, AIR, F)
        self.body = anatomy.body(self.axes, self.slow)
        self.organs: Organs = anatomy.organs(self.axes, self.slow, self.fast)
        self.air = inside(self.organs.lung, self.edge)
        self._wall()
        self._ribs()
        self._spine()
        self._sternum_and_shoulders()
        self._mediastinum()
        self._abdomen()
        self._lung()
        self.lungs = self._vessels()

    def _part(self, low: tuple[float, ...], high: tuple[float, ...]) -> Window:
        return self.grid.window(low, high)

    def _wall(self) -> None:
        z, y, _ = self.axes
        patient = self.anatomy
        blend(self.volume, FAT + 8 * self.fast, inside(self.body, self.edge))
        thick = F(patient.fat) * (1 + F(0.35) * np.clip(-y / F(patient.deep), -1, 1))
        muscle = self.body + thick + F(1.5) * self.fast
        blend(self.volume, 52 + 9 * self.fast, inside(muscle, self.edge))
        sheet = inside(np.abs(muscle + 7 + F(2.5) * self.slow) - F(0.9), self.edge)
        sheet *= inside(np.abs(z / F(HEIGHT / 2)) * 20 - 15, 6) * F(0.8)
        blend(self.volume, -95.0, sheet)
        blend(self.volume, 20.0, inside(np.abs(self.body + F(0.8)) - F(0.9), self.edge))

    def _ribs(self) -> None:
        z, y, x = self.axes
        slope, pitch, phase = self.anatomy.ribs
        deep = self.anatomy.half_deep
        high = np.mod(z + F(slope / (2 * deep)) * (F(deep) - y) + F(phase), F(pitch))
        off = self.organs.cavity - 6
        near = np.flatnonzero(np.abs(off) < 7)
        iz, iy, ix = np.unravel_index(near, self.grid.shape)
        along = high[iz, iy, 0] - F(pitch / 2)
        across = off.ravel()[near]
        ring = (np.sqrt((across / F(4.2)) ** 2 + (along / 6) ** 2) - 1) * F(4.2)
        keep = ring < self.edge
        ring, near, ys, xs = ring[keep], near[keep], y.ravel()[iy[keep]], x.ravel()[ix[keep]]
        bony = inside(-(ys + F(0.62 * deep)), 10.0)
        shell = np.exp(-(((ring + 1) / F(1.3)) ** 2))
        hu = (220 + 430 * shell) * bony + 95 * (1 - bony)
        share = inside(ring, self.edge) * (np.abs(xs) > 14)
        flat = self.volume.reshape(-1)
        flat[near] += (hu - flat[near]) * share

    def _spine(self) -> None:
        back = self.anatomy.back
        part = self._part((-FAR, back - 22, -46), (FAR, back + 52, 46))
        z, y, x = self.grid.axes(part)
        volume = self.volume[part]
        body = oval(x, y - F(back), 19, 16)
        high = np.mod(z + F(self.anatomy.vertebra), F(24)) - 12
        disc = inside(F(9.2) - np.abs(high), 2.0)
        shell = np.exp(-(((body + F(1.2)) / F(1.6)) ** 2))
        hu = (190 + 40 * self.fast[part] + 330 * shell) * (1 - disc) + 85 * disc
        blend(volume, hu, inside(body, self.edge))
        arch = oval(x, y - F(back + 26), 5, 20) + 6 * (np.abs(high) > 8)
        ribs = np.sqrt((x * F(0.35)) ** 2 + (y - F(back + 13) + np.abs(x) * F(0.12)) ** 2)
        arch = np.minimum(arch, ribs - 6 + 5 * (np.abs(high) > 7))
        blend(volume, 300.0, inside(arch, self.edge) * inside(self.body[part] + 6, 4))
        blend(volume, 25.0, inside(oval(x, y - F(back + 21), 8.5, 7.5), self.edge))

    def _sternum_and_shoulders(self) -> None:
        front, wide, deep = self.anatomy.half_deep, self.anatomy.wide, self.anatomy.deep
        part = self._part((-HEIGHT * 0.12 - 6, -front - 16, -24), (FAR, -front + 6, 24))
        z, y, x = self.grid.axes(part)
        bone = oval(x, y + F(front + 6), 19, 5.5)
        hu = 180 + 280 * np.exp(-(((bone + 1) / F(1.2)) ** 2))
        low = inside(-z - F(HEIGHT * 0.12), 8)
        blend(self.volume[part], hu, inside(bone, self.edge) * low)
        for sign in (-1, 1):
            sides = sorted((sign * 0.45 * wide, sign * 0.95 * wide))
            part = self._part((-5, 0.62 * deep - 34, sides[0]), (FAR, 0.62 * deep + 34, sides[1]))
            z, y, x = self.grid.axes(part)
            u, v = x - F(sign * 0.62 * wide), y - F(0.58 * deep)
            blade = np.maximum(
                np.abs(u * F(0.55 * sign) + v * F(0.83)) - F(3.2),
                np.abs(u * F(0.83) - v * F(0.55 * sign)) - 27,
            )
            share = inside(blade, self.edge) * inside(F(0.05 * HEIGHT) - z, 12)
            share = share * inside(self.body[part] + 6, 4)
            share *= inside(12 - self.organs.cavity[part], 3)
            hu = 260 + 300 * np.exp(-(((blade + F(0.8)) / F(1.2)) ** 2))
            blend(self.volume[part], hu, share)

    def _mediastinum(self) -> None:
        patient = self.anatomy
        half = patient.half_wide
        low = (-FAR, -patient.half_deep - 8, -0.75 * half)
        part = self._part(low, (FAR, patient.back - 8, 0.85 * half))
        heart, fast = self.organs.heart[part], self.fast[part]
        above = inside(self.organs.diaphragm[part], 6.0)
        solid = inside(self.organs.cavity[part], self.edge) * (1 - self.air[part]) * above
        fat = inside((F(0.25) - self.slow[part] - F(0.5) * fast) * 6, 2.5) * inside(2 - heart, 3.0)
        blend(self.volume[part], (40 + 8 * fast) * (1 - fat) - 88 * fat, solid)
        muscle = inside(heart + 6, 2.5)
        tissue = above * (1 - self.air[part])
        blend(self.volume[part], 44 + 0.75 * patient.contrast, muscle * tissue)
        sac = inside(heart, 2.0) * (1 - muscle) * tissue * F(0.5)
        blend(self.volume[part], -70.0, sac)

    def _abdomen(self) -> None:
        patient = self.anatomy
        part = self._part((-FAR, -FAR, -FAR), (-HEIGHT * 0.22, FAR, FAR))
        z, y, x = self.grid.axes(part)
        if not z.size:
            return
        below = 1 - inside(self.organs.diaphragm[part], 6.0)
        solid = inside(self.organs.cavity[part], self.edge) * (1 - self.air[part])
        organ = np.where(x < 0, 62 + 0.25 * patient.contrast, 48 + 0.3 * patient.contrast)
        around = inside(-oval(x, y - F(patient.back), 22, 19), 3.0)
        hu = organ.astype(F) + 10 * self.fast[part]
        blend(self.volume[part], hu, solid * below * around)
        bubble = np.sqrt(
            ((x - F(0.5 * patient.half_wide)) / 26) ** 2
            + ((y + F(0.25 * patient.half_deep)) / 17) ** 2
            + ((z + F(HEIGHT * 0.455)) / 13) ** 2
        )
        blend(self.volume[part], -950.0, inside((bubble - 1) * 15, 2.0) * below)

    def _lung(self) -> None:
        patient = self.anatomy
        _, y, _ = self.axes
        hu = F(patient.lung_hu) + 38 * (y / F(patient.deep)) + 14 * self.slow + 12 * self.fast
        hu += 15 * patient.waves[2](*self.axes)
        if patient.emphysema > 0.3:
            hu -= F(60 * patient.emphysema) * np.clip(self.fast - F(0.6), 0, 1)
        blend(self.volume, hu, self.air)

    def _vessels(self) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Paint trees, great vessels and airways; returns the lungs with what runs in them."""
        z, y, _ = self.axes
        contrast = self.anatomy.contrast
        vessels, air, wall = paint_trees(self.anatomy.trees, self.grid)
        great = np.zeros(self.grid.shape, F)
        for pieces in self._great_vessels():
            paint_tubes(great, pieces, self.grid)
        for outer, inner in self._airways():
            paint_tubes(wall, outer, self.grid)
            paint_tubes(air, inner, self.grid)
        blend(self.volume, 40 + 0.95 * contrast, great)
        lungs = (self.air > 0.5) | (((vessels > 0.3) | (wall > 0.3)) & (self.organs.lung < 0))
        blend(self.volume, -120.0, wall * np.maximum(self.air, F(0.6)))
        blend(self.volume, 35 + 0.8 * contrast, vessels * self.air)
        blend(self.volume, -985.0, air)
        fissure = np.abs(z + 10 + F(0.75) * y - 6 * self.slow) * F(0.8 / self.edge)
        blend(self.volume, 0.0, np.clip(1 - fissure, 0, 1) * F(0.10) * self.air)
        return lungs

    def _drawn(self, points: list[list[float]]) -> list[list[float]]:
        """Points of the body as the trees have them, which do not know how it was raised."""
        return [[z, y - self.anatomy.raised, x] for z, y, x in points]

    def _great_vessels(self) -> list[Tubes]:
        back, deep, top = self.anatomy.back, self.anatomy.half_deep, HEIGHT / 2
        aorta: list[list[float]] = [
            [-top, back - 24, 20], [-10, back - 24, 21], [20, back - 26, 20], [38, back - 38, 15],
            [46, -8, 6], [40, -0.35 * deep, -5], [10, -0.38 * deep, -12], [-20, -0.28 * deep, -5],
        ]  # fmt: skip
        lung: list[list[float]] = [[0, -0.3 * deep, 8], [14, -6, 4], [12, 0, -30], [14, 2, 34]]
        drawn: list[tuple[list[list[float]], list[float]]]
        drawn = [(aorta, [11.5] * 8), ([[top, -12, -14], [-10, -14, -24]], [7.5, 8.0])]
        drawn += [([lung[a], lung[b]], r) for a, b, r in
                  ((0, 1, [11.0, 11.0]), (1, 2, [9.0, 7.0]), (1, 3, [9.0, 7.0]))]  # fmt: skip
        drawn += [([[44, -10, 6 - 11 * k], [top, -6, 16 - 16 * k]], [5.5, 4.5]) for k in range(3)]
        return [tubes(self._drawn(points), radii) for points, radii in drawn]

    def _airways(self) -> list[tuple[Tubes, Tubes]]:
        line = self._drawn([[HEIGHT / 2, 0, 0], [22, 2, 2], [6, 4, -26], [8, 4, 28]])
        sizes = (0, 1, 9.6, 9.3, 8.2, 8.0), (1, 2, 8.0, 6.6, 6.6, 5.2), (1, 3, 7.0, 6.0, 5.6, 4.7)
        return [
            (tubes([line[a], line[b]], [w0, w1]), tubes([line[a], line[b]], [r0, r1]))
            for a, b, w0, w1, r0, r1 in sizes
        ]
