import io
import itertools
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow

from inklings.cohorts.fingerprint import ImageStatistics, look
from inklings.cohorts.mosaics import Seam, lay_out, mosaics, seams
from inklings.geometry import Geometry
from inklings.simulation.phantoms.nuclei import MICROSCOPES, Microscope, nuclei_field

Picture = NDArray[np.uint8]


def seen(picture: Picture, name: str = "a") -> ImageStatistics:
    array = np.moveaxis(picture, -1, 0)
    return look(name, "image", Geometry(array.shape[1:]), array)


def tiles(picture: Picture, rows: int, columns: int) -> dict[tuple[int, int], Picture]:
    h, w = picture.shape[0] // rows, picture.shape[1] // columns
    return {
        (r, c): picture[r * h : (r + 1) * h, c * w : (c + 1) * w]
        for r, c in itertools.product(range(rows), range(columns))
    }


@pytest.fixture(scope="module")
def strangers() -> list[ImageStatistics]:
    return [seen(nuclei_field(seed, 128)[0]) for seed in range(100, 130)]


@pytest.mark.parametrize("microscope", MICROSCOPES)
def test_the_tiles_of_a_field_find_their_places(
    microscope: Microscope, strangers: list[ImageStatistics]
) -> None:
    cut = tiles(nuclei_field(7, 256, microscope)[0], 2, 2)
    shuffled = [(1, 0), (0, 1), (1, 1), (0, 0)]
    looks = [*strangers, *(seen(cut[place]) for place in shuffled)]
    found = mosaics(looks)
    assert [dict(one.places) for one in found] == [
        {len(strangers) + k: place for k, place in enumerate(shuffled)}
    ]


def test_separate_fields_have_no_seams(strangers: list[ImageStatistics]) -> None:
    assert seams(strangers) == []


def test_dark_borders_carry_nothing_to_compare() -> None:
    rng = np.random.default_rng(0)
    dark = [rng.poisson(5, (64, 64, 3)).astype(np.uint8) for _ in range(30)]
    assert seams([seen(picture) for picture in dark]) == []


def test_an_image_is_not_its_own_neighbour() -> None:
    wave = np.sin(np.arange(64) / 3)[:, None, None] * 90 + 120
    periodic = np.broadcast_to(wave, (64, 64, 3)).astype(np.uint8)
    assert seams([seen(periodic), seen(255 - periodic)]) == []


def test_a_seam_that_contradicts_a_surer_one_is_dropped() -> None:
    sure = Seam(0, 1, (0, 1), correlation=0.99, step=1.0, margin=9)
    also = Seam(1, 2, (1, 0), correlation=0.98, step=1.0, margin=9)
    wrong = Seam(3, 1, (0, 1), correlation=0.85, step=1.4, margin=2)  # the place of 0
    assert [dict(one.places) for one in lay_out([wrong, also, sure])] == [
        {0: (0, 0), 1: (0, 1), 2: (1, 1)}
    ]


def test_the_order_of_images_does_not_matter(strangers: list[ImageStatistics]) -> None:
    cut = tiles(nuclei_field(8, 256, "stained")[0], 2, 2)
    looks = [*(seen(tile, str(place)) for place, tile in cut.items()), *strangers]

    def named(order: list[ImageStatistics]) -> list[dict[str, tuple[int, int]]]:
        return [{order[i].case: place for i, place in m.places.items()} for m in mosaics(order)]

    assert named(looks) == named(looks[::-1])
    assert len(named(looks)[0]) == 4


REAL = Path(__file__).parents[2] / ".." / "shared" / "data" / "dsb2018_stage1_train.zip"


@pytest.mark.skipif(not REAL.is_file(), reason="dsb2018_stage1_train.zip is not in ../shared/data")
def test_real_stained_fields_are_put_together_without_contradiction() -> None:
    looks = []
    with zipfile.ZipFile(REAL) as archive:
        for name in sorted(n for n in archive.namelist() if "/images/" in n):
            with Pillow.open(io.BytesIO(archive.read(name))) as file:
                if file.size == (320, 256):
                    looks.append(seen(np.asarray(file.convert("RGB")), name.split("/")[0]))
    assert len(looks) == 87
    found, borders = mosaics(looks), seams(looks)
    assert (len(found), sum(len(one.places) for one in found)) == (27, 86)
    home = {i: (one, place) for one in found for i, place in one.places.items()}
    for border in borders:
        (one, (row, column)), (other, there) = home[border.first], home[border.second]
        assert one is other
        assert (row + border.offset[0], column + border.offset[1]) == there
