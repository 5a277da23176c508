"""A world traced on a grid and painted: coverages, then stain densities, then nuclei."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inklings.simulation.phantoms import sprites
from inklings.simulation.phantoms.fields import Plane, bell, coverage, fibres, grain, lookup
from inklings.simulation.phantoms.glands import ANGLES, Gland
from inklings.simulation.phantoms.world import Cells, Points, World

_TOUCH_UM = 45.0
_LYMPHOCYTE = sprites.KINDS.index(sprites.LYMPHOCYTE)
_PLEOMORPHIC = sprites.KINDS.index(sprites.PLEOMORPHIC)
_SPINDLE = sprites.KINDS.index(sprites.SPINDLE)
_TUMOUR = sprites.KINDS.index(sprites.TUMOUR)


@dataclass(frozen=True)
class Section:
    """What lies where on a grid ``(H, W)``; lengths in um.

    Attributes:
        y: Coordinates of the rows.
        x: Coordinates of the columns.
        tissue: Coverage by tissue; the rest is glass.
        inside: Signed distance into the gland, very negative in the stroma.
        owner: Number of the gland, 0 in the stroma.
        epithelium: Coverage by glands.
        lumen: Coverage by lumen.
        cleft: Coverage by the cleft around a gland that has shrunk from its stroma.
        cells: Relative staining: borders of neighbouring cells.
        glands: The glands by number minus one.
    """

    y: Points
    x: Points
    tissue: Plane
    inside: Plane
    owner: NDArray[np.int32]
    epithelium: Plane
    lumen: Plane
    cleft: Plane
    cells: Plane
    glands: tuple[Gland, ...]

    @property
    def um(self) -> float:
        """Size of a sample."""
        return float(self.y[1] - self.y[0])

    @property
    def objects(self) -> NDArray[np.int32]:
        """Number of the gland inside its outline and the tissue, 0 elsewhere."""
        return np.where((self.inside > 0) & (self.tissue > 0.5), self.owner, 0).astype(np.int32)

    def of_owner(self, values: list[float]) -> Plane:
        """A plane of per-gland values; zero in the stroma."""
        table = np.array([0.0, *values], np.float32)
        return table[self.owner]


def trace(world: World, y: Points, x: Points) -> Section:
    """Lay the glands of ``world`` on the grid of the coordinates ``y (H)``, ``x (W)``, um."""
    shape = (len(y), len(x))
    edge = world.inside_tissue(world.fields["crowd"].on(y, x))
    edge = edge + np.float32(3.5) * world.fields["spots"].on(y, x)
    section = Section(
        y=y,
        x=x,
        tissue=coverage(edge, 3.0),
        inside=np.full(shape, -1e3, np.float32),
        owner=np.zeros(shape, np.int32),
        epithelium=np.zeros(shape, np.float32),
        lumen=np.zeros(shape, np.float32),
        cleft=np.zeros(shape, np.float32),
        cells=np.zeros(shape, np.float32),
        glands=world.glands,
    )
    push_y, push_x = world.warp_on(y, x)
    warped_y = (y[:, None] + push_y).astype(np.float32)
    warped_x = (x[None] + push_x).astype(np.float32)
    for number, gland in world.near((y[0], y[-1]), (x[0], x[-1])):
        _lay(section, number, gland, warped_y, warped_x)
    return section


def _window(section: Section, y: float, x: float, reach: float) -> tuple[slice, slice]:
    """The part of the grid within ``reach`` of a point."""
    um = section.um
    top, left = (int((c - reach - axis[0]) / um) for c, axis in ((y, section.y), (x, section.x)))
    side = int(2 * reach / um) + 3
    return slice(max(0, top), max(0, top + side)), slice(max(0, left), max(0, left + side))


def _lay(section: Section, number: int, gland: Gland, y: Plane, x: Plane) -> None:
    """Draw one gland into the planes of ``section``."""
    part = _window(section, gland.y, gland.x, gland.reach + _TOUCH_UM)
    dy, dx = y[part] - np.float32(gland.y), x[part] - np.float32(gland.x)
    if not dy.size:
        return
    soft = max(section.um, 0.5) * 1.4
    radius = np.sqrt(dy * dy + dx * dx)
    angle = (np.arctan2(dy, dx) * np.float32(ANGLES / (2 * np.pi))).astype(np.int32) & (ANGLES - 1)
    inside = gland.outline[angle] - radius
    np.maximum(section.epithelium[part], coverage(inside, soft), out=section.epithelium[part])
    if gland.kind.tumour and gland.tone[2] > 0.3:
        section.cleft[part] = np.maximum(section.cleft[part], _shrunk(inside, angle, gland))
    mine = (inside > section.inside[part]) & (inside > -soft)
    lumen = coverage(gland.lumen[angle] - radius, soft * 1.2)
    for hole in gland.holes:
        hy, hx = y[part] - np.float32(hole.y), x[part] - np.float32(hole.x)
        cos, sin = np.cos(np.float32(hole.angle)), np.sin(np.float32(hole.angle))
        u = (hy * cos + hx * sin) * np.float32(hole.aspect)
        v = (hx * cos - hy * sin) / np.float32(hole.aspect)
        lumen = np.maximum(lumen, coverage(hole.radius - np.sqrt(u * u + v * v), soft * 1.3))
    section.inside[part][mine] = inside[mine]
    section.owner[part][mine] = number
    section.lumen[part][mine] = lumen[mine]
    section.cells[part][mine] = gland.cells[angle][mine]


def _shrunk(inside: Plane, angle: NDArray[np.int32], gland: Gland) -> Plane:
    """A white sickle along part of the outline."""
    phase = angle * np.float32(2 * np.pi / ANGLES) + np.float32(3 * gland.tone[0])
    wide = np.float32(1.6) - np.float32(2.6) * (np.float32(0.4) + np.sin(phase))
    return coverage(wide - np.abs(inside + np.float32(2.2)), 1.2)


def paint(world: World, section: Section) -> tuple[Plane, Plane, Plane]:
    """Densities of haematoxylin and eosin, and the noise of the camera, each ``(H, W)``."""
    y, x, fields = section.y, section.x, world.fields
    mottle = lookup(grain()[1], y[:, None], x[None])
    spots, crowd = fields["spots"].on(y, x), fields["crowd"].on(y, x)
    bend_y, bend_x = fields["bend"].on(y, x), fields["bend"].on(y + 9000, x + 2000)
    strands = lookup(fibres(), y[:, None] + 42 * bend_y, x[None] + 30 * bend_x)
    muscle = np.clip(fields["muscle"].on(y, x) * 0.5 + 0.5, 0, 1)
    gaps = coverage(np.float32(0.55) * spots - strands - np.float32(2.15), 0.5)
    eosin = (np.float32(0.50) + np.float32(0.11) * muscle + np.float32(0.13) * strands) * (1 - gaps)
    haematoxylin = np.float32(0.10) + np.float32(0.03) * (strands + crowd)
    haematoxylin = haematoxylin * (1 - gaps)
    haematoxylin, eosin = _paint_glands(section, haematoxylin, eosin, mottle)
    cleft = section.cleft * (1 - section.epithelium)
    open_space = np.maximum(gaps * (1 - section.epithelium), cleft)
    nuclei = _stamp(world, section, crowd) * (1 - open_space)
    haematoxylin = haematoxylin * (1 - cleft) + nuclei * (1 + np.float32(0.10) * mottle)
    eosin = eosin * (1 - cleft) * (1 - np.float32(0.35) * np.minimum(nuclei, 1))
    light = fields["light"].on(y, x)
    thick = (1 + np.float32(0.10) * crowd + np.float32(0.05) * spots) * section.tissue
    noise = np.float32(1.6) * lookup(grain()[0], y[:, None], x[None]) * section.tissue
    return haematoxylin * thick * np.exp(np.float32(0.17) * light), eosin * thick, noise


def _paint_glands(
    section: Section, haematoxylin: Plane, eosin: Plane, mottle: Plane
) -> tuple[Plane, Plane]:
    """Cytoplasm, the apical paling, the basal line of benign glands, secretion."""
    glands, epithelium, lumen = section.glands, section.epithelium, section.lumen
    apical = np.clip(section.inside * np.float32(1 / 24), 0, 1)
    tone_e = section.of_owner([0.05 * g.tone[0] for g in glands])
    tone_h = section.of_owner([0.03 * g.tone[1] for g in glands])
    in_e = 0.36 + tone_e + np.float32(0.06) * mottle - np.float32(0.07) * apical
    in_h = 0.185 + tone_h + np.float32(0.035) * mottle - np.float32(0.06) * apical
    eosin = eosin + (in_e * section.cells - eosin) * epithelium
    haematoxylin = haematoxylin + (in_h - haematoxylin) * epithelium
    benign = section.of_owner([0.16 * (not g.kind.tumour) for g in glands])
    eosin = eosin + benign * bell((section.inside - np.float32(0.3)) / np.float32(1.1))
    secretion = section.of_owner([g.secretion for g in glands])
    pink = np.maximum(secretion, 0) * (1 + np.float32(0.25) * mottle) + np.float32(0.012)
    blue = np.maximum(-secretion, 0) * (1 + np.float32(0.3) * mottle) + np.float32(0.01)
    return haematoxylin + (blue - haematoxylin) * lumen, eosin + (pink - eosin) * lumen


def _stamp(world: World, section: Section, crowd: Plane) -> Plane:
    """Densities of all nuclei, ``(H, W)``."""
    canvas, um = np.zeros_like(section.tissue), round(section.um, 4)
    nuclei = np.concatenate(
        [
            *(g.nuclei for _, g in world.near(*_bounds(section))),
            _loose(world, section, crowd),
        ]
    )
    rows = np.floor((nuclei[:, 0] - section.y[0]) / um + 0.5).astype(int)
    columns = np.floor((nuclei[:, 1] - section.x[0]) / um + 0.5).astype(int)
    height, width = canvas.shape
    seen = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    seen[seen] = section.tissue[rows[seen], columns[seen]] > 0.8
    turns = np.floor(nuclei[:, 4] / np.pi * sprites.ORIENTATIONS + 0.5).astype(int)
    turns %= sprites.ORIENTATIONS
    for i in np.flatnonzero(seen):
        stamp = sprites.sprite(int(nuclei[i, 2]), int(nuclei[i, 3]), int(turns[i]), um)
        half = stamp.shape[0] // 2
        top, left = rows[i] - half, columns[i] - half
        spot = canvas[max(top, 0) : rows[i] + half + 1, max(left, 0) : columns[i] + half + 1]
        cut = stamp[max(-top, 0) :, max(-left, 0) :][: spot.shape[0], : spot.shape[1]]
        np.maximum(spot, cut, out=spot)
    return canvas


def _bounds(section: Section) -> tuple[tuple[float, float], tuple[float, float]]:
    return (section.y[0], section.y[-1]), (section.x[0], section.x[-1])


def _loose(world: World, section: Section, crowd: Plane) -> NDArray[np.float64]:
    """Nuclei ``(N, 5)`` off the rows: solid tumour, spindle cells, lymphocytes."""
    cells = world.cells(*_bounds(section))
    um, glands = section.um, section.glands
    rows = ((cells.y - section.y[0]) / um + 0.5).astype(int).clip(0, len(section.y) - 1)
    columns = ((cells.x - section.x[0]) / um + 0.5).astype(int).clip(0, len(section.x) - 1)
    owner = section.owner[rows, columns]
    solid = np.array([False, *(g.kind.wall is None for g in glands)])[owner]
    wild = np.array([False, *(g.kind.grade == 5 for g in glands)])[owner]
    dense = np.array([0.0, *(0.70 + 0.12 * g.tone[0] for g in glands)])[owner]
    deep = (section.epithelium[rows, columns] > 0.85) & (section.lumen[rows, columns] < 0.15)
    stroma = section.epithelium[rows, columns] < 0.05
    inflamed = crowd[rows, columns] + world.look.inflamed
    mass = deep & solid & (cells.chance[0] < dense)
    likely = np.clip((inflamed - 1.05) * 1.1, 0.012, 0.92)
    lymphocyte = stroma & (cells.chance[0] < likely)
    spindle = stroma & ~lymphocyte & (cells.chance[1] < 0.20 + 0.08 * np.clip(inflamed, -1, 2))
    pleomorphic = wild & (cells.chance[3] < 0.35)
    kind = np.where(mass, np.where(pleomorphic, _PLEOMORPHIC, _TUMOUR), _SPINDLE)
    kind = np.where(lymphocyte, _LYMPHOCYTE, kind)
    turn = np.where(spindle, _flow(world, cells) + 0.22 * cells.tilt, 3.1 * cells.chance[2])
    keep = mass | lymphocyte | spindle
    nuclei: NDArray[np.float64] = np.stack([cells.y, cells.x, kind, cells.variant, turn], axis=1)
    kept: NDArray[np.float64] = nuclei[keep]
    return kept


def _flow(world: World, cells: Cells) -> NDArray[np.float64]:
    """Direction of the fibres at cells, radians from x."""
    bend, step = world.fields["bend"], 6.0
    along = bend.at(cells.y, cells.x + step) - bend.at(cells.y, cells.x - step)
    down = bend.at(cells.y + step, cells.x) - bend.at(cells.y - step, cells.x)
    angle: NDArray[np.float64] = np.arctan2(-42.0 * along, 2 * step + 42.0 * down)
    return angle
