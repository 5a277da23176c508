"""From rows of blended tiles to the files of a slide, while the network works on the next row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from inklings.predictions.heatmaps.canvas import TILE, Row
from inklings.predictions.heatmaps.features import Features
from inklings.predictions.heatmaps.outlines import Outlines, RegionOutline
from inklings.predictions.heatmaps.pyramid import Pyramid, majority, mean
from inklings.predictions.numbers import coded, quantise
from inklings.predictions.slides import CLASSES, HEATMAP, OUTLINES, SPREAD, Spread, scaled

Pair = tuple[float, float]
Change = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
_SPOOL = "spool.part"


class Places:
    """A mask of tissue, of any size, seen from the grid of the maps.

    Args:
        mask: ``(h, w)`` over the same extent as the maps.
        shape: Samples of the maps.
    """

    def __init__(self, mask: NDArray[np.bool_], shape: tuple[int, int]) -> None:
        self.mask = mask
        self.rows, self.columns = (
            ((np.arange(n) + 0.5) * (m / n)).astype(np.int64)
            for n, m in zip(shape, mask.shape, strict=True)
        )
        """For each row and column of the maps, the one of the mask that it lies in."""

    def tile(self, ty: int, tx: int) -> NDArray[np.bool_]:
        """The part under one tile, ``(TILE, TILE)``, False beyond the border."""
        rows = self.rows[ty * TILE : (ty + 1) * TILE]
        columns = self.columns[tx * TILE : (tx + 1) * TILE]
        inside = self.mask[np.ix_(rows, columns)]
        return np.pad(inside, ((0, TILE - len(rows)), (0, TILE - len(columns))))

    @property
    def samples(self) -> int:
        """Samples of the maps that are tissue."""
        up = np.bincount(self.rows, minlength=len(self.mask)).astype(np.int64)
        along = np.bincount(self.columns, minlength=self.mask.shape[1])
        return int((up @ self.mask) @ along)


class HeatmapWriter:
    """Takes rows of tiles from top to bottom and leaves heat map, map of classes and outlines.

    Args:
        folder: Of the case, to be filled.
        classes: Their names, ``K``.
        thresholds: From which probability each class is drawn.
        tissue: Where there is any; the maps are 0 elsewhere.
        shape: Samples of the maps.
        factor: Pixels of level 0 to a sample of the maps, ``(y, x)``.
        slide: Pixels of level 0.
        spacing_um: Of level 0; None where unknown.
        smallest: Regions of fewer samples are not outlined.
        corner: First pixel of level 0 that was scanned, ``(y, x)``, from which outlines count.
        runs: How many speak, one after the other, in ``runs * K`` channels of the tiles; their mean
            is mapped, and of several the standard deviation over them in a file of its own.
        changes: What the levels ``(K, *S)`` of each run become before that; None where they stay.
    """

    def __init__(
        self,
        folder: Path,
        classes: Sequence[str],
        thresholds: Sequence[float],
        tissue: Places,
        *,
        shape: tuple[int, int],
        factor: Pair,
        slide: tuple[int, int],
        spacing_um: Pair | None,
        smallest: int = 1,
        corner: tuple[int, int] = (0, 0),
        runs: int = 1,
        changes: Sequence[Change | None] = (),
    ) -> None:
        self._folder, self._classes, self._tissue, self._shape = folder, classes, tissue, shape
        self._thresholds = tuple(thresholds)
        self._spacing_um = scaled(spacing_um, factor)
        self._spool = (folder / _SPOOL).open("wb+")
        self._heat = Pyramid(self._spool, len(classes), shape, mean)
        self._runs, self._changes = runs, changes
        self._spread = Pyramid(self._spool, len(classes), shape, mean) if runs > 1 else None
        self._sums = np.zeros((2, len(classes)))  # of the spread: of all, and where a class is
        self._codes = Pyramid(self._spool, 1, shape, majority)
        self._text = (folder / OUTLINES).open("w", encoding="utf-8")
        self._features = Features(self._text, classes, factor, slide, spacing_um, corner)
        self._outlines = Outlines(shape[1], smallest)
        self._next = 0  # first sample of the maps that the outlines have not seen
        self.samples = np.zeros(len(classes) + 1, np.int64)
        """Samples of the map of classes by code; those of code 0 are not counted."""
        self.peaks = np.zeros(len(classes), np.uint8)
        """Largest value of each class."""

    @property
    def channels(self) -> int:
        """Of the tiles that are taken."""
        return self._runs * len(self._classes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._spool.close()
        self._text.close()
        (self._folder / _SPOOL).unlink(missing_ok=True)

    def take(self, rows: Iterable[Row]) -> None:
        """Take finished rows, in order."""
        for ty, tiles in rows:
            self._take(ty, tiles)

    def _take(self, ty: int, tiles: Mapping[int, NDArray[np.float32]]) -> None:
        said = {tx: self._by_run(tile) for tx, tile in tiles.items()}
        heat = {tx: self._quantised(ty, tx, tile.mean(0)) for tx, tile in said.items()}
        codes = {tx: coded(tile, self._thresholds) for tx, tile in heat.items()}
        for tile in heat.values():
            np.maximum(self.peaks, tile.max(axis=(1, 2)), out=self.peaks)
        for code in codes.values():
            counts = np.bincount(code.ravel(), minlength=len(self.samples))
            counts[0] = 0
            self.samples += counts
        if self._spread is not None:
            apart = {tx: self._quantised(ty, tx, tile.std(0)) for tx, tile in said.items()}
            for tx, tile in apart.items():
                self._sums[0] += tile.sum((1, 2), dtype=np.int64)
                for k, plane in enumerate(tile):
                    self._sums[1, k] += plane[codes[tx] == k + 1].sum(dtype=np.int64)
            self._spread.push(ty, apart)
        self._heat.push(ty, heat)
        self._codes.push(ty, {tx: code[None] for tx, code in codes.items()})
        height = min(TILE, self._shape[0] - ty * TILE)
        band = np.zeros((height, self._shape[1]), np.uint8)
        for tx, code in codes.items():
            wide = min(TILE, self._shape[1] - tx * TILE)
            band[:, tx * TILE : tx * TILE + wide] = code[:height, :wide]
        self._keep(self._outlines.skip(ty * TILE - self._next))
        self._keep(self._outlines.push(band))
        self._next = ty * TILE + height

    def _by_run(self, tile: NDArray[np.float32]) -> NDArray[np.float32]:
        """A tile as ``(runs, K, TILE, TILE)``, what each run says changed as it asks for."""
        said = tile.reshape(self._runs, len(self._classes), *tile.shape[1:])
        for k, change in enumerate(self._changes):
            if change is not None:
                said[k] = change(quantise(said[k])).astype(np.float32) / 255
        return said

    def _quantised(self, ty: int, tx: int, tile: NDArray[np.float32]) -> NDArray[np.uint8]:
        inside: NDArray[np.uint8] = quantise(tile) * self._tissue.tile(ty, tx)
        return inside

    def _keep(self, outlines: Iterable[RegionOutline]) -> None:
        for outline in outlines:
            self._features.add(outline)

    def finish(self) -> tuple[int, int]:
        """Put the files together; how many regions were outlined and how many too small."""
        self._keep(self._outlines.close())
        self._features.close()
        self._heat.finish()
        self._codes.finish()
        self._heat.write(self._folder / HEATMAP, self._classes, self._spacing_um)
        if self._spread is not None:
            self._spread.finish()
            self._spread.write(self._folder / SPREAD, self._classes, self._spacing_um)
        self._codes.write(self._folder / CLASSES, ["class"], self._spacing_um)
        return self._features.count, self._outlines.left_out

    def spreads(self, looked_at: int) -> tuple[Spread, ...]:
        """How far the runs differ in each class, where ``looked_at`` samples are tissue."""
        if self._spread is None:
            return ()
        return tuple(
            Spread(float(whole) / 255 / max(looked_at, 1), float(called) / 255 / max(int(n), 1))
            for whole, called, n in zip(*self._sums, self.samples[1:], strict=True)
        )

    @property
    def preview(self) -> NDArray[np.uint8]:
        """The coarsest level of the map of classes, ``(h, w)``; after `finish`."""
        plane: NDArray[np.uint8] = self._codes.preview[0]
        return plane
