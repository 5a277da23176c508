"""Which tiles of a slide are worth reading: a regular grid, and the share of tissue in each tile.

The last tile of a row or column is moved back to end where the slide ends, so that no strip at
the right or the bottom is lost and every tile is whole. A tile is kept when more than a share of
it is tissue, as a coarse view of the slide shows it or, where an annotator outlined all tissue
(PANDA), as the mask says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inklings.cohorts.case import Case
from inklings.cohorts.opening import open_case
from inklings.cohorts.rasterise import combined
from inklings.cohorts.region import annotate_region, mask_region
from inklings.data import TISSUE
from inklings.data.tile_index import TileHead
from inklings.data.tissue import coarse_factor, find_tissue
from inklings.geometry import Geometry, Region
from inklings.labels.kinds import CaseLabel, MaskLabel
from inklings.readers.image import Image

BY_MASK, EVERYWHERE = "mask", "everywhere"
"""Methods besides those of `inklings.data.TISSUE`: the annotated mask, and keeping all."""

_SAMPLES = 1 << 22  # annotated at once: 40 MB
Starts = NDArray[np.int64]
Columns = dict[str, NDArray[np.float32] | NDArray[np.int64]]


@dataclass(frozen=True)
class TileBoxes:
    """Tiles of a slide, some or all.

    Attributes:
        y: ``(N,)`` first rows, ascending; tiles of one row stand together.
        x: ``(N,)`` first columns.
        size: Samples along a side.
        shape: Of the grid; a tile reaches beyond it only where the slide is smaller than a tile.
    """

    y: Starts
    x: Starts
    size: int
    shape: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.y)

    @property
    def area(self) -> NDArray[np.int64]:
        """``(N,)`` samples of each tile within the slide."""
        height = np.minimum(self.size, self.shape[0] - self.y)
        return height * np.minimum(self.size, self.shape[1] - self.x)

    def where(self, keep: NDArray[np.bool_]) -> TileBoxes:
        """Those for which ``keep`` ``(N,)`` is true."""
        return TileBoxes(self.y[keep], self.x[keep], self.size, self.shape)

    def runs(self) -> Iterator[tuple[Region, slice]]:
        """Regions of the grid that hold neighbouring tiles of a row, and which tiles those are."""
        first = 0
        most = max(self.size, _SAMPLES // self.size)
        for k in range(1, len(self) + 1):
            if k < len(self) and self.y[k] == self.y[first]:
                near = self.x[k] <= self.x[k - 1] + self.size
                if near and self.x[k] + self.size - self.x[first] <= most:
                    continue
            start = (int(self.y[first]), int(self.x[first]))
            stop = (start[0] + self.size, int(self.x[k - 1]) + self.size)
            inside = [min(b, n) - a for a, b, n in zip(start, stop, self.shape, strict=True)]
            yield Region(start, tuple(inside)), slice(first, k)
            first = k


@dataclass(frozen=True)
class Found:
    """Shares of ``N`` tiles: tissue ``(N,)``, known ``(N,)``, and ``K`` classes ``(N, K)``."""

    tissue: NDArray[np.float64]
    known: NDArray[np.float64]
    labels: NDArray[np.float64]


def starts(length: int, size: int, stride: int) -> Starts:
    """First samples of the tiles along an axis of ``length``; together they cover all of it."""
    found = np.arange(0, max(1, length - size + 1), stride, dtype=np.int64)
    last = max(0, length - size)
    return found if found[-1] == last else np.append(found, last)


def boxes(shape: tuple[int, ...], size: int, stride: int) -> TileBoxes:
    """All tiles of a grid of ``shape``, row by row."""
    y, x = np.meshgrid(*(starts(n, size, stride) for n in shape), indexing="ij")
    return TileBoxes(y.ravel(), x.ravel(), size, shape)


def tile_slide(case: Case, head: TileHead) -> Columns:
    """The kept tiles of a case: the columns of `inklings.data.tile_index` but ``case``.

    Raises:
        DataError: If the slide or its labels cannot be read, or its spacing is needed and unknown.
    """
    method = str(head.settings["method"])
    least = float(head.settings["min_tissue"])
    outlined = outline(case, head.image) if method == BY_MASK else None
    with open_case(case, head.image) as slide:
        geometry = head.view(slide).geometry
        tiles = boxes(geometry.shape, head.size, head.stride)
        if outlined is not None:
            coarse = slide.shrunk(coarse_factor(slide))
            for view in (slide, coarse):  # nothing else would notice a slide cut short
                view.read(Region(tuple(n - 1 for n in view.geometry.shape), (1, 1)))
            tiles = tiles.where(_touched(outlined, coarse.geometry, tiles))
            found = _counted(outlined, geometry, tiles, head.classes)
        else:
            method = str(head.settings["without_mask"]) if method == BY_MASK else method
            tissue = tissue_shares(slide, tiles, method)
            tiles, tissue = tiles.where(tissue > least), tissue[tissue > least]
            found = Found(tissue, *annotated(case, geometry, tiles, head))
    return _columns(tiles, found, found.tissue > least, head.classes)


def outline(case: Case, image: str) -> MaskLabel | None:
    """The mask of classes that says of every sample of the slide what it is, if there is one."""
    masks = [
        label
        for label in case.labels
        if isinstance(label, MaskLabel)
        and label.image == image
        and (label.kind, label.extent) == ("classes", "complete")
    ]
    return masks[-1] if masks else None


def tissue_shares(slide: Image, tiles: TileBoxes, method: str) -> NDArray[np.float64]:
    """``(N,)`` share of each tile that is tissue, on a coarse view."""
    if method == EVERYWHERE:
        return np.ones(len(tiles))
    return shares(find_tissue(slide, TISSUE.build(method, {})).mask, tiles)


def shares(mask: NDArray[np.bool_], tiles: TileBoxes) -> NDArray[np.float64]:
    """``(N,)`` share of each tile that ``mask`` ``(h, w)``, of the same extent, covers; exact."""
    table = np.zeros((mask.shape[0] + 1, mask.shape[1] + 1))
    table[1:, 1:] = mask.cumsum(0, dtype=np.float64).cumsum(1)
    step = [n / m for n, m in zip(tiles.shape, mask.shape, strict=True)]
    top, left = tiles.y / step[0], tiles.x / step[1]
    bottom = np.minimum(tiles.y + tiles.size, tiles.shape[0]) / step[0]
    right = np.minimum(tiles.x + tiles.size, tiles.shape[1]) / step[1]
    total = _at(table, bottom, right) - _at(table, top, right)
    total -= _at(table, bottom, left) - _at(table, top, left)
    shared: NDArray[np.float64] = total / ((bottom - top) * (right - left))
    return np.clip(shared, 0.0, 1.0)


def _at(
    table: NDArray[np.float64], y: NDArray[np.float64], x: NDArray[np.float64]
) -> NDArray[np.float64]:
    """A table of sums between its rows and columns: bilinear, exact for constant samples."""
    row = np.minimum(y.astype(np.int64), table.shape[0] - 2)
    column = np.minimum(x.astype(np.int64), table.shape[1] - 2)
    down, right = y - row, x - column
    upper = table[row, column] * (1 - right) + table[row, column + 1] * right
    lower = table[row + 1, column] * (1 - right) + table[row + 1, column + 1] * right
    mixed: NDArray[np.float64] = upper * (1 - down) + lower * down
    return mixed


def _touched(label: MaskLabel, coarse: Geometry, tiles: TileBoxes) -> NDArray[np.bool_]:
    """``(N,)`` True for tiles in which a coarse look at the mask sees anything at all.

    A look every few um misses what is smaller; a tile with so little is never worth keeping.
    """
    return shares(mask_region(label.path, coarse, coarse.full) > 0, tiles) > 0


def _counted(
    label: MaskLabel, geometry: Geometry, tiles: TileBoxes, classes: Sequence[str]
) -> Found:
    """Shares by the codes of one mask, counted sample by sample: all codes but 0 are tissue."""
    counts = np.zeros((len(tiles), len(label.classes) + 1))
    for region, which in tiles.runs():
        codes = mask_region(label.path, geometry, region)
        if codes.max(initial=0) > len(label.classes):
            combined([label], [codes], codes.shape, classes)  # says which codes it does not know
        for k, part in _parts(tiles, region, which):
            here = codes[part]
            counts[k, 0] = np.count_nonzero(here)
            for code in range(1, len(label.classes) + 1) if counts[k, 0] else ():
                counts[k, code] = np.count_nonzero(here == code)
    counts /= np.maximum(tiles.area, 1)[:, None]
    labels = np.zeros((len(tiles), len(classes)))
    for code, name in enumerate(label.classes, 1):
        if name in classes:
            labels[:, classes.index(name)] += counts[:, code]
    return Found(counts[:, 0], np.ones(len(tiles)), labels)


def annotated(
    case: Case, geometry: Geometry, tiles: TileBoxes, head: TileHead
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Share of each tile that is annotated ``(N,)``, and of each class ``(N, K)``; exact.

    Args:
        case: Whose labels, of any kind.
        geometry: Grid of the tiles.
        tiles: ``N`` of them.
        head: Names the image and the classes.
    """
    known = np.zeros(len(tiles))
    labels = np.zeros((len(tiles), len(head.classes)))
    mine = [k for k in case.labels if not isinstance(k, CaseLabel) and k.image == head.image]
    if not mine:
        return known, labels
    whole = outline(case, head.image)
    if whole is not None and len(mine) == 1:
        found = _counted(whole, geometry, tiles, head.classes)
        return found.known, found.labels
    for region, which in tiles.runs():
        drawn = annotate_region(case, head.image, geometry, region, head.classes)
        for k, part in _parts(tiles, region, which):
            known[k] = np.count_nonzero(drawn.known[part])
            category = drawn.category[part]
            labels[k] = [np.count_nonzero(category == c + 1) for c in range(len(head.classes))]
    area = np.maximum(tiles.area, 1)
    return known / area, labels / area[:, None]


def _parts(
    tiles: TileBoxes, region: Region, which: slice
) -> Iterator[tuple[int, tuple[slice, slice]]]:
    """Each tile of a run, and where it lies in the run's region."""
    for k in range(which.start, which.stop):
        left = int(tiles.x[k]) - region.start[1]
        yield k, (slice(None), slice(left, left + tiles.size))


def _columns(
    tiles: TileBoxes, found: Found, keep: NDArray[np.bool_], classes: Sequence[str]
) -> Columns:
    kept = tiles.where(keep)
    columns: Columns = {
        "y": kept.y,
        "x": kept.x,
        "tissue": found.tissue[keep].astype(np.float32),
        "known": found.known[keep].astype(np.float32),
    }
    for number, name in enumerate(classes):
        columns[f"label:{name}"] = found.labels[keep, number].astype(np.float32)
    return columns
