"""The same ball comes back from every format, at the same place in the patient."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from volume_files import CENTRE, KINDS, ball, centre_of, grid, oblique, orientations, write

from inklings.errors import ReaderError
from inklings.geometry import Geometry, Region
from inklings.readers import open_image
from inklings.readers.fitting import reoriented
from inklings.readers.nifti import write_nifti
from inklings.readers.volume import Volume

ROOT = Path(__file__).parents[2]
DATA = ROOT / ".." / "shared" / "data"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["LPS", "oblique"])
def test_a_ball_is_where_it_was_written_within_a_tenth_of_a_voxel(
    kind: str, name: str, tmp_path: Path
) -> None:
    geometry = grid(orientations()[name])
    with open_image(write(kind, tmp_path, geometry)) as image:
        assert np.linalg.norm(centre_of(image) - CENTRE) < 0.1 * min(geometry.spacing or ())
        assert image.geometry.shape == geometry.shape
        np.testing.assert_array_equal(image.read(image.geometry.full)[0], ball(geometry))


@pytest.mark.parametrize("name", orientations())
def test_geometry_agrees_with_simpleitk_for_every_orientation(name: str, tmp_path: Path) -> None:
    geometry = grid(orientations()[name], (6, 7, 8))
    for kind in ("dicom", "nii.gz", "nrrd"):
        path = write(kind, tmp_path, geometry)
        image = open_image(path)
        peer = _peer(path)
        for index in [(0, 0, 0), (5, 0, 0), (0, 6, 0), (0, 0, 7), (5, 6, 7)]:
            expected = peer.TransformIndexToPhysicalPoint(tuple(reversed(index)))
            np.testing.assert_allclose(image.geometry.to_points(index), expected, atol=2e-4)
        expected = SimpleITK.GetArrayFromImage(peer)
        np.testing.assert_array_equal(image.read(image.geometry.full)[0], expected)


def _peer(path: Path) -> SimpleITK.Image:
    if path.is_file():
        return SimpleITK.ReadImage(str(path))
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(path)))
    return reader.Execute()


def test_all_24_orientations_of_a_right_handed_grid_are_tried() -> None:
    assert len(orientations()) == 25


@pytest.mark.parametrize("kind", KINDS)
def test_a_region_is_the_same_whether_the_volume_is_read_before_or_not(
    kind: str, tmp_path: Path
) -> None:
    path = write(kind, tmp_path, grid(np.eye(3)))
    region = Region((7, 12, 9), (3, 10, 20))
    expected = ball(grid(np.eye(3)))[region.slices]
    with open_image(path) as image:
        np.testing.assert_array_equal(image.read(region)[0], expected)
        image.read(image.geometry.full)
        np.testing.assert_array_equal(image.read(region)[0], expected)


def test_written_nifti_keeps_its_geometry_and_its_bytes(tmp_path: Path) -> None:
    geometry = grid(oblique())
    for name in ("a.nii.gz", "b.nii.gz"):
        write_nifti(tmp_path / name, ball(geometry), geometry)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()
    image = open_image(tmp_path / "a.nii.gz")
    corners = [(0, 0, 0), (17, 39, 43)]
    np.testing.assert_allclose(
        image.geometry.to_points(corners), geometry.to_points(corners), atol=1e-3
    )
    peer = SimpleITK.ReadImage(str(tmp_path / "a.nii.gz"))
    np.testing.assert_allclose(peer.GetOrigin(), geometry.origin, atol=1e-3)


@pytest.mark.parametrize("kind", ["nii", "nii.gz", "mha", "nrrd", "dicom"])
def test_a_truncated_file_is_told_by_name(kind: str, tmp_path: Path) -> None:
    path = write(kind, tmp_path, grid(np.eye(3)))
    victim = sorted(path.iterdir())[4] if path.is_dir() else path
    data = victim.read_bytes()
    victim.write_bytes(data[: len(data) // 2])
    with pytest.raises(ReaderError, match=victim.name), open_image(path) as image:
        image.read(image.geometry.full)


@pytest.mark.parametrize("spacing_mm", [1.0, 2.5, 4.0, (5.0, 1.5, 1.5)])
@pytest.mark.parametrize("name", ["LPS", "oblique"])
def test_a_view_at_another_spacing_keeps_the_ball_in_its_place(
    spacing_mm: float, name: str, tmp_path: Path
) -> None:
    path = write("mha", tmp_path, grid(orientations()[name]))
    image = open_image(path)
    assert isinstance(image, Volume)
    view = image.at(spacing_mm)
    assert np.linalg.norm(centre_of(view) - CENTRE) < 0.1
    inner = Region((2, 3, 4), (3, 5, 4))
    whole = view.read(view.geometry.full)
    np.testing.assert_allclose(view.read(inner), whole[(slice(None), *inner.slices)], atol=1)


def test_a_ramp_keeps_its_millimetres_and_stripes_are_averaged() -> None:
    z, y, x = np.meshgrid(np.arange(20.0), np.arange(24.0), np.arange(32.0), indexing="ij")
    stripes = (np.arange(32) % 2 * np.ones((20, 24, 1))).astype(np.float32)
    array = np.stack([x + 100 * y + 10_000 * z, stripes]).astype(np.float32)
    geometry = Geometry((20, 24, 32), (2.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    image = Volume(Path("ramp"), geometry, ("ramp", "stripes"), lambda a, b: array[:, a:b])
    view = image.at(4.0)
    got = view.read(view.geometry.full)[:, 2:-2, 1:-1, 1:-1]
    points = view.geometry.to_indices(view.geometry.to_points((0, 0, 0)))
    assert np.allclose(points, 0)
    where = np.stack(np.meshgrid(*map(np.arange, view.geometry.shape), indexing="ij"), -1)
    here = geometry.to_indices(view.geometry.to_points(where))[2:-2, 1:-1, 1:-1]
    expected = here @ np.array([10_000, 100, 1])
    np.testing.assert_allclose(got[0], expected, rtol=1e-5)
    assert np.abs(got[1] - 0.5).max() < 0.05


def test_codes_are_never_mixed() -> None:
    array = np.zeros((1, 12, 12, 12), np.uint8)
    array[:, 3:9, 3:9, 3:9] = 7
    geometry = Geometry((12, 12, 12), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    image = Volume(Path("codes"), geometry, ("grey",), lambda a, b: array[:, a:b])
    for spacing in (0.5, 1.5, 3.0):
        view = image.as_codes().at(spacing)
        found = view.read(view.geometry.full)
        assert set(np.unique(found)) == {0, 7}
        assert (found == 7).mean() == pytest.approx(1 / 8, rel=0.25)


@pytest.mark.parametrize("name", [n for n in orientations() if n != "oblique"])
def test_a_mask_stored_in_another_order_of_axes_is_turned_onto_its_image(name: str) -> None:
    image = grid(np.eye(3), (5, 6, 7))
    numbers = np.arange(5 * 6 * 7).reshape(5, 6, 7)
    axes = orientations()[name]
    local = np.abs(axes)[::-1, ::-1].argmax(0)
    shape = tuple(np.array(image.shape)[local].tolist())
    spacing = tuple(np.array(image.require_spacing())[local].tolist())
    direction = tuple(tuple(row) for row in axes.tolist())
    flat = Geometry(shape, spacing, (0.0, 0.0, 0.0), direction)
    corners = np.stack(np.meshgrid(*[(0, n - 1) for n in shape], indexing="ij"), -1)
    low = flat.to_points(corners).reshape(-1, 3).min(0)
    own = Geometry(shape, spacing, tuple((np.array(image.origin) - low).tolist()), direction)
    where = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    inside = np.rint(image.to_indices(own.to_points(where))).astype(int)
    stored = numbers[tuple(np.moveaxis(inside, -1, 0))]
    np.testing.assert_array_equal(reoriented(stored, own, image), numbers)


@pytest.mark.skipif(not DATA.is_dir(), reason="the shared data are not beside the repository")
def test_real_volumes_agree_with_simpleitk() -> None:
    for name in ("example_ct_sm", "example_seg", "example_mr_sm", "example_seg_mr"):
        path = DATA / "totalsegmentator" / f"{name}.nii.gz"
        image = open_image(path)
        peer = SimpleITK.ReadImage(str(path))
        last = [n - 1 for n in image.geometry.shape]
        expected = peer.TransformIndexToPhysicalPoint(last[::-1])
        np.testing.assert_allclose(image.geometry.to_points(last), expected, atol=1e-3)
        array = SimpleITK.GetArrayFromImage(peer)
        np.testing.assert_allclose(image.read(image.geometry.full)[0], array, atol=1e-3)
