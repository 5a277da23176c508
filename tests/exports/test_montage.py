"""Pictures of truth, prediction and image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from export_volumes import CLASSES, masks_on, predict
from PIL import Image as Pillow
from volume_files import grid, write

from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.exports.montage import Montage, panels, sheet
from inklings.exports.montage import Shown as Look
from inklings.exports.source import ExportSource
from inklings.labels.files import write_mask
from inklings.labels.kinds import MaskLabel


def cohort_of(folder: Path, image: Path, codes: np.ndarray, geometry) -> Path:
    write_mask(folder / "truth.nii.gz", codes, geometry)
    label = MaskLabel(folder / "truth.nii.gz", "image", "classes", CLASSES)
    Cohort("c", (Case("one", "p", {"image": image}, (label,)),), CLASSES).write(folder)
    return folder


def test_a_sheet_a_case_and_three_panels_a_plane_with_a_mask(tmp_path: Path) -> None:
    geometry = grid(np.eye(3))
    series, masks = write("dicom", tmp_path, geometry), masks_on(geometry)
    folder = predict(tmp_path / "p", "one", series, masks)
    cohort = cohort_of(tmp_path / "c", series, masks[0].astype(np.uint8), geometry)
    out = Montage()(ExportSource.open(folder, cohort), tmp_path / "out")
    drawn = sorted(path.stem for path in (out / "panels" / "one").glob("*.png"))
    planes = np.flatnonzero(masks.any((0, 2, 3)))
    assert drawn == [f"{plane:04d}" for plane in planes]
    with Pillow.open(out / "panels" / "one" / f"{drawn[3]}.png") as picture:
        # 40 rows of 0.9 mm and 44 columns of 0.8 mm in samples that are square, thrice.
        high, wide = round(240 * 36.0 / 36.0), round(240 * 35.2 / 36.0)
        assert picture.size == (3 * wide + 2 * 6, high)
    with Pillow.open(out / "one.png") as picture:
        assert picture.width >= 3 * (3 * wide)


def test_the_left_panel_shows_the_truth_and_the_right_one_the_image_alone() -> None:
    grey = np.full((1, 20, 20, 3), 100, np.uint8)
    truth, predicted = np.zeros((2, 1, 1, 20, 20), bool)
    truth[0, 0, 5:10, 5:10], predicted[0, 0, 12:15, 12:15] = True, True
    picture = panels(Look("a", grey, truth, predicted, (1.0, 1.0)), 0)
    left, middle, right = picture[:, :240], picture[:, 246:486], picture[:, 492:]
    assert (right == 100).all()
    changed = [np.argwhere((part != 100).any(-1)).mean(0) / 12 for part in (left, middle)]
    np.testing.assert_allclose(changed, [(7.5, 7.5), (13.5, 13.5)], atol=0.1)


def test_without_truth_there_are_two_panels_and_without_masks_the_middle_plane() -> None:
    look = Look("a", np.zeros((9, 8, 8, 3), np.uint8), None, np.zeros((1, 9, 8, 8), bool), (1, 1))
    assert look.planes() == [4]
    rows = {4: panels(look, 4)}
    assert rows[4].shape == (240, 486, 3)
    assert sheet(look, rows, ["liver"]).shape[1] == 486 + 12


def test_a_lost_image_is_one_line(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from inklings.cli import app

    geometry = grid(np.eye(3))
    folder = predict(tmp_path / "p", "one", tmp_path / "gone", masks_on(geometry))
    ran = CliRunner().invoke(app, ["export", str(folder), "--to", "montage", "--quiet"])
    assert ran.exit_code == 2
    assert "give its new location with --cohort" in ran.stderr
    assert ran.stderr.count("\n") == 1
