"""The tile index: what is written is what is read."""

from pathlib import Path

import numpy as np
import pytest

from inklings.data.tile_index import TileHead, TileIndex, read_tile, tiled_cases, write_case
from inklings.errors import DataError, SpecError
from inklings.geometry import Geometry, Region
from inklings.readers.array import ArrayImage


def columns(count: int) -> dict[str, np.ndarray]:
    numbers = np.arange(count)
    return {
        "y": numbers * 512,
        "x": numbers * 512 + 7,
        "tissue": np.linspace(0.25, 1, count, dtype=np.float32),
        "known": np.ones(count, np.float32),
        "label:benign": np.full(count, 0.5, np.float32),
        "label:cancer": (numbers % 2).astype(np.float32),
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    head = TileHead(tmp_path / "cohort", 512, 512, factor=4, classes=("benign", "cancer"))
    head.write(tmp_path / "tiles")
    for case, count in (("b", 3), ("a", 2), ("empty", 0)):
        write_case(tmp_path / "tiles", case, columns(count))
    return tmp_path / "tiles"


def test_an_index_reads_back_as_written(folder: Path) -> None:
    index = TileIndex.read(folder)
    assert index.cases == ("a", "b", "empty")
    assert index.case.tolist() == [0, 0, 1, 1, 1]
    assert index.x.tolist() == [7, 519, 7, 519, 1031]
    assert index.share("cancer").tolist() == [0, 1, 0, 1, 0]
    assert index.labels.shape == (5, 2)
    assert index.tissue[2] == np.float32(0.25)
    assert index.head.cohort == (folder.parent / "cohort").resolve()


def test_a_case_without_tiles_is_tiled_all_the_same(folder: Path) -> None:
    assert tiled_cases(folder) == ["a", "b", "empty"]
    assert len(TileIndex.read(folder).of("empty")) == 0
    assert len(TileIndex.read(folder, ["empty"])) == 0


def test_tiles_of_one_case_are_regions_of_the_grid(folder: Path) -> None:
    tiles = TileIndex.read(folder).of("b")
    assert [tiles.region(k) for k in range(2)] == [
        Region((0, 7), (512, 512)),
        Region((512, 519), (512, 512)),
    ]


def test_where_keeps_the_columns_together(folder: Path) -> None:
    index = TileIndex.read(folder)
    cancer = index.where(index.share("cancer") > 0.5)
    assert len(cancer) == 2
    assert cancer.y.tolist() == [512, 512]
    assert cancer.case.tolist() == [0, 1]


def test_a_half_written_case_does_not_count(folder: Path) -> None:
    (folder / "cases" / ".c.abc.part.parquet").write_bytes(b"PAR1")
    assert "c" not in tiled_cases(folder)


def test_damage_and_absence_are_explained(folder: Path) -> None:
    (folder / "cases" / "a.parquet").write_bytes(b"PAR1 but no more")
    with pytest.raises(DataError, match="delete it and tile again"):
        TileIndex.read(folder)
    with pytest.raises(DataError, match="run 'inklings tile' again"):
        TileIndex.read(folder, ["nobody"])
    with pytest.raises(DataError, match="written by 'inklings tile'"):
        TileIndex.read(folder.parent)


def test_the_grid_is_a_spacing_or_a_factor_and_never_both() -> None:
    for grid in ({}, {"spacing_mm": 0.001, "factor": 2.0}):
        with pytest.raises(SpecError, match="a spacing or a factor"):
            TileHead(Path("c"), 512, 512, **grid)


def test_the_grid_in_words() -> None:
    assert TileHead(Path("c"), 512, 512, spacing_mm=0.0005).grid == "0.5 um"
    assert TileHead(Path("c"), 512, 512, factor=1).grid == "level 0"
    assert TileHead(Path("c"), 512, 512, factor=16).grid == "level 0 / 16"


def test_a_tile_larger_than_its_slide_is_white_beyond_it() -> None:
    image = ArrayImage(np.zeros((3, 5, 9), np.uint8), Geometry((5, 9)), ("R", "G", "B"))
    tile = read_tile(image, Region((0, 1), (8, 8)))
    assert tile.shape == (3, 8, 8)
    assert (tile[:, :5] == 0).all()
    assert (tile[:, 5:] == 255).all()
