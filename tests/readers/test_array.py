from pathlib import Path

import numpy as np
import pytest

from inklings.errors import GeometryError, ReaderError
from inklings.geometry import Geometry, Region
from inklings.readers.array import ArrayImage, ArrayReader


def ramp(spacing_mm: float) -> ArrayImage:
    """A square of 24 mm whose first channel is x in mm and whose second is y."""
    n = round(24 / spacing_mm)
    centres = (np.arange(n) + 0.5) * spacing_mm
    y, x = np.meshgrid(centres, centres, indexing="ij")
    origin = (spacing_mm / 2, spacing_mm / 2)
    geometry = Geometry((n, n), (spacing_mm, spacing_mm), origin)
    return ArrayImage(np.stack([x, y]), geometry, ("x", "y"))


@pytest.mark.parametrize("spacing_mm", [0.5, 1.0, 1.5, 3.0])
def test_a_ramp_keeps_its_millimetres_on_any_grid(spacing_mm: float) -> None:
    view = ramp(1.0).at(spacing_mm)
    inner = (slice(None), slice(2, -2), slice(2, -2))
    expected = ramp(spacing_mm)
    assert view.geometry.shape == expected.geometry.shape
    np.testing.assert_allclose(view.geometry.origin or (), expected.geometry.origin or ())
    np.testing.assert_allclose(view.array[inner], expected.array[inner], atol=0.02)


def test_coarser_means_averaged_not_skipped() -> None:
    stripes = np.zeros((1, 64, 64), np.float32)
    stripes[:, :, ::2] = 1
    image = ArrayImage(stripes, Geometry((64, 64), (1.0, 1.0)), ("grey",))
    coarse = image.at(4.0).array[0, 2:-2, 2:-2]
    assert np.abs(coarse - 0.5).max() < 0.05


def test_whole_numbers_stay_whole_numbers() -> None:
    image = ArrayImage(np.full((1, 8, 8), 201, np.uint8), Geometry((8, 8), (1.0, 1.0)), ("g",))
    assert image.at(2.0).array.dtype == np.uint8
    assert (image.at(2.0).array == 201).all()


@pytest.mark.parametrize("shape", [(6, 7), (3, 6, 7), (2, 6, 7)])
def test_a_file_reads_back_region_by_region(tmp_path: Path, shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    np.save(tmp_path / "a.npy", array)
    with ArrayReader().open(tmp_path / "a.npy") as image:
        planes = array[None] if array.ndim == 2 else array
        np.testing.assert_array_equal(image.read(Region((1, 2), (3, 4))), planes[:, 1:4, 2:6])
        assert len(image.channels) == len(planes)
        with pytest.raises(GeometryError):
            image.at(1.0)


def test_a_truncated_file_and_a_pickle_are_explained(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.zeros((50, 50)))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ReaderError, match="truncated or damaged NumPy file"):
        ArrayReader().open(path)
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ReaderError):
        ArrayReader().open(path)
