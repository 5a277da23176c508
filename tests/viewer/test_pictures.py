import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inklings.cohorts.case import Case
from inklings.errors import GeometryError
from inklings.readers import open_image
from inklings.testing.runs import blobs, write_pyramid
from inklings.viewer.cache import Cache
from inklings.viewer.pictures import TILE, PictureTiles, ViewGrid, window_of


def decoded(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data))).astype(int)


@pytest.mark.parametrize("shape", [(1, 1), (256, 256), (257, 100), (20_000, 40_000)])
def test_tiles_of_a_level_cover_its_samples_once(shape: tuple[int, int]) -> None:
    grid = ViewGrid(*shape)
    assert grid.factor(grid.finest) == 1
    for level in (grid.first, min(grid.finest, grid.first + 2)):
        factor = grid.factor(level)
        tall, wide = -(-shape[0] // factor), -(-shape[1] // factor)
        count = 0
        for y in range(-(-tall // TILE)):
            for x in range(-(-wide // TILE)):
                count += int(np.prod(grid.region(level, x, y).size))
        assert count == tall * wide
    assert -(-max(shape) // grid.factor(grid.first)) <= TILE


def test_levels_and_tiles_that_are_not_there_are_refused() -> None:
    grid = ViewGrid(300, 500)
    for level, x, y in ((-1, 0, 0), (10, 0, 0), (9, 2, 0), (9, 0, 2), (9, -1, 0), (5, 10**9, 0)):
        with pytest.raises(GeometryError):
            grid.region(level, x, y)


def test_a_tile_of_a_slide_is_what_the_reader_reads(tmp_path: Path) -> None:
    write_pyramid(tmp_path / "s.tiff", blobs((600, 500)), um=0.5)
    case, pictures = Case("s", "s", {"slide": tmp_path / "s.tiff"}), PictureTiles(Cache(10**8))
    grid = pictures.grid(case)
    for level, x, y in ((grid.finest, 1, 1), (grid.finest - 1, 0, 1), (grid.first, 0, 0)):
        region = grid.region(level, x, y)
        with open_image(tmp_path / "s.tiff") as image:
            wanted = np.moveaxis(image.shrunk(grid.factor(level)).read(region), 0, -1)
        found = decoded(pictures.tile(case, level, x, y))
        assert found.shape == wanted.shape
        assert np.abs(found - wanted).mean() < 6


def test_dark_pictures_are_brightened_alike_on_every_tile(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    dark = rng.integers(0, 40, (300, 600, 3), dtype=np.uint8)
    Image.fromarray(dark).save(tmp_path / "d.png")
    case, pictures = Case("d", "d", {"image": tmp_path / "d.png"}), PictureTiles(Cache(10**8))
    finest = pictures.grid(case).finest
    means = [decoded(pictures.tile(case, finest, x, 0)).mean() for x in range(3)]
    assert all(mean > 90 for mean in means)
    assert max(means) - min(means) < 6


def test_bright_pictures_stay_as_they_are() -> None:
    assert window_of(np.full((3, 4, 4), 230, np.uint8)) is None
    assert window_of(np.arange(1600, dtype=np.uint16).reshape(1, 40, 40)) is not None


def test_tiles_and_pictures_stay_within_the_budget(tmp_path: Path) -> None:
    write_pyramid(tmp_path / "s.tiff", blobs((2000, 2000)), um=0.5)
    cache = Cache(60_000)
    case, pictures = Case("s", "s", {"slide": tmp_path / "s.tiff"}), PictureTiles(cache)
    finest = pictures.grid(case).finest
    for y in range(8):
        for x in range(8):
            pictures.tile(case, finest, x, y)
            assert cache.used <= 60_000
