import numpy as np
import pytest

from inklings.detection.scan import grey_range, prepare, to_grey
from inklings.errors import SpecError
from inklings.geometry import Geometry
from inklings.sections import Component
from inklings.simulation.phantoms.chest import Patient
from inklings.spec.detection import Detection


def test_grey_is_linear_between_air_and_bone() -> None:
    assert to_grey(np.array([-2000, -1000, -300, 400, 3000]), -1000, 400).tolist() == [
        0,
        0,
        128,
        255,
        255,
    ]


def test_a_place_in_the_patient_shows_the_same_tissue_on_the_working_grid(phantom, lungs) -> None:
    scan = prepare(phantom.image, phantom.geometry, lungs)
    assert scan.geometry.spacing == (1.5, 1.5, 1.5)
    for nodule in (n for n in phantom.nodules if n.diameter_mm > 6 and n.kind == "solid"):
        index = np.rint(scan.geometry.to_indices(nodule.centre_mm)).astype(int)
        assert scan.grey[tuple(index)] > 100


def test_working_grid_does_not_depend_on_the_slices(lungs) -> None:
    """The same patient with thick and thin slices: the nodules lie in the same places."""
    patient = Patient(3, 3)
    for shape, spacing in (((48, 96, 96), None), ((60, 80, 80), None)):
        scan = patient.render(shape, spacing)
        made = prepare(scan.image, scan.geometry, lungs)
        for nodule in scan.nodules:
            there = made.geometry.to_points(made.geometry.to_indices(nodule.centre_mm))
            assert there == pytest.approx(np.array(nodule.centre_mm), abs=1e-6)
            assert made.region.holds([nodule.centre_mm]).all()


def test_voxels_are_those_of_the_whole_scan(phantom, lungs) -> None:
    assert prepare(phantom.image, phantom.geometry, lungs).voxels == phantom.image.size


def test_frame_travels_along(phantom, lungs) -> None:
    here = phantom.geometry
    other = Geometry(here.shape, here.spacing, here.origin, here.direction, "1.2.3")
    assert prepare(phantom.image, other, lungs).geometry.frame == "1.2.3"


def test_the_grey_range_is_a_window_or_of_the_volume_itself() -> None:
    values = np.arange(1001.0).reshape(7, 11, 13)
    window = Component.model_validate({"name": "window", "low": -1000, "high": 400})
    assert grey_range(window, values) == (-1000.0, 400.0)
    part = Component.model_validate({"name": "percentiles", "low": 10, "high": 90})
    assert grey_range(part, values) == pytest.approx((100.0, 900.0))
    with pytest.raises(SpecError, match="expected window or percentiles, got zscore"):
        grey_range(Component(name="zscore"), values)


def test_without_a_region_all_of_the_volume_is_seen() -> None:
    values = np.zeros((20, 30, 40), np.float32)
    geometry = Geometry((20, 30, 40), (3.0, 1.5, 1.5), (5.0, 6.0, 7.0))
    made = prepare(values, geometry, Detection(spacing_mm=1.5))
    assert made.geometry.shape == (40, 30, 40)
    corners = geometry.to_points([[0, 0, 0], [19, 29, 39]])
    assert made.region.holds(corners).all()
    assert not made.region.holds(corners + np.array([[-9, 0, 0], [0, 0, 9]])).any()
