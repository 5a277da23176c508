"""Decathlon's layout and pairs of volumes become cohorts."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from inklings.cohorts.case import Case
from inklings.cohorts.rasterise import annotate
from inklings.datasets.decathlon import Decathlon
from inklings.datasets.importing import run
from inklings.datasets.volumes import VolumeFolder
from inklings.errors import DataError
from inklings.geometry import Geometry
from inklings.labels.files import read_mask
from inklings.labels.kinds import MaskLabel
from inklings.readers import open_image
from inklings.readers.nifti import write_nifti

DATA = Path(__file__).parents[2] / ".." / "shared" / "data"
GRID = Geometry((6, 7, 8), (2.0, 1.0, 1.0), (1.0, 2.0, 3.0))
CODES = np.zeros(GRID.shape, np.uint8)
CODES[1:3, 2:5, 2:6] = 1
CODES[3:5, 2:5, 2:6] = 2


@pytest.fixture
def root(tmp_path: Path) -> Path:
    home = tmp_path / "Task99_Toy"
    for number in (1, 2, 3):
        part = "Ts" if number == 3 else "Tr"
        name = f"toy_{number:03}.nii.gz"
        write_nifti(home / f"images{part}" / name, CODES.astype(np.int16) * 100, GRID)
        if number < 3:
            write_nifti(home / "labelsTr" / name, CODES, GRID)
    said = {"name": "Toy", "labels": {"0": "background", "1": "Anterior", "2": "Posterior"}}
    (home / "dataset.json").write_text(json.dumps(said))
    return home


def category(case: Case, classes: tuple[str, ...]) -> np.ndarray:
    with open_image(case.images["image"]) as image:
        return annotate(case, "image", image.geometry, classes).category


def test_decathlon_takes_names_from_its_description(root: Path, tmp_path: Path) -> None:
    report = run(Decathlon(root), tmp_path / "c", workers=1)
    assert report.cohort.name == "Toy"
    assert report.cohort.classes == ("anterior", "posterior")
    assert [(case.id, len(case.labels)) for case in report.cohort] == [
        ("toy_001", 1), ("toy_002", 1), ("toy_003", 0),
    ]  # fmt: skip
    np.testing.assert_array_equal(category(report.cohort.cases[0], report.cohort.classes), CODES)


def test_decathlon_without_its_description_numbers_the_classes_or_takes_mine(
    root: Path, tmp_path: Path
) -> None:
    (root / "dataset.json").unlink()
    report = run(Decathlon(root), tmp_path / "c", workers=1)
    assert report.cohort.classes == ("label 1", "label 2")
    assert "--classes" in report.words[0]
    assert run(Decathlon(root, ("a", "b")), tmp_path / "d", workers=1).cohort.classes == ("a", "b")


def test_a_mask_stored_with_turned_axes_lands_on_its_image(root: Path, tmp_path: Path) -> None:
    turned = Geometry(
        (6, 7, 8), GRID.spacing, (8.0, 8.0, 3.0), ((-1.0, 0, 0), (0, -1.0, 0), (0, 0, 1.0))
    )
    write_nifti(root / "labelsTr/toy_001.nii.gz", CODES[:, ::-1, ::-1], turned)
    report = run(Decathlon(root), tmp_path / "c", workers=1)
    assert report.findings == ()
    np.testing.assert_array_equal(category(report.cohort.cases[0], report.cohort.classes), CODES)


def test_a_mask_that_lies_elsewhere_leaves_the_case_out(root: Path, tmp_path: Path) -> None:
    elsewhere = Geometry(GRID.shape, GRID.spacing, (1.0, 2.0, 9.0))
    write_nifti(root / "labelsTr/toy_001.nii.gz", CODES, elsewhere)
    report = run(Decathlon(root), tmp_path / "c", workers=1)
    assert report.left_out == ("toy_001",)
    assert "off by up to 6 mm" in report.findings[0].detail


def test_pairs_of_volumes_take_the_codes_that_are_named(root: Path, tmp_path: Path) -> None:
    images, masks = f"{root}/imagesTr/*.nii.gz", f"{root}/labelsTr"
    report = run(VolumeFolder(images, masks, {2: "liver"}), tmp_path / "c", workers=1)
    assert report.left_out == ("toy_001", "toy_002")
    report = run(
        VolumeFolder(
            images, masks, {2: "liver"}, patient=r"(\d+)\.nii", others_are_background=True
        ),
        tmp_path / "d",
        workers=1,
    )
    assert [case.patient for case in report.cohort] == ["001", "002"]
    np.testing.assert_array_equal(category(report.cohort.cases[0], ("liver",)), CODES == 2)
    label = report.cohort.cases[0].labels[0]
    assert isinstance(label, MaskLabel)
    np.testing.assert_array_equal(read_mask(label.path), CODES == 2)


def test_another_import_is_not_overwritten(root: Path, tmp_path: Path) -> None:
    run(Decathlon(root), tmp_path / "c", workers=1)
    with pytest.raises(DataError, match="holds another import"):
        run(VolumeFolder(f"{root}/imagesTr", None, {}), tmp_path / "c", workers=1)


@pytest.mark.skipif(not DATA.is_dir(), reason="the shared data are not beside the repository")
def test_real_hippocampi_are_read_from_their_archive(tmp_path: Path) -> None:
    few = tmp_path / "few.zip"
    with zipfile.ZipFile(DATA / "msd_hippocampus.zip") as whole, zipfile.ZipFile(few, "w") as part:
        for name in whole.namelist():
            if name.endswith(("001.nii.gz", "003.nii.gz")):
                part.writestr(name, whole.read(name))
    cohort = run(Decathlon(few, ("anterior", "posterior")), tmp_path / "c", workers=1).cohort
    assert len(cohort) == 2
    for case in cohort:
        assert set(np.unique(category(case, cohort.classes))) == {0, 1, 2}
