import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow

from inklings.errors import GeometryError, ReaderError
from inklings.geometry import Region
from inklings.readers import open_image, raster
from inklings.readers.picture import PictureReader, decode

RGB = np.random.default_rng(0).integers(0, 256, (9, 13, 3)).astype(np.uint8)


def read(path: Path) -> tuple[tuple[str, ...], NDArray[Any]]:
    with open_image(path) as image:
        return image.channels, image.read(image.geometry.full)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
def test_colours_read_back_exactly(tmp_path: Path, suffix: str) -> None:
    Pillow.fromarray(RGB).save(tmp_path / f"a{suffix}")
    channels, array = read(tmp_path / f"a{suffix}")
    assert channels == ("R", "G", "B")
    np.testing.assert_array_equal(array, np.moveaxis(RGB, -1, 0))


def test_jpeg_reads_back_nearly(tmp_path: Path) -> None:
    smooth = np.linspace(0, 255, 9 * 13, dtype=np.uint8).reshape(9, 13)
    Pillow.fromarray(smooth).save(tmp_path / "a.jpg", quality=95)
    _, array = read(tmp_path / "a.jpg")
    assert np.abs(array[0].astype(int) - smooth).max() < 20


def test_an_alpha_plane_is_dropped_and_a_palette_becomes_colours(tmp_path: Path) -> None:
    rgba = np.dstack([RGB, np.full(RGB.shape[:2], 255, np.uint8)])
    Pillow.fromarray(rgba).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read(tmp_path / "a.png")[1], np.moveaxis(RGB, -1, 0))
    indices = np.array([[0, 1], [2, 1]], np.uint8)
    picture = Pillow.fromarray(indices)
    picture.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    picture.save(tmp_path / "p.png")
    channels, array = read(tmp_path / "p.png")
    assert channels == ("R", "G", "B")
    assert array[:, 1, 0].tolist() == [70, 80, 90]
    np.testing.assert_array_equal(decode(tmp_path / "p.png"), indices)  # masks keep their numbers


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_values_keep_their_depth(tmp_path: Path, dtype: type[Any]) -> None:
    grey = np.random.default_rng(1).integers(0, np.iinfo(dtype).max, (6, 7)).astype(dtype)
    Pillow.fromarray(grey).save(tmp_path / "a.png")
    channels, array = read(tmp_path / "a.png")
    assert channels == ("grey",)
    assert array.dtype == dtype
    np.testing.assert_array_equal(array[0], grey)


def test_a_region_is_a_part_of_the_whole(tmp_path: Path) -> None:
    Pillow.fromarray(RGB).save(tmp_path / "a.png")
    with PictureReader().open(tmp_path / "a.png") as image:
        part = image.read(Region((2, 3), (4, 5)))
    np.testing.assert_array_equal(part, np.moveaxis(RGB[2:6, 3:8], -1, 0))


def test_dots_per_inch_are_not_a_spacing(tmp_path: Path) -> None:
    Pillow.fromarray(RGB).save(tmp_path / "a.png", dpi=(300, 300))
    with PictureReader().open(tmp_path / "a.png") as image:
        assert image.geometry.spacing is None
        with pytest.raises(GeometryError, match="a plain picture says no pixel spacing"):
            image.at(0.001)


@pytest.mark.parametrize("keep", [20, 60, 200])
def test_a_truncated_file_is_explained(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "a.png"
    Pillow.fromarray(RGB).save(path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ReaderError, match=r"truncated or damaged|got none"):
        read(path)
    with pytest.raises(ReaderError):
        decode(path)
    with pytest.raises(ReaderError, match="no such file"):
        decode(tmp_path / "none.png")


@pytest.mark.parametrize("samples", [1, 2, 3, 4])
@pytest.mark.parametrize("clear", [False, True])
def test_png_of_bytes_is_what_pillow_sees(samples: int, clear: bool) -> None:
    rng = np.random.default_rng(samples)
    values = rng.integers(0, 5, (11, 14, samples), np.uint8)
    picture = Pillow.fromarray(values[..., 0] if samples == 1 else values)
    told = io.BytesIO()
    one = {1: 3, 3: (1, 2, 3)}.get(samples) if clear else None
    picture.save(told, "PNG", **({} if one is None else {"transparency": one}))
    found = raster.raster(told.getvalue())
    colours = samples - 1 if samples in (2, 4) else samples
    np.testing.assert_array_equal(found.numbers[0], values[..., :colours])
    if samples in (2, 4) or one is not None:
        seen = np.asarray(Pillow.open(told).convert("RGBA"))
        assert found.alpha is not None
        np.testing.assert_array_equal(found.alpha, seen[..., 3])
    else:
        assert found.alpha is None


@pytest.mark.parametrize("samples", [1, 2, 3, 4])
def test_no_damaged_byte_of_a_png_goes_unseen(samples: int) -> None:
    """Header and samples; Pillow lets the last checksum and the end of the file go."""
    values = np.random.default_rng(0).integers(0, 256, (5, 6, samples), np.uint8)
    told = io.BytesIO()
    Pillow.fromarray(values[..., 0] if samples == 1 else values).save(told, "PNG")
    data = told.getvalue()
    for at in (*range(16, 33), *range(41, len(data) - 12)):
        damaged = bytearray(data)
        damaged[at] ^= 0x55
        with pytest.raises(ReaderError):
            raster.raster(bytes(damaged))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA"])
@pytest.mark.parametrize("at_once", [1, 30, 1000])
def test_strips_of_a_picture_are_the_picture(
    mode: str, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raster, "_AT_ONCE", at_once)
    picture = Pillow.fromarray(RGB).convert(mode)
    np.testing.assert_array_equal(raster._unpacked(picture), np.asarray(picture))
