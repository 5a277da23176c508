"""The tile index: where the tiles of each slide lie, and what is known of each; no pixels.

A folder holds ``tiles.yaml`` (`TileHead`: the cohort, the grid, the rule) and
``cases/<id>.parquet``, one table a case, written atomically: a file that is there is complete.
Columns are ``case``,
``y`` and ``x`` (first sample of the tile, counted in the grid of the head), ``tissue`` and
``known`` (shares of the tile's samples inside the slide, 0 to 1) and ``label:<class>`` for each
class (shares again; what is neither known nor of a class is background or unlabelled).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from inklings.errors import DataError, SpecError
from inklings.files import write_yaml, written
from inklings.geometry import Region
from inklings.readers.image import Image
from inklings.records import read_record

HEAD = "tiles.yaml"


@dataclass(frozen=True)
class TileHead:
    """What is common to all tiles of an index.

    Attributes:
        cohort: Folder of the cohort whose slides were tiled.
        image: Which of a case's images.
        size: Samples along a side of a tile.
        stride: Samples from one tile to the next.
        spacing_mm: Of the grid in which tiles are counted; None where ``factor`` says it.
        factor: Pixels of level 0 to a sample of the grid, where spacings are not known.
        classes: Of the label columns, in the cohort's order.
        settings: The rule: methods and thresholds, whatever else decided which tiles there are.
    """

    cohort: Path
    size: int
    stride: int
    spacing_mm: float | None = None
    factor: float | None = None
    classes: tuple[str, ...] = ()
    image: str = "slide"
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.spacing_mm is None) == (self.factor is None):
            raise SpecError(
                "expected a spacing or a factor for the grid of the tiles, "
                f"got spacing_mm={self.spacing_mm} and factor={self.factor}"
            )
        if self.size < 1 or self.stride < 1:
            raise SpecError(
                f"expected tiles of at least one sample, got size {self.size}, stride {self.stride}"
            )

    def view(self, slide: Image) -> Image:
        """``slide`` on the grid in which the tiles are counted.

        Raises:
            GeometryError: If the grid has a spacing and the slide says none.
        """
        if self.spacing_mm is not None:
            return slide.at(self.spacing_mm)
        assert self.factor is not None
        return slide if self.factor == 1 else slide.shrunk(self.factor)

    @property
    def grid(self) -> str:
        """The grid in words: ``0.5 um`` or ``level 0 / 4``."""
        if self.spacing_mm is not None:
            return f"{self.spacing_mm * 1000:g} um"
        return "level 0" if self.factor == 1 else f"level 0 / {self.factor:g}"

    def as_yaml(self, folder: Path) -> dict[str, Any]:
        """What ``tiles.yaml`` in ``folder`` says; the cohort relative to it, so both may move."""
        cohort = Path(os.path.relpath(self.cohort.resolve(), folder.resolve())).as_posix()
        return {
            "cohort": cohort,
            "image": self.image,
            "size": self.size,
            "stride": self.stride,
            "spacing_mm": self.spacing_mm,
            "factor": self.factor,
            "classes": list(self.classes),
            "settings": dict(self.settings),
        }

    def write(self, folder: Path) -> None:
        """Write ``tiles.yaml``."""
        write_yaml(folder / HEAD, self.as_yaml(folder))

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read ``tiles.yaml``.

        Raises:
            DataError: If the folder holds no tile index.
        """
        what = "a tile index written by 'inklings tile'"
        head = read_record(cls, folder / HEAD, what, "run 'inklings tile' again")
        return replace(head, cohort=Path(os.path.normpath(folder.resolve() / head.cohort)))


