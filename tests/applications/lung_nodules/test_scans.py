import numpy as np
import pytest

from inklings.applications.lung_nodules.scans import SPACING_MM, prepare, to_grey
from inklings.geometry import Geometry
from inklings.simulation.phantoms.chest import Patient


def test_grey_is_linear_between_air_and_bone() -> None:
    assert to_grey(np.array([-2000, -1000, -300, 400, 3000])).tolist() == [0, 0, 128, 255, 255]


def test_a_place_in_the_patient_shows_the_same_tissue_on_the_working_grid(phantom) -> None:
    scan = prepare(phantom.image, phantom.geometry)
    assert scan.geometry.spacing == (SPACING_MM,) * 3
    for nodule in (n for n in phantom.nodules if n.diameter_mm > 6 and n.kind == "solid"):
        index = np.rint(scan.geometry.to_indices(nodule.centre_mm)).astype(int)
        assert scan.grey[tuple(index)] > 100


def test_working_grid_does_not_depend_on_the_slices() -> None:
    """The same patient with thick and thin slices: the nodules lie in the same places."""
    patient = Patient(3, 3)
    for shape, spacing in (((48, 96, 96), None), ((60, 80, 80), None)):
        scan = patient.render(shape, spacing)
        made = prepare(scan.image, scan.geometry)
        for nodule in scan.nodules:
            there = made.geometry.to_points(made.geometry.to_indices(nodule.centre_mm))
            assert there == pytest.approx(np.array(nodule.centre_mm), abs=1e-6)
            assert made.lungs.holds([nodule.centre_mm]).all()


def test_voxels_are_those_of_the_whole_scan(phantom) -> None:
    assert prepare(phantom.image, phantom.geometry).voxels == phantom.image.size


def test_frame_travels_along(phantom) -> None:
    here = phantom.geometry
    other = Geometry(here.shape, here.spacing, here.origin, here.direction, "1.2.3")
    assert prepare(phantom.image, other).geometry.frame == "1.2.3"
