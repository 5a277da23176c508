import numpy as np
import pytest

from inklings.applications.lung_nodules.lungs import NODULES, lungs
from inklings.findings.measure import measure
from inklings.geometry import Geometry
from inklings.simulation.phantoms.chest import Patient


def _ball(diameter: float, spacing, wall: bool = False, vessel: bool = False):
    shape = tuple(round(64 / mm) for mm in spacing)
    geometry = Geometry(shape, spacing, (0.0, 0.0, 0.0))
    points = geometry.to_points(np.moveaxis(np.indices(shape), 0, -1))
    values = np.full(shape, -860.0)
    values[np.linalg.norm(points - 32, axis=-1) < diameter / 2] = 20
    if vessel:
        values[np.linalg.norm(points[..., 1:] - 32, axis=-1) < 1.3] = 20
    if wall:
        values[points[..., 0] > 32 + diameter / 2 - 1] = 20
    return values.astype(np.int16), geometry


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.5, 0.7, 0.7)])
@pytest.mark.parametrize("guess", [0.7, 1.0, 1.35])
def test_ball_of_14_mm_measures_14_mm_whatever_the_grid_and_the_guess(spacing, guess) -> None:
    values, geometry = _ball(14.0, spacing)
    found = measure(values, geometry, (32.0, 32.0, 32.0), 14.0 * guess, NODULES)
    assert found.grown
    assert found.diameter_mm == pytest.approx(14, rel=0.07)


def test_a_vessel_through_it_adds_little() -> None:
    values, geometry = _ball(12.0, (1.0, 0.8, 0.8), vessel=True)
    found = measure(values, geometry, (32.0, 32.0, 32.0), 11.0, NODULES)
    assert found.diameter_mm == pytest.approx(12, rel=0.1)


def test_an_outline_that_runs_into_the_wall_is_not_believed() -> None:
    values, geometry = _ball(8.0, (1.0, 0.7, 0.7), wall=True)
    found = measure(values, geometry, (32.0, 32.0, 32.0), 8.0, NODULES)
    assert not found.grown
    assert found.diameter_mm == pytest.approx(8, rel=0.1)


def test_an_outline_of_much_less_than_the_guess_is_not_believed() -> None:
    values, geometry = _ball(14.0, (1.0, 1.0, 1.0))
    found = measure(values, geometry, (32.0, 32.0, 32.0), 14.0 * 1.6, NODULES)
    assert not found.grown
    assert found.diameter_mm == pytest.approx(14.0 * 1.6, rel=0.1)


def test_a_place_without_contrast_keeps_the_guess_and_says_so() -> None:
    values, geometry = _ball(0.0, (1.0, 1.0, 1.0))
    found = measure(values, geometry, (32.0, 32.0, 32.0), 8.0, NODULES)
    assert not found.grown
    assert found.diameter_mm == pytest.approx(8, rel=0.1)


def test_solid_nodules_of_phantoms_are_measured_within_a_quarter() -> None:
    errors = []
    for seed in range(6):
        scan = Patient(seed, 5).render((96, 128, 128))
        found = lungs(scan.image, scan.geometry)
        for nodule in scan.nodules:
            if nodule.kind == "solid" and nodule.diameter_mm > 7:
                one = measure(
                    scan.image, scan.geometry, nodule.centre_mm, nodule.diameter_mm * 0.85,
                    NODULES, found.holds_tight,
                )  # fmt: skip
                errors.append(abs(np.log(one.diameter_mm / nodule.diameter_mm)))
    assert len(errors) >= 4
    assert np.median(errors) < 0.25
