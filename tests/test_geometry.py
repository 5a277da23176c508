import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from inklings.errors import GeometryError
from inklings.geometry import Geometry, Region


def tilted(angles: tuple[float, float, float], spacing: tuple[float, float, float]) -> Geometry:
    columns = Rotation.from_euler("xyz", angles).as_matrix()
    return Geometry(
        shape=(20, 30, 40),
        spacing=spacing,
        origin=(-120.0, 33.5, 907.25),
        direction=tuple(map(tuple, columns.tolist())),
        frame="1.2.3",
    )


angles = st.tuples(*[st.floats(-3.1, 3.1)] * 3)
spacings = st.tuples(*[st.floats(0.05, 9.0)] * 3)
indices = st.tuples(*[st.floats(-50, 500)] * 3)


@given(angles, spacings, indices)
def test_points_and_indices_are_inverse_with_direction_cosines(
    turn: tuple[float, float, float],
    spacing: tuple[float, float, float],
    index: tuple[float, float, float],
) -> None:
    geometry = tilted(turn, spacing)
    back = geometry.to_indices(geometry.to_points(index))
    np.testing.assert_allclose(back, index, atol=1e-6)


@given(angles, spacings, indices, indices)
def test_distances_are_those_of_the_spacing_however_the_patient_lies(
    turn: tuple[float, float, float],
    spacing: tuple[float, float, float],
    a: tuple[float, float, float],
    b: tuple[float, float, float],
) -> None:
    geometry = tilted(turn, spacing)
    apart = np.linalg.norm(geometry.to_points(a) - geometry.to_points(b))
    expected = np.linalg.norm((np.array(a) - np.array(b)) * np.array(spacing))
    assert apart == pytest.approx(expected, abs=1e-6)


def test_a_voxel_worked_by_hand() -> None:
    """Index (z, y, x) = (2, 3, 4); the columns of the direction are those of x, y and z."""
    direction = ((0.0, 1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, -1.0))
    geometry = Geometry((9, 9, 9), (5.0, 0.5, 2.0), (10.0, 20.0, 30.0), direction)
    np.testing.assert_allclose(geometry.to_points((2, 3, 4)), (10 + 1.5, 20 + 8.0, 30 - 10.0))
    np.testing.assert_allclose(geometry.to_indices((11.5, 28.0, 20.0)), (2, 3, 4))


def test_many_points_at_once_equal_each_alone() -> None:
    geometry = tilted((0.1, -0.4, 2.0), (2.5, 0.7, 0.8))
    index = np.random.default_rng(0).uniform(0, 20, (4, 5, 3))
    together = geometry.to_points(index)
    assert together.shape == (4, 5, 3)
    np.testing.assert_allclose(together[2, 3], geometry.to_points(index[2, 3]))


@pytest.mark.parametrize("spacing_mm", [0.35, 0.7, 1.0, 2.8])
def test_another_grid_covers_the_same_tissue(spacing_mm: float) -> None:
    geometry = Geometry((32, 48), (0.7, 0.7), (3.0, -4.0))
    there = geometry.at(spacing_mm)
    assert there.shape == (round(32 * 0.7 / spacing_mm), round(48 * 0.7 / spacing_mm))
    np.testing.assert_allclose(  # outer corners, half a sample before the first centre
        there.to_points((-0.5, -0.5)), geometry.to_points((-0.5, -0.5)), atol=1e-12
    )
    assert geometry.at(0.7) == geometry


def test_a_picture_without_spacing_has_no_millimetres() -> None:
    with pytest.raises(GeometryError, match=r"expected a known pixel spacing for a\.png"):
        Geometry((4, 4), frame="a.png").to_points((1, 1))


def test_points_of_two_frames_are_not_compared() -> None:
    a, b = Geometry((4, 4), frame="left"), Geometry((4, 4), frame="right")
    a.require_same_frame(a)
    with pytest.raises(GeometryError, match="'left' with frame 'right'"):
        a.require_same_frame(b)


def test_a_region_cuts_what_it_says() -> None:
    region = Region((2, 3), (4, 5))
    assert region.stop == (6, 8)
    assert np.zeros((10, 10))[region.slices].shape == (4, 5)
    assert Geometry((7, 9)).full == Region((0, 0), (7, 9))
