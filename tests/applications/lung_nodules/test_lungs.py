import numpy as np
import pytest

from inklings.applications.lung_nodules.lungs import lungs
from inklings.errors import DataError
from inklings.geometry import Geometry
from inklings.simulation.phantoms.chest import chest


def test_no_centre_of_a_nodule_is_lost() -> None:
    for seed in range(4):
        scan = chest(seed, (48, 96, 96), nodules=5)
        found = lungs(scan.image, scan.geometry)
        assert found.found
        assert found.holds([n.centre_mm for n in scan.nodules]).all()


def test_hull_covers_the_lungs_and_not_the_body(phantom) -> None:
    found = lungs(phantom.image, phantom.geometry)
    points = phantom.geometry.to_points(np.argwhere(phantom.lungs)[::37])
    assert found.holds(points).mean() > 0.99
    spacing = np.prod(phantom.geometry.spacing) / 1000
    assert found.volume_ml < 1.8 * phantom.lungs.sum() * spacing


def test_table_and_air_around_the_patient_are_outside(phantom) -> None:
    found = lungs(phantom.image, phantom.geometry)
    corners = phantom.geometry.to_points([[24, 0, 0], [24, 95, 48], [24, 2, 90]])
    assert not found.holds(corners).any()


def test_sides_are_those_of_the_patient(phantom) -> None:
    found = lungs(phantom.image, phantom.geometry)
    points = phantom.geometry.to_points(np.argwhere(phantom.lungs))
    middle = points[:, 0].mean()
    assert found.side((middle + 60, 0.0, 0.0)) == "left"  # x grows to the patient's left
    assert found.side((middle - 60, 0.0, 0.0)) == "right"


def test_turned_scan_gives_the_same_place(phantom) -> None:
    """Stored from the head down, the same points are in the lungs."""
    here = phantom.geometry
    turned = Geometry(
        here.shape, here.spacing, tuple(here.to_points((here.shape[0] - 1, 0, 0))),
        ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, -1.0)), here.frame,
    )  # fmt: skip
    found = lungs(phantom.image[::-1], turned)
    assert found.holds([n.centre_mm for n in phantom.nodules]).all()


def test_a_scan_without_lungs_is_searched_everywhere_and_says_so() -> None:
    body = np.full((20, 64, 64), 40, np.int16)
    body[:, :8] = -1000
    found = lungs(body, Geometry(body.shape, (2.5, 3.0, 3.0), (0.0, 0.0, 0.0)))
    assert not found.found
    assert found.hull.all()


def test_padding_beyond_the_field_of_view_is_no_lung(phantom) -> None:
    padded = phantom.image.copy()
    rows, columns = np.ogrid[:96, :96]
    padded[:, (rows - 47.5) ** 2 + (columns - 47.5) ** 2 > 47**2] = -3024
    found = lungs(padded, phantom.geometry)
    assert found.found
    assert not found.holds(phantom.geometry.to_points([[24, 1, 1], [24, 94, 94]])).any()


def test_exported_pictures_are_refused_with_advice(phantom) -> None:
    grey = np.clip((phantom.image + 1000) / 8, 0, 255).astype(np.uint8)
    with pytest.raises(DataError, match="Hounsfield units"):
        lungs(grey, phantom.geometry)
