import pickle
from pathlib import Path

import numpy as np
import pytest

from inklings.errors import GeometryError
from inklings.geometry import Region
from inklings.readers import open_image, pyramid
from inklings.readers.pyramid import Pyramid, downsample, factor_between
from inklings.testing.slides import coordinates, halved, resized, write_levels

REAL = Path(__file__).parents[3] / "shared" / "data" / "slides"

ODD = (771, 1037)


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Pyramid:
    """Odd sizes; levels of 1, about 2.7 and about 8.9, none of them whole."""
    base = coordinates(ODD)
    levels = [base, resized(ODD, (286, 384)), resized(ODD, (87, 117))]
    image = open_image(write_levels(tmp_path_factory.mktemp("odd") / "odd.tif", levels))
    assert isinstance(image, Pyramid)
    return image


def test_levels_are_found_with_their_downsamples(odd: Pyramid) -> None:
    assert odd.levels.shapes == (ODD, (286, 384), (87, 117))
    assert odd.downsamples == pytest.approx((1, 2.698, 8.862), abs=0.01)


@pytest.mark.parametrize("factor", [1.0, 1.37, 2.0, 2.698, 3.0, 5.3, 8.0, 8.9, 16.0, 31.5])
def test_every_sample_lies_where_level_0_says(odd: Pyramid, factor: float) -> None:
    view = odd.shrunk(factor)
    height, width = view.geometry.shape
    assert (height, width) == (round(ODD[0] / factor), round(ODD[1] / factor))
    start, size = (height // 3, width // 5), (min(9, height // 3), min(14, width // 3))
    found = view.read(Region(start, size))
    for axis in (0, 1):
        centres = (np.arange(start[axis], start[axis] + size[axis]) + 0.5) * factor - 0.5
        wanted = centres[:, None] if axis == 0 else centres[None]
        assert np.abs(found[axis] - wanted).max() < 0.07 * factor


@pytest.mark.parametrize("factor", [1.0, 1.7, 2.0, 4.0, 8.0, 11.0])
def test_the_far_border_is_placed_as_exactly_as_the_near_one(tmp_path: Path, factor: float) -> None:
    base = coordinates((512, 768))
    path = write_levels(tmp_path / "even.tif", [base, halved(base, 4), halved(base, 16)])
    view = open_image(path).shrunk(factor)
    height, width = view.geometry.shape
    last = view.read(Region((height - 6, width - 6), (6, 6)))
    rows = (np.arange(height - 6, height) + 0.5) * factor - 0.5
    off = np.abs(last[0][:4, :4] - rows[:4, None]).max()
    assert off < 0.05 * factor


@pytest.mark.parametrize("factor", [1.0, 1.37, 2.0, 3.0, 7.7, 12.0])
def test_regions_are_parts_of_the_whole_without_a_seam(odd: Pyramid, factor: float) -> None:
    view = odd.shrunk(factor)
    whole = view.read(view.geometry.full)
    height, width = view.geometry.shape
    assert whole.shape == (2, height, width)
    for y in range(0, height, 97):
        for x in range(0, width, 131):
            size = (min(97, height - y), min(131, width - x))
            part = view.read(Region((y, x), size))
            np.testing.assert_allclose(part, whole[:, y : y + size[0], x : x + size[1]], atol=1e-3)


def test_a_large_region_is_read_in_parts_to_the_same_samples(
    odd: Pyramid, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = odd.shrunk(2.0)
    at_once = view.read(view.geometry.full)
    monkeypatch.setattr(pyramid, "_AT_ONCE", 5000)
    np.testing.assert_allclose(view.read(view.geometry.full), at_once, atol=1e-3)


def test_beyond_the_border_a_slide_is_white(tmp_path: Path) -> None:
    dark = np.full((100, 90, 3), 7, np.uint8)
    image = open_image(write_levels(tmp_path / "dark.tif", [dark]))
    found = image.read(Region((-3, 80), (8, 20)))
    assert found.shape == (3, 8, 20)
    assert (found[:, 3:, :10] == 7).all()
    assert (found[:, :3] == 255).all()
    assert (found[:, :, 10:] == 255).all()
    assert (image.read(Region((500, 500), (4, 4))) == 255).all()


def test_the_border_itself_is_not_mixed_with_white(tmp_path: Path) -> None:
    dark = np.full((101, 91, 3), 7, np.uint8)
    view = open_image(write_levels(tmp_path / "dark.tif", [dark, dark[::2, ::2]])).shrunk(3.3)
    assert (view.read(view.geometry.full) == 7).all()


def test_codes_are_picked_and_never_averaged(tmp_path: Path) -> None:
    codes = np.zeros((128, 128, 3), np.uint8)
    codes[:, 64:, 0] = 5
    image = open_image(write_levels(tmp_path / "codes.tif", [codes, codes[::4, ::4]]))
    assert isinstance(image, Pyramid)
    for factor in (1.0, 1.7, 3.0, 4.0, 9.1):
        view = image.as_codes().shrunk(factor)
        plane = view.read(view.geometry.full)[0]
        assert set(np.unique(plane)) == {0, 5}
        centres = (np.arange(plane.shape[1]) + 0.5) * factor
        np.testing.assert_array_equal(plane[0] == 5, centres >= 64)


def test_spacing_that_is_given_replaces_what_the_file_says(tmp_path: Path) -> None:
    base = coordinates((64, 80))
    path = write_levels(tmp_path / "a.tif", [base], resolution=(40_000, 40_000), resolutionunit=3)
    assert open_image(path).geometry.spacing == pytest.approx((0.00025, 0.00025))
    given = open_image(path, spacing_mm=0.0005)
    assert given.geometry.spacing == (0.0005, 0.0005)
    assert given.at(0.002).geometry.shape == (16, 20)
    assert given.at(0.002).geometry.origin == pytest.approx((0.001, 0.001))


def test_without_a_spacing_millimetres_are_an_error_that_says_what_to_do(odd: Pyramid) -> None:
    with pytest.raises(GeometryError, match=r"does not say .* give it: --spacing-um"):
        odd.at(0.001)


def test_a_view_travels_to_other_processes_without_its_file_handle(odd: Pyramid) -> None:
    view = odd.shrunk(3.0)
    sent = pickle.dumps(view)
    assert len(sent) < 2000
    region = Region((5, 6), (7, 8))
    np.testing.assert_array_equal(pickle.loads(sent).read(region), view.read(region))


def test_a_thumbnail_has_the_whole_slide_within_the_side_asked_for(odd: Pyramid) -> None:
    small = odd.thumbnail(100)
    assert small.shape == (2, 74, 100)
    assert small[0, :, 50] == pytest.approx((np.arange(74) + 0.5) * 10.37 - 0.5, abs=4)


def test_a_view_of_a_view_counts_from_level_0(odd: Pyramid) -> None:
    assert odd.shrunk(4.0).shrunk(2.0).geometry == odd.shrunk(2.0).geometry


def test_scanners_divide_by_whole_numbers_and_drop_the_odd_pixel() -> None:
    shapes = ((3567, 4443), (1783, 2221))
    assert downsample(shapes, 1, whole=True) == (2.0, 2.0)
    assert downsample(shapes, 1, whole=False) == pytest.approx((2.00056, 2.00045), abs=1e-5)
    assert downsample(((100, 100), (37, 37)), 1, whole=True) == pytest.approx(
        (2.7027, 2.7027), abs=1e-4
    )


@pytest.mark.parametrize(
    ("finer", "coarser", "factor"),
    [((771, 1037), (193, 259), 4.0), ((100, 90), (400, 360), 0.25), ((771, 1037), (286, 384), 2.7)],
)
def test_the_factor_between_two_grids_is_whole_where_it_can_be(
    finer: tuple[int, int], coarser: tuple[int, int], factor: float
) -> None:
    assert factor_between(finer, coarser) == pytest.approx((factor, factor), abs=0.005)


@pytest.mark.skipif(not REAL.is_dir(), reason="slides are not in ../shared/data")
def test_the_levels_of_a_real_scan_lie_on_one_another_to_the_far_corner() -> None:
    image = open_image(REAL / "tcga-cr-7395-01a-01-ts1.svs")
    assert isinstance(image, Pyramid)
    height, width = image.levels.shapes[1]
    start, size = (height - 150, width - 150), (128, 128)
    coarse = image.levels.read(1, start, size).astype(float)
    fine = image.levels.read(0, (2 * start[0], 2 * start[1]), (256, 256)).astype(float)
    mean = fine.reshape(128, 2, 128, 2, 3).mean((1, 3))
    moved = np.roll(mean, 1, axis=1)
    assert np.abs(mean - coarse).mean() < 0.5 * np.abs(moved - coarse).mean()
