from pathlib import Path

import numpy as np
import pytest
import tifffile

from inklings.errors import DataError
from inklings.geometry import Region
from inklings.predictions.heatmaps.canvas import TILE, Canvas
from inklings.predictions.heatmaps.pyramid import Pyramid, level_shapes, majority, mean
from inklings.predictions.heatmaps.tiled import Map, level_near
from inklings.readers import open_image


def written(array: np.ndarray, path: Path, blank: float = 0.0, seed: int = 0) -> np.ndarray:
    """Write ``array`` (C, H, W) through rows of tiles; a share of the tiles is made blank."""
    rng = np.random.default_rng(seed)
    array = array.copy()
    padded = np.pad(array, ((0, 0), (0, -array.shape[1] % TILE), (0, -array.shape[2] % TILE)))
    with (path.parent / "spool").open("wb+") as spool:
        pyramid = Pyramid(spool, len(array), array.shape[1:], mean)
        for ty in range(padded.shape[1] // TILE):
            row = {}
            for tx in range(padded.shape[2] // TILE):
                y, x = ty * TILE, tx * TILE
                if rng.random() < blank:
                    array[:, y : y + TILE, x : x + TILE] = 0
                else:
                    row[tx] = padded[:, y : y + TILE, x : x + TILE]
            pyramid.push(ty, row)
        pyramid.finish()
        pyramid.write(path, [f"class {k}" for k in range(len(array))], (2.0, 2.5))
    return array


@pytest.mark.parametrize(
    ("shape", "blank"), [((2, 700, 1300), 0.3), ((1, 100, 30), 0), ((3, 256, 1025), 0)]
)
def test_what_is_written_is_read_back_by_us_and_by_others(
    shape: tuple[int, int, int], blank: float, tmp_path: Path
) -> None:
    rng = np.random.default_rng(1)
    path = tmp_path / "map.ome.tif"
    array = written(rng.integers(0, 256, shape, dtype=np.uint8), path, blank)
    with tifffile.TiffFile(path) as file:
        series = file.series[0]
        whole = series.asarray().reshape(shape)
        levels = [level.shape[-2:] for level in series.levels]
        assert file.is_ome
    np.testing.assert_array_equal(whole, array)
    assert levels == level_shapes(shape[1:])
    with Map(path) as back:
        assert back.shape == shape
        np.testing.assert_array_equal(back.read(Region((0, 0), shape[1:])), array)
        y, x = shape[1] // 3, shape[2] // 4
        size = (shape[1] // 2, shape[2] // 3)
        part = back.read(Region((y, x), size))
    np.testing.assert_array_equal(part, array[:, y : y + size[0], x : x + size[1]])


def test_each_level_is_the_mean_of_the_one_before(tmp_path: Path) -> None:
    array = np.random.default_rng(2).integers(0, 256, (1, 1100, 600), dtype=np.uint8)
    written(array, tmp_path / "map.ome.tif")
    with Map(tmp_path / "map.ome.tif", 1) as level:
        second = level.read(Region((0, 0), level.shape[1:]))[0].astype(float)
    expected = array[0].astype(float).reshape(550, 2, 300, 2).mean(axis=(1, 3))
    assert np.abs(second - expected).max() <= 0.5


def test_the_physical_size_and_the_names_are_in_the_file(tmp_path: Path) -> None:
    written(np.zeros((2, 300, 300), np.uint8), tmp_path / "map.ome.tif")
    with tifffile.TiffFile(tmp_path / "map.ome.tif") as file:
        ome = file.ome_metadata or ""
        tags = file.pages[0].tags
        assert tags["XResolution"].value[0] / tags["XResolution"].value[1] == pytest.approx(4000)
        assert tags["YResolution"].value[0] / tags["YResolution"].value[1] == pytest.approx(5000)
    assert 'PhysicalSizeX="2.5"' in ome
    assert 'PhysicalSizeY="2.0"' in ome
    assert 'Name="class 1"' in ome


def test_a_damaged_map_says_so(tmp_path: Path) -> None:
    path = tmp_path / "map.ome.tif"
    written(np.full((1, 300, 300), 9, np.uint8), path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match="damaged"):
        Map(path)


def test_codes_are_reduced_to_the_most_frequent_and_of_two_the_larger() -> None:
    quads = [(0, 0, 0, 5), (1, 2, 2, 1), (3, 3, 0, 3), (0, 1, 2, 1), (0, 1, 2, 3)]
    tiles = np.array([[[q[0] for q in quads], [q[2] for q in quads]]], np.uint8)
    wide = np.zeros((1, 2, 10), np.uint8)
    wide[0, :, ::2] = tiles[0]
    wide[0, :, 1::2] = [[q[1] for q in quads], [q[3] for q in quads]]
    assert majority(wide)[0, 0].tolist() == [0, 2, 3, 1, 3]


def test_a_canvas_sums_what_overlaps_and_forgets_what_has_left() -> None:
    canvas = Canvas(1)
    expected = np.zeros((900, 700), np.float32)
    rng = np.random.default_rng(0)
    got = np.zeros((1024, 768), np.float32)
    for y in (0, 200, 400, 600):
        for row, tiles in canvas.take_above(y):
            for column, tile in tiles.items():
                got[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE] = tile[0]
        for x in (0, 130, 380):
            values = rng.random((1, 300, 320), np.float32)
            expected[y : y + 300, x : x + 320] += values[0]
            canvas.add(y, x, values)
        assert len(canvas._tiles) <= 3 * 3
    for row, tiles in canvas.take_all():
        for column, tile in tiles.items():
            got[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE] = tile[0]
    np.testing.assert_allclose(got[:900, :700], expected, rtol=1e-6)
    assert not canvas._tiles


def test_our_reader_of_slides_opens_a_map_as_a_pyramid_of_its_classes(tmp_path: Path) -> None:
    path = tmp_path / "map.ome.tif"
    array = np.random.default_rng(3).integers(0, 256, (2, 1200, 900), dtype=np.uint8)
    written(array, path)
    with open_image(path) as image:
        assert image.geometry.shape == (1200, 900)
        assert image.geometry.spacing == pytest.approx((0.002, 0.0025))
        assert len(image.channels) == 2
        region = Region((300, 200), (400, 500))
        np.testing.assert_array_equal(image.read(region), array[:, 300:700, 200:700])


def test_the_level_for_a_picture_is_the_coarsest_that_is_fine_enough(tmp_path: Path) -> None:
    path = tmp_path / "map.ome.tif"
    written(np.zeros((1, 2100, 900), np.uint8), path)
    assert [level_near(path, side) for side in (5000, 2100, 1100, 1000, 300)] == [0, 0, 0, 1, 2]
