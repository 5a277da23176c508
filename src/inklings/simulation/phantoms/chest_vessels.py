"""Trees of vessels that branch and taper, and how tubes are put into a volume.

Branches reach for points spread over the lung, the nearest first, and radii follow the law of
Murray 1926: the cube of a parent's radius is about the sum of the cubes of its children's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.simulation.phantoms.chest_space import ChestGrid, F, Field, inside

Points = NDArray[np.float64]
_STEP_MM = 6.0
_FAR = 0.35  # how much the way back to the hilum counts against the way to the new point
_MURRAY = 2.5
_BIG = 1.1  # radii above this many pixels are drawn as tubes, others as their volume


@dataclass(frozen=True)
class Tree:
    """One tree of vessels of one lung.

    Attributes:
        nodes: ``(N, 3)`` points ``(z, y, x)``, mm.
        parent: ``(N)`` index of the node before; -1 at the root.
        radius: ``(N)``, mm.
        artery: Whether bronchi run along it.
    """

    nodes: Points
    parent: NDArray[np.int_]
    radius: NDArray[np.float64]
    artery: bool

    def segments(self) -> Tubes:
        """Pieces between every node and the one before."""
        here = np.arange(1, len(self.nodes))
        before = self.parent[here]
        wide = np.minimum(self.radius[before], self.radius[here] * 1.25)
        return Tubes(self.nodes[before], self.nodes[here], wide, self.radius[here])


@dataclass(frozen=True)
class Tubes:
    """Straight pieces of ``(N, 3)`` from ``start`` to ``stop`` with radii ``(N)``, mm."""

    start: Points
    stop: Points
    wide: NDArray[np.float64]
    narrow: NDArray[np.float64]

    def where(self, keep: NDArray[np.bool_]) -> Tubes:
        """Those for which ``keep (N)`` is true."""
        return Tubes(self.start[keep], self.stop[keep], self.wide[keep], self.narrow[keep])

    def __iter__(self) -> Iterator[tuple[Points, Points, float, float]]:
        return zip(self.start, self.stop, self.wide.tolist(), self.narrow.tolist(), strict=True)


def tubes(points: object, radii: object) -> Tubes:
    """A chain through ``points (N + 1, 3)`` with one radius for each point."""
    line, radius = np.asarray(points, float), np.asarray(radii, float)
    return Tubes(line[:-1], line[1:], radius[:-1], radius[1:])


def grow(
    rng: np.random.Generator, hilum: Points, ends: Points, thickest: float, artery: bool
) -> Tree:
    """A tree from ``hilum (3)`` to all of ``ends (N, 3)``, mm."""
    order = np.argsort(np.linalg.norm(ends - hilum, axis=1) + rng.normal(0, 12, len(ends)))
    room = len(ends) * 30 + 10
    nodes, way, parent = np.zeros((room, 3)), np.zeros(room), np.full(room, -1)
    nodes[0], count = hilum, 1
    for end in ends[order]:
        off = nodes[:count] - end
        distance = np.sqrt(np.einsum("ij,ij->i", off, off))
        here = int(np.argmin(distance + _FAR * way[:count]))
        length = float(distance[here])
        steps = max(1, int(length / _STEP_MM))
        bend = rng.normal(0, 0.07 * length, 3)
        if length < 3 or count + steps > room:
            continue
        share = np.arange(1, steps + 1)[:, None] / steps
        new = slice(count, count + steps)
        nodes[new] = nodes[here] + (end - nodes[here]) * share + bend * 2 * share * (1 - share)
        parent[new] = [here, *range(count, count + steps - 1)]
        way[new] = way[here] + length * share[:, 0]
        count += steps
    nodes, parent = nodes[:count], parent[:count]
    leaves = np.bincount(parent[1:], minlength=count) == 0
    flow = leaves.astype(float)
    for node in range(count - 1, 0, -1):
        flow[parent[node]] += flow[node]
    radius = np.minimum(0.40 * flow ** (1 / _MURRAY), thickest)
    return Tree(nodes, parent, radius, artery)


def paint_tubes(share: Field, pieces: Tubes, grid: ChestGrid) -> None:
    """Raise ``share (Z, Y, X)`` to the part of every sample that lies in one of the tubes."""
    spacing, origin = np.array(grid.spacing), np.array(grid.origin)
    for start, stop, wide, narrow in pieces:
        reach = max(wide, narrow) + grid.edge
        low = np.floor((np.minimum(start, stop) - reach - origin) / spacing).astype(int)
        high = np.ceil((np.maximum(start, stop) + reach - origin) / spacing).astype(int) + 1
        low, high = np.maximum(low, 0), np.minimum(high, grid.shape)
        if (high <= low).any():
            continue
        z, y, x = _around(low, high, spacing, origin - start)
        way = stop - start
        t = np.clip((z * way[0] + y * way[1] + x * way[2]) / max(way @ way, 1e-6), 0, 1)
        t = t.astype(F)
        off = (z - t * F(way[0])) ** 2 + (y - t * F(way[1])) ** 2 + (x - t * F(way[2])) ** 2
        part = share[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
        distance = np.sqrt(off) - (F(wide) + F(narrow - wide) * t)
        np.maximum(part, inside(distance, grid.edge), out=part)


def _around(
    low: NDArray[Any], high: NDArray[Any], spacing: Points, shift: Points
) -> tuple[Field, Field, Field]:
    z, y, x = (
        (np.arange(a, b) * mm + off).astype(F)
        for a, b, mm, off in zip(low, high, spacing, shift, strict=True)
    )
    return z[:, None, None], y[None, :, None], x[None, None, :]


def thin_tubes(pieces: Tubes, grid: ChestGrid) -> Field:
    """Share ``(Z, Y, X)`` that tubes thinner than a sample take, by volume and not by shape."""
    spacing = np.array(grid.spacing)
    shape = np.array(grid.shape)
    length = np.linalg.norm(pieces.stop - pieces.start, axis=1)
    count = np.maximum(1, np.ceil(length / (0.4 * spacing.min())).astype(int))
    piece = np.repeat(np.arange(len(length)), count)
    place = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    t = (place + 0.5) / count[piece]
    points = pieces.start[piece] + (pieces.stop - pieces.start)[piece] * t[:, None]
    radius = pieces.wide[piece] + (pieces.narrow - pieces.wide)[piece] * t
    volume = np.pi * radius**2 * (length / count)[piece] / spacing.prod()
    index = (points - np.array(grid.origin)) / spacing
    whole = np.floor(index).astype(int)
    held = ((whole >= 0) & (whole < shape - 1)).all(1)
    index, whole, volume = index[held], whole[held], volume[held]
    part = index - whole
    flat = (whole[:, 0] * shape[1] + whole[:, 1]) * shape[2] + whole[:, 2]
    places, shares = [], []
    for corner in np.ndindex(2, 2, 2):
        weight = np.where(corner, part, 1 - part).prod(1)
        places.append(flat + (corner[0] * shape[1] + corner[1]) * shape[2] + corner[2])
        shares.append(volume * weight)
    total = np.bincount(np.concatenate(places), np.concatenate(shares), int(shape.prod()))
    share: Field = np.minimum(total.astype(F), 1).reshape(grid.shape)
    return share


def paint_trees(trees: tuple[Tree, ...], grid: ChestGrid) -> tuple[Field, Field, Field]:
    """Shares ``(Z, Y, X)`` of vessels, of the air in bronchi and of their walls."""
    vessels, air, wall = np.zeros((3, *grid.shape), F)
    thin = []
    for tree in trees:
        pieces = tree.segments()
        big = pieces.narrow > _BIG * grid.edge
        paint_tubes(vessels, pieces.where(big), grid)
        thin.append(pieces.where(~big))
        if tree.artery:
            bronchi = _beside(tree)
            paint_tubes(wall, Tubes(*bronchi[:2], *2 * (bronchi[2] * 0.95 + 0.45,)), grid)
            paint_tubes(air, Tubes(*bronchi[:2], *2 * (bronchi[2] * 0.85,)), grid)
    fields = ("start", "stop", "wide", "narrow")
    joined = Tubes(*(np.concatenate([getattr(t, name) for t in thin]) for name in fields))
    np.maximum(vessels, thin_tubes(joined, grid), out=vessels)
    return vessels, air, wall


def _beside(tree: Tree) -> tuple[Points, Points, NDArray[np.float64]]:
    """Bronchi run along the thicker arteries."""
    here = np.flatnonzero(tree.radius > 1.5)
    here = here[here > 0]
    before, radius = tree.parent[here], tree.radius[here]
    way = np.array([0.89, 0.0, -0.45])
    start = tree.nodes[before] + way * (tree.radius[before] + radius * 0.8 + 0.8)[:, None]
    return start, tree.nodes[here] + way * (radius * 1.8 + 0.8)[:, None], radius
