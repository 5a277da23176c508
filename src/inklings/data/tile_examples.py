"""Tiles of slides as examples: read and decoded once, kept in memory or mapped from disk."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings import progress
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.opening import open_case
from inklings.data import TISSUE
from inklings.data.examples import Examples
from inklings.data.intensity import Intensity, Scale
from inklings.data.packed import Store, budget_bytes
from inklings.data.slide_look import Restain, SlideLook, unchanged
from inklings.data.stains import Normaliser
from inklings.data.tile_index import TileHead, TileIndex, read_tile, tiled_cases
from inklings.data.tissue_finder import finder
from inklings.errors import DataError
from inklings.geometry import Geometry, Region
from inklings.readers.image import Image
from inklings.supervision.base import Supervision, Target

_TISSUE = "stained"  # by which predictions find tissue, where nothing else is said


@dataclass(frozen=True)
class Looks:
    """What is decided once a slide, as its prediction will decide it.

    Attributes:
        intensity: How samples are scaled.
        normaliser: How stains change; None leaves them.
    """

    intensity: Intensity
    normaliser: Normaliser | None = None

    def of(self, slide: Image, head: TileHead) -> tuple[Scale | None, Restain]:
        """Scale of a slide, None where any slide has the same, and the change of its stains."""
        if self.intensity.fixed and self.normaliser is None:
            return None, unchanged
        look = SlideLook.of(slide, _tissue(slide, head))
        restained = look.restained(self.normaliser)
        scale = None if self.intensity.fixed else restained.scale(self.intensity)
        return scale, look.restain(self.normaliser)


def gather_tiles(
    folder: Path,
    cases: Sequence[Case],
    supervision: Supervision,
    scratch: Path | None = None,
    what: str = "",
    looks: Looks | None = None,
) -> Examples:
    """The tiles of ``cases`` in the index at ``folder``, with their targets.

    Every tile is read from its slide once, by several threads. What exceeds the memory budget
    goes to files under ``scratch``, so that a training on more tiles than memory
    waits for the disk and never for the decoder.

    Args:
        folder: Of the index.
        cases: Whose tiles are wanted.
        supervision: How labels become targets.
        scratch: Where files may go; None keeps everything in memory.
        what: The part of the cohort, in words.
        looks: What is to be decided once a slide; None leaves every tile as it is.

    Raises:
        DataError: If a case was not tiled, no tile is left, or a slide cannot be read.
    """
    index = TileIndex.read(folder, _tiled(folder, cases))
    store = Store(budget_bytes(), scratch)
    images: list[NDArray[Any]] = []
    targets: list[Target] = []
    ids: list[str] = []
    groups: list[str] = []
    scales: list[Scale] = []
    with ThreadPoolExecutor(max(1, min(8, os.cpu_count() or 1))) as pool:
        for case in progress.track(cases, f"read {what} tiles"):
            tiles = index.of(case.id)
            regions = [tiles.region(number) for number in range(len(tiles))]
            if not regions:
                continue
            found, scale = _read(case, index.head, regions, supervision, pool, looks)
            scales += [scale] * len(regions) if scale is not None else []
            for pixels, value, known in _stacks(store, found):
                images.append(pixels)
                targets.append(Target(value, known))
            ids += [f"{case.id}:{y}:{x}" for y, x in (region.start for region in regions)]
            groups += [case.id] * len(regions)
    if not images:
        raise DataError(
            f"{folder}: expected tiles of {what or 'the'} cases, got none in {len(cases)} cases; "
            "run 'inklings tile' with a looser rule"
        )
    return Examples(tuple(images), tuple(targets), tuple(ids), tuple(groups), scales=tuple(scales))


def require_same_cohort(folder: Path, cohort: Cohort) -> TileHead:
    """The head of a tile index, whose classes have to be those of ``cohort``.

    Raises:
        DataError: If they are not.
    """
    head = TileHead.read(folder)
    if head.classes and tuple(head.classes) != tuple(cohort.classes):
        raise DataError(
            f"{folder}: expected tiles of a cohort of {', '.join(cohort.classes)}, got tiles of "
            f"{', '.join(head.classes)}; run 'inklings tile' on this cohort"
        )
    return head


def _tiled(folder: Path, cases: Sequence[Case]) -> list[str]:
    there = set(tiled_cases(folder))
    missing = [case.id for case in cases if case.id not in there]
    if missing:
        raise DataError(
            f"{folder}: expected tiles of every case, got none of {missing[0]}"
            f"{f' and {len(missing) - 1} more' if len(missing) > 1 else ''}; "
            "run 'inklings tile' again, it resumes where it stopped"
        )
    return [case.id for case in cases]


Tile = tuple[NDArray[Any], NDArray[np.uint8], NDArray[np.bool_]]


def _read(
    case: Case,
    head: TileHead,
    regions: Sequence[Region],
    supervision: Supervision,
    pool: ThreadPoolExecutor,
    looks: Looks | None,
) -> tuple[list[Tile], Scale | None]:
    with open_case(case, head.image) as slide:
        view = head.view(slide)
        scale, restain = looks.of(slide, head) if looks else (None, unchanged)
        tissue = _tissue(slide, head) if supervision.of_tissue else None

        def read(region: Region) -> Tile:
            pixels, value, known = _tile(case, view, region, supervision)
            if tissue is not None:
                value = value * _under(tissue, view.geometry.shape, region)
            return restain(pixels), value, known

        return list(pool.map(read, regions)), scale


def _tile(case: Case, view: Image, region: Region, supervision: Supervision) -> Tile:
    """Pixels, values and what is known; beyond the slide nothing is."""
    inside = _clipped(region, view.geometry)
    target = supervision.target(case, view.geometry, inside)
    pad = [(0, want - have) for want, have in zip(region.size, inside.size, strict=True)]
    return (
        read_tile(view, region),
        np.pad(target.value, ((0, 0), *pad)),
        np.pad(target.known, ((0, 0), *pad)),
    )


def _tissue(slide: Image, head: TileHead) -> NDArray[np.bool_]:
    """Where tissue is on a slide ``(h, w)``, by the method that chose the tiles."""
    method = head.settings.get("method", "")
    return finder(method if method in TISSUE else _TISSUE)(slide)


def _under(mask: NDArray[np.bool_], shape: Sequence[int], region: Region) -> NDArray[np.bool_]:
    """The part of a mask of any size over a view of ``shape`` that lies under ``region``."""
    rows, columns = (
        np.minimum((np.arange(a, b) + 0.5) * (m / n), m - 1).astype(np.int64)
        for a, b, m, n in zip(region.start, region.stop, mask.shape, shape, strict=True)
    )
    return mask[np.ix_(rows, columns)]


def _clipped(region: Region, geometry: Geometry) -> Region:
    size = tuple(
        min(stop, whole) - start
        for start, stop, whole in zip(region.start, region.stop, geometry.shape, strict=True)
    )
    return Region(region.start, size)


def _stacks(store: Store, tiles: Sequence[Tile]) -> Iterator[Tile]:
    """The tiles of one slide as views of three arrays, which the store keeps."""
    stacks = [store.keep(np.stack(part)) for part in zip(*tiles, strict=True)]
    return zip(*stacks, strict=True)
