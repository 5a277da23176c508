"""Volumes: whichever way they lie, the mask lies on their own grid."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from dicom_files import series
from images_in_memory import scan

import inklings as ik

# The third axis to the feet and a turn of 25 degrees about it: neither of the training volumes.
C, S = float(np.cos(np.radians(25))), float(np.sin(np.radians(25)))
OBLIQUE = ((C, S, 0.0), (S, -C, 0.0), (0.0, 0.0, -1.0))


def test_a_mask_lies_on_the_grid_of_an_oblique_volume_as_simpleitk_resamples_it(
    scan_run: ik.Run,
) -> None:
    array, truth = scan(3)
    grid = ik.Geometry(array.shape, (4.0, 1.0, 1.0), (12.0, -30.0, 55.0))
    turned = ik.Geometry((7, 40, 36), (4.0, 0.8, 1.1), (2.0, -6.0, 77.0), OBLIQUE)
    moved = resampled(array, grid, turned)
    expected = resampled(truth.astype(np.float32), grid, turned) >= 0.5
    found = ik.predict(scan_run, ik.open_image(moved, geometry=turned))
    assert found.geometry is not None
    assert found.mask.shape == turned.shape == found.probability.shape[1:]
    assert found.geometry.apart(turned) < 1e-3
    overlap = 2 * (found.mask.astype(bool) & expected).sum() / (found.mask.sum() + expected.sum())
    assert overlap > 0.65
    centres = [turned.to_points(np.argwhere(mask)).mean(0) for mask in (found.mask, expected)]
    assert np.linalg.norm(centres[0] - centres[1]) < 1.5  # mm


def test_the_same_volume_stored_the_other_way_round_gets_the_same_mask(scan_run: ik.Run) -> None:
    array, _ = scan(3)
    grid = ik.Geometry(array.shape, (4.0, 1.0, 1.0), (12.0, -30.0, 55.0))
    far = tuple(grid.to_points([5, 0, 31]).tolist())
    turned = ik.Geometry(array.shape, grid.spacing, far, ((-1, 0, 0), (0, 1, 0), (0, 0, -1)))
    plain = ik.predict(scan_run, ik.open_image(array, geometry=grid))
    other = ik.predict(scan_run, ik.open_image(array[::-1, :, ::-1], geometry=turned))
    assert plain.mask.any()
    assert np.array_equal(other.mask[::-1, :, ::-1], plain.mask)


def resampled(array: np.ndarray, own: ik.Geometry, other: ik.Geometry) -> np.ndarray:
    """``array`` on another grid, linearly, by SimpleITK."""
    image = placed(array, own)
    like = placed(np.zeros(other.shape, np.float32), other)
    return sitk.GetArrayFromImage(sitk.Resample(image, like, sitk.Transform(), sitk.sitkLinear))


def placed(array: np.ndarray, grid: ik.Geometry) -> sitk.Image:
    image = sitk.GetImageFromArray(array)
    assert grid.spacing is not None
    image.SetSpacing(grid.spacing[::-1])
    image.SetOrigin(grid.origin)
    image.SetDirection(grid.axes.ravel().tolist())
    return image


def test_an_array_takes_the_spacing_that_is_said(scan_run: ik.Run) -> None:
    array, truth = scan(4)
    found = ik.predict(scan_run, array, spacing_mm=(4.0, 1.0, 1.0))
    assert found.geometry == ik.Geometry(
        array.shape, (4.0, 1.0, 1.0), found.geometry.origin, found.geometry.direction,
        found.geometry.frame,
    )  # fmt: skip
    assert (found.mask == truth).mean() > 0.95


def test_a_volume_without_a_spacing_is_refused(scan_run: ik.Run) -> None:
    with pytest.raises(ik.InklingsError, match="spacing_mm=\\(z, y, x\\)"):
        ik.predict(scan_run, scan(4)[0])


def test_a_folder_of_dicom_and_its_array_are_predicted_alike(
    scan_run: ik.Run, tmp_path: Path
) -> None:
    series(tmp_path / "series", pixels=np.rint(scan(5)[0] + 40).astype(np.uint16))
    with ik.open_image(tmp_path / "series") as image:
        samples, grid = image.read(image.geometry.full)[0], image.geometry
    found = ik.predict(scan_run, tmp_path / "series")
    assert found.geometry is not None
    assert found.geometry.apart(grid) < 1e-3
    again = ik.predict(scan_run, ik.open_image(samples, geometry=grid))
    assert np.array_equal(found.mask, again.mask)
    assert found.mask.any()


def test_volumes_are_scored_and_exported_in_mm(
    scans: ik.Cohort, scan_run: ik.Run, tmp_path: Path
) -> None:
    found = ik.predict(scan_run, scans, split="test", out=tmp_path / "found")
    scores = ik.evaluate(found, scans)
    assert scores["dice"].value > 0.8
    assert scores["hd95"].unit == "mm"
    out = ik.export(found, "nifti", out=tmp_path / "nifti")
    written = sitk.GetArrayFromImage(sitk.ReadImage(out / f"{found.cases[0]}.nii.gz"))
    assert np.array_equal(written, found[0].mask)
    found[0].save(tmp_path / "mask.nii.gz")
    assert np.array_equal(
        sitk.GetArrayFromImage(sitk.ReadImage(tmp_path / "mask.nii.gz")), found[0].mask
    )
