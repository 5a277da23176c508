"""Another grid and back: places in millimetres stay."""

from __future__ import annotations

import numpy as np
import pytest

from inklings.data.respace import respaced
from inklings.errors import GeometryError
from inklings.geometry import Geometry

HERE = Geometry((12, 40, 36), (7.0, 1.5, 1.5), (-20.0, 15.0, 3.0))
GRIDS = [(5.0, 2.0, 2.0), (7.0, 1.5, 1.5), (3.0, 3.0, 0.8), (2.0, 2.0, 2.0)]


def points(geometry: Geometry) -> np.ndarray:
    return geometry.to_points(np.stack(np.indices(geometry.shape), -1).reshape(-1, 3))


def plane(geometry: Geometry) -> np.ndarray:
    """A ramp in millimetres, ``(1, *shape)``."""
    return (points(geometry) @ [0.3, -0.2, 0.5]).reshape(1, *geometry.shape).astype(np.float32)


@pytest.mark.parametrize("spacing", GRIDS)
def test_a_ramp_in_millimetres_is_the_same_ramp_on_the_other_grid_and_back(spacing) -> None:
    there = HERE.at(spacing)
    other = respaced(plane(HERE), HERE, there)
    inner = tuple(slice(3, -3) for _ in range(3))
    assert other[0][inner] == pytest.approx(plane(there)[0][inner], abs=0.15)
    back = respaced(plane(there), there, HERE)
    assert back.shape == (1, *HERE.shape)
    assert back[0][inner] == pytest.approx(plane(HERE)[0][inner], abs=0.15)


@pytest.mark.parametrize("spacing", GRIDS)
def test_a_ball_keeps_its_centre_within_a_tenth_of_a_sample(spacing) -> None:
    centre = HERE.to_points([6, 21, 17])
    ball = np.clip(14 - np.linalg.norm(points(HERE) - centre, axis=1), 0, 1) * 255
    there = HERE.at(spacing)
    coarse = respaced(ball.reshape(1, *HERE.shape).astype(np.uint8), HERE, there)
    for array, grid in ((coarse, there), (respaced(coarse, there, HERE), HERE)):
        weight = array.ravel().astype(float)
        found = (points(grid) * weight[:, None]).sum(0) / weight.sum()
        assert np.abs(found - centre).max() < 0.1 * max(grid.require_spacing()[0], 1.5)


def test_codes_are_never_mixed() -> None:
    rng = np.random.default_rng(0)
    codes = rng.choice(np.array([0, 3, 200], np.uint8), (1, *HERE.shape))
    other = respaced(codes, HERE, HERE.at((5.0, 2.2, 1.1)), nearest=True)
    assert set(np.unique(other)) == {0, 3, 200}


def test_the_same_grid_costs_nothing() -> None:
    array = plane(HERE)
    assert respaced(array, HERE, HERE.at(HERE.spacing)) is array


def test_grids_of_another_extent_are_refused() -> None:
    away = Geometry(HERE.shape, (5.0, 2.0, 2.0), (100.0, 0.0, 0.0))
    with pytest.raises(GeometryError, match="one extent"):
        respaced(plane(HERE), HERE, away)
