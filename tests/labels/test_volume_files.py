"""Masks of volumes: NIfTI, numbers in .npy, slices in a folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from inklings.cohorts.case import Case
from inklings.cohorts.fingerprint import fingerprint_case
from inklings.cohorts.rasterise import annotate
from inklings.errors import LabelError
from inklings.geometry import Geometry
from inklings.labels.files import mask_geometry, natural, read_mask, write_mask
from inklings.labels.kinds import MaskLabel
from inklings.readers.nifti import write_nifti

GRID = Geometry((12, 10, 9), (3.0, 1.0, 0.8), (4.0, -2.0, 7.0))
CODES = np.zeros(GRID.shape, np.uint8)
CODES[2:6, 3:7, 2:6] = 1
CODES[8:10, 3:7, 2:6] = 2


def stored(kind: str, folder: Path) -> Path:
    path = folder / f"mask{kind}"
    if kind == "":
        path.mkdir()
        for index, plane in enumerate(CODES):
            Pillow.fromarray(plane).save(path / f"slice{index}.png")
    else:
        write_mask(path, CODES, GRID)
    return path


@pytest.mark.parametrize("kind", [".nii.gz", ".nii", ".npy", ""])
def test_a_mask_of_a_volume_comes_back_from_every_way_to_store_it(
    kind: str, tmp_path: Path
) -> None:
    path = stored(kind, tmp_path)
    np.testing.assert_array_equal(read_mask(path), CODES)
    assert mask_geometry(path).shape == GRID.shape
    write_nifti(tmp_path / "image.nii.gz", CODES.astype(np.int16), GRID)
    label = MaskLabel(path, "ct", "classes", ("liver", "spleen"))
    case = Case("1", "1", {"ct": tmp_path / "image.nii.gz"}, (label,))
    said = annotate(case, "ct", GRID, ("liver", "spleen"))
    np.testing.assert_array_equal(said.category, CODES)
    seen = fingerprint_case(case, ("liver", "spleen"), {})
    assert seen.findings == ()
    assert seen.present == ("liver", "spleen")


def test_slices_are_stacked_by_number_and_not_by_letter() -> None:
    names = ["s10.png", "s9.png", "s100.png"]
    assert sorted(names, key=natural) == ["s9.png", "s10.png", "s100.png"]


def test_codes_stored_as_real_numbers_are_whole_again(tmp_path: Path) -> None:
    write_nifti(tmp_path / "m.nii.gz", CODES.astype(np.float32), GRID)
    assert read_mask(tmp_path / "m.nii.gz").dtype == np.uint32
    write_nifti(tmp_path / "f.nii.gz", CODES.astype(np.float32) / 2, GRID)
    with pytest.raises(LabelError, match="whole numbers"):
        read_mask(tmp_path / "f.nii.gz")


def test_a_mask_that_lies_elsewhere_in_the_patient_is_a_mismatch_in_millimetres(
    tmp_path: Path,
) -> None:
    write_nifti(tmp_path / "image.nii.gz", CODES.astype(np.int16), GRID)
    elsewhere = Geometry(GRID.shape, GRID.spacing, (4.0, -2.0, 10.0))
    write_mask(tmp_path / "mask.nii.gz", CODES, elsewhere)
    label = MaskLabel(tmp_path / "mask.nii.gz", "ct", "classes", ("liver", "spleen"))
    case = Case("1", "1", {"ct": tmp_path / "image.nii.gz"}, (label,))
    (finding,) = fingerprint_case(case, ("liver", "spleen"), {}).findings
    assert finding.kind == "mismatch"
    assert "off by up to 3 mm" in finding.reason


def test_nifti_without_a_geometry_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="geometry"):
        write_mask(tmp_path / "m.nii.gz", CODES)