@dataclass(frozen=True)
class TileIndex:
    """Tiles of many cases, column by column.

    Attributes:
        head: The grid and the rule.
        cases: Every case that was tiled, sorted, also those of which no tile was kept.
        case: ``(N,)`` int32 place of each tile's case in ``cases``; ascending.
        y: ``(N,)`` int64 first row of each tile, in the grid of the head.
        x: ``(N,)`` int64 first column.
        tissue: ``(N,)`` float32 share of the tile that is tissue.
        known: ``(N,)`` float32 share of the tile that is annotated.
        labels: ``(N, K)`` float32 share of each class of the head.
    """

    head: TileHead
    cases: tuple[str, ...]
    case: NDArray[np.int32]
    y: NDArray[np.int64]
    x: NDArray[np.int64]
    tissue: NDArray[np.float32]
    known: NDArray[np.float32]
    labels: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.y)

    @classmethod
    def read(cls, folder: Path, cases: Sequence[str] | None = None) -> Self:
        """Read all cases of an index, or some.

        Raises:
            DataError: If it is not one, or a case is missing or damaged.
        """
        head = TileHead.read(folder)
        names = tuple(sorted(tiled_cases(folder) if cases is None else cases))
        tables = [read_case(folder, name) for name in names]
        counts = [len(table["y"]) for table in tables]
        columns = {
            key: np.concatenate([table[key] for table in tables]) if tables else np.zeros(0, kind)
            for key, kind in (*_COLUMNS, *((f"label:{c}", "f4") for c in head.classes))
        }
        labels = [columns.pop(f"label:{name}") for name in head.classes]
        return cls(
            head,
            names,
            np.repeat(np.arange(len(names), dtype=np.int32), counts),
            **columns,
            labels=np.stack(labels, 1) if labels else np.zeros((sum(counts), 0), np.float32),
        )

    def where(self, keep: NDArray[np.bool_]) -> Self:
        """The tiles for which ``keep`` ``(N,)`` is true; ``cases`` stays as it is."""
        columns = ("case", "y", "x", "tissue", "known", "labels")
        return replace(self, **{name: getattr(self, name)[keep] for name in columns})

    def of(self, case: str) -> Self:
        """The tiles of one case."""
        place = self.cases.index(case) if case in self.cases else -1
        return self.where(self.case == place)

    def region(self, number: int) -> Region:
        """Where tile ``number`` lies, in the grid of the head."""
        return Region((int(self.y[number]), int(self.x[number])), (self.head.size,) * 2)

    def share(self, name: str) -> NDArray[np.float32]:
        """``(N,)`` share of a class in each tile.

        Raises:
            DataError: If the index knows no such class.
        """
        if name not in self.head.classes:
            raise DataError(
                f"expected one of the classes {', '.join(self.head.classes)}, got {name!r}"
            )
        return self.labels[:, self.head.classes.index(name)]


_COLUMNS = (("y", "i8"), ("x", "i8"), ("tissue", "f4"), ("known", "f4"))


def write_case(folder: Path, case: str, columns: Mapping[str, NDArray[Any]]) -> Path:
    """Write the columns of a case, each (N,): `y`, `x`, `tissue`, `known`, `label:<class>`."""
    count = len(columns["y"])
    names = pa.array([case], pa.string()).take(pa.array(np.zeros(count, np.int32)))
    table = pa.table({"case": names.dictionary_encode(), **columns})
    path = case_path(folder, case)
    with written(path) as temporary:
        pq.write_table(table, temporary)
    return path


def read_case(folder: Path, case: str) -> dict[str, NDArray[Any]]:
    """The columns of one case, without ``case``.

    Raises:
        DataError: If it was not tiled, or its file is damaged.
    """
    path = case_path(folder, case)
    try:
        table = pq.read_table(path, memory_map=False)
        return {name: table[name].to_numpy() for name in table.column_names if name != "case"}
    except FileNotFoundError:
        raise DataError(
            f"expected the tiles of case {case} at {path}, got no file; run 'inklings tile' again"
        ) from None
    except (pa.ArrowException, OSError, ValueError, LookupError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path} is damaged ({reason}); delete it and tile again") from None


def case_path(folder: Path, case: str) -> Path:
    """Where the tiles of a case are written; there once they are complete."""
    return folder / "cases" / f"{case}.parquet"


def tiled_cases(folder: Path) -> list[str]:
    """Ids of the cases tiled so far, sorted."""
    return sorted(path.stem for path in (folder / "cases").glob("[!.]*.parquet"))


def read_tile(view: Image, region: Region, fill: int = 255) -> NDArray[Any]:
    """Samples of a tile, ``(C, size, size)``; white where a slide is smaller than a tile."""
    size = view.geometry.shape
    stop = tuple(min(b, n) for b, n in zip(region.stop, size, strict=True))
    if stop == region.stop:
        return view.read(region)
    inside = tuple(b - a for a, b in zip(region.start, stop, strict=True))
    samples = view.read(Region(region.start, inside))
    tile = np.full((samples.shape[0], *region.size), fill, samples.dtype)
    tile[:, : inside[0], : inside[1]] = samples
    return tile
