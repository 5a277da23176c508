"""Contours, filled again by a point-in-polygon test that knows nothing of how they were drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from enhanced_file import write_enhanced
from export_volumes import CLASSES, masks_on, predict
from matplotlib.path import Path as Outline
from scipy import ndimage
from volume_files import ball, grid, oblique, orientations, write

from inklings.exports.geojson import polygons
from inklings.exports.rtstruct import RtStruct, keyholed
from inklings.exports.source import ExportSource
from inklings.geometry import Geometry
from inklings.readers import open_image
from inklings.readers.dicom_series import source_planes


def filled(path: Path, series: Path) -> np.ndarray:
    """Masks of all regions: points of samples within the contours, on the slices they refer to."""
    said = pydicom.dcmread(path)
    planes = source_planes(series)
    with open_image(series) as image:
        geometry = image.geometry
    order = {(plane.sop, plane.frame): place for place, plane in enumerate(planes)}
    size = geometry.shape[1:]
    places = np.stack(np.meshgrid(*map(np.arange, size), indexing="ij"), -1).reshape(-1, 2)
    out = np.zeros((len(said.ROIContourSequence), *geometry.shape), bool)
    for roi in said.ROIContourSequence:
        for contour in roi.ContourSequence:
            points = np.array(contour.ContourData, float).reshape(-1, 3)
            assert len(points) == contour.NumberOfContourPoints
            indices = geometry.to_indices(points)
            referred = contour.ContourImageSequence[0]
            frame = int(referred.get("ReferencedFrameNumber", 1)) - 1
            plane = order[referred.ReferencedSOPInstanceUID, frame]
            assert np.abs(indices[:, 0] - plane).max() < 1e-3, "a contour lies on its slice"
            inside = Outline(indices[:, 1:]).contains_points(places).reshape(size)
            out[roi.ReferencedROINumber - 1, plane] ^= inside
    return out


def exported(folder: Path, series: Path, masks: np.ndarray) -> Path:
    source = ExportSource.open(predict(folder / "p", "one", series, masks))
    return RtStruct()(source, folder / "out") / "one.dcm"


@pytest.mark.parametrize("name", ["LPS", "RAS", "PIL", "oblique"])
def test_filled_contours_are_the_masks_again(name: str, tmp_path: Path) -> None:
    axes = orientations().get(name, oblique())
    geometry = grid(axes)
    series, masks = write("dicom", tmp_path, geometry), masks_on(geometry)
    masks[2, 5:8] = False
    masks[2, 6, 4:30, 5:35] = True
    masks[2, 6, 8:12, 9:20] = masks[2, 6, 20:24, 12:16] = False  # two holes
    masks[2, 6, 10, 12] = True  # an island in a hole
    path = exported(tmp_path, series, masks)
    np.testing.assert_array_equal(filled(path, series), masks)
    said = pydicom.dcmread(path)
    assert [roi.ROIName for roi in said.StructureSetROISequence] == list(CLASSES)
    assert said.ApprovalStatus == "UNAPPROVED"
    source = pydicom.dcmread(next(series.glob("*.dcm")))
    for word in ("StudyInstanceUID", "FrameOfReferenceUID", "PatientID"):
        assert said[word].value == source[word].value


def test_contours_lie_where_the_numbers_of_the_file_say_on_oblong_pixels(tmp_path: Path) -> None:
    """By hand: the first number of the pixel spacing lies between rows; rt-utils exchanges them."""
    geometry = Geometry((4, 40, 30), (3.0, 0.8, 2.2), (5.0, -7.0, 11.0))
    series, masks = write("dicom", tmp_path, geometry), np.zeros((3, 4, 40, 30), bool)
    masks[0, 1, 5, 3:11] = True  # one sample wide
    contours = pydicom.dcmread(exported(tmp_path, series, masks)).ROIContourSequence[0]
    (contour,) = contours.ContourSequence
    x, y, z = np.array(contour.ContourData, float).reshape(-1, 3).T
    named = contour.ContourImageSequence[0].ReferencedSOPInstanceUID
    files = [pydicom.dcmread(path) for path in series.glob("*.dcm")]
    (said,) = [one for one in files if one.SOPInstanceUID == named]
    left, top, place = map(float, said.ImagePositionPatient)
    between_rows, between_columns = map(float, said.PixelSpacing)
    assert (between_rows, between_columns) == (0.8, 2.2)
    np.testing.assert_allclose(z, place, atol=1e-3)
    np.testing.assert_allclose((x.min(), x.max()), left + np.array([2.5, 10.5]) * 2.2, atol=1e-3)
    np.testing.assert_allclose((y.min(), y.max()), top + np.array([4.5, 5.5]) * 0.8, atol=1e-3)


@pytest.mark.filterwarnings("error")
def test_a_contour_of_more_than_64_kilobytes_stays_a_list_of_decimals(tmp_path: Path) -> None:
    geometry = grid(np.eye(3), (2, 96, 96))
    series, masks = write("dicom", tmp_path, geometry), np.zeros((3, 2, 96, 96), bool)
    masks[0, 1, ::2, 1:90] = masks[0, 1, :, 0] = True  # a comb
    path = exported(tmp_path, series, masks)
    contours = pydicom.dcmread(path).ROIContourSequence[0].ContourSequence
    assert [c["ContourData"].VR for c in contours] == ["DS"]
    assert contours[0].NumberOfContourPoints > 8000
    np.testing.assert_array_equal(filled(path, series), masks)


def test_contours_on_an_enhanced_file_name_their_frames(tmp_path: Path) -> None:
    geometry = grid(np.eye(3))
    path = write_enhanced(tmp_path / "many.dcm", ball(geometry), geometry)
    masks = masks_on(geometry)
    np.testing.assert_array_equal(filled(exported(tmp_path, path, masks), path), masks)


def test_exporting_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    geometry = grid(np.eye(3))
    series = write("dicom", tmp_path, geometry)
    first = exported(tmp_path, series, masks_on(geometry)).read_bytes()
    again = RtStruct()(ExportSource.open(tmp_path / "p"), tmp_path / "again") / "one.dcm"
    assert again.read_bytes() == first


def test_a_square_with_a_hole_becomes_one_ring_of_the_area_between() -> None:
    outer = np.array([(0, 0), (10, 0), (10, 10), (0, 10), (0, 0)], float)
    hole = np.array([(4, 4), (4, 6), (6, 6), (6, 4), (4, 4)], float)
    ring = keyholed([outer, hole])
    x, y = ring.T
    assert abs((x[:-1] * y[1:] - x[1:] * y[:-1]).sum() / 2) == pytest.approx(96)


def test_ragged_masks_with_many_holes_survive_the_rounding_to_a_tenth_of_a_micrometre() -> None:
    places = np.stack(np.meshgrid(np.arange(40), np.arange(44), indexing="ij"), -1).reshape(-1, 2)
    for seed in range(25):
        rng = np.random.default_rng(seed)
        noise = ndimage.gaussian_filter(rng.normal(size=(40, 44)), (0.6, 1, 2)[seed % 3])
        mask, found = noise > -0.05, np.zeros((40, 44), bool)
        for rings in polygons(mask):
            ring = np.round(keyholed([one - 0.5 for one in rings]) * 0.7313, 4) / 0.7313
            found ^= Outline(ring[:, ::-1]).contains_points(places).reshape(mask.shape)
        np.testing.assert_array_equal(found, mask)
