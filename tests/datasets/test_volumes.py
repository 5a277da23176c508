"""Decathlon's layout and pairs of volumes become cohorts."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from segmentation_files import GRID as SERIES_GRID
from segmentation_files import on_plane, seg, series, structures

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


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP", "FRACTIONAL", "RTSTRUCT"])
def test_masks_of_dicom_beside_a_volume_lie_where_their_millimetres_say(
    kind: str, turned: bool, tmp_path: Path
) -> None:
    """The volume is what a converter made of the series, rows and slices turned or not."""
    files = series(tmp_path / "mr")
    box = np.zeros(SERIES_GRID.shape, bool)
    box[2:5, 3:9, 4:11] = True
    path = tmp_path / "masks" / "a.dcm"
    if kind == "RTSTRUCT":
        ring = [(2.5, 3.5), (2.5, 10.5), (8.5, 10.5), (8.5, 3.5)]
        outlines = [("CLOSED_PLANAR", on_plane(SERIES_GRID, z, ring)) for z in (2, 3, 4)]
        structures(path, files, [("liver", outlines)])
    else:
        seg(
            path, files, box.astype(np.uint8) if kind == "LABELMAP" else box[None], ("liver",), kind
        )
    image = SimpleITK.GetImageFromArray(np.zeros(SERIES_GRID.shape, np.int16))
    image.SetSpacing(SERIES_GRID.spacing[::-1])
    image.SetOrigin(SERIES_GRID.origin)
    (tmp_path / "images").mkdir()
    image = SimpleITK.Flip(image, (False, True, True)) if turned else image
    SimpleITK.WriteImage(image, str(tmp_path / "images" / "a.nii.gz"))
    dataset = VolumeFolder(f"{tmp_path}/images/*.nii.gz", f"{tmp_path}/masks/*.dcm")
    report = run(dataset.settled(print, bool), tmp_path / "c", workers=1)
    assert report.cohort.classes == ("liver",)
    expected = box[::-1, ::-1] if turned else box
    found = category(report.cohort.cases[0], report.cohort.classes)
    np.testing.assert_array_equal(found > 0, expected)
    assert {f.kind for f in report.findings} == ({"fractional"} if kind == "FRACTIONAL" else set())


def test_numbers_of_dicom_masks_may_be_overruled_and_images_stay_images(tmp_path: Path) -> None:
    files = series(tmp_path / "mr")
    boxes = np.zeros((2, *SERIES_GRID.shape), bool)
    boxes[0, 2:5, 3:9, 4:11] = boxes[1, 6, 3:9, 4:11] = True
    for name in "ab":
        write_nifti(tmp_path / f"{name}.nii.gz", boxes[0].astype(np.int16), SERIES_GRID)
    seg(tmp_path / "a_seg.dcm", files, boxes, ("liver", "tumour"))
    (tmp_path / "b_seg.dcm").write_bytes((tmp_path / "a_seg.dcm").read_bytes()[:2000])
    (tmp_path / "b.dcm").write_bytes(Path(files[0].filename).read_bytes())
    meaning = {1: "organ", 2: "unlabelled"}
    dataset = VolumeFolder(str(tmp_path), f"{tmp_path}/*_seg.dcm", meaning)
    report = run(dataset.settled(print, bool), tmp_path / "c", workers=1)
    assert report.left_out == ("b",)
    ((label,),) = (case.labels for case in report.cohort)
    assert isinstance(label, MaskLabel)
    codes = read_mask(label.path)
    np.testing.assert_array_equal(codes, np.where(boxes[1], 255, boxes[0]))
    assert (label.classes, label.extent) == (("organ",), "partial")
    strange = VolumeFolder(f"{tmp_path}/a.nii.gz", f"{tmp_path}/a_seg.dcm", {1: "organ"})
    (found,) = run(strange, tmp_path / "d", workers=1).findings
    assert "no meaning to the segments [2]" in found.detail


@pytest.mark.parametrize("data", [b"", b"x" * 500])
def test_what_is_no_mask_of_dicom_stops_no_other_case(data: bytes, tmp_path: Path) -> None:
    files = series(tmp_path / "mr")
    for name in "ab":
        write_nifti(tmp_path / f"{name}.nii.gz", np.zeros(SERIES_GRID.shape), SERIES_GRID)
    seg(tmp_path / "a_seg.dcm", files, np.ones((1, *SERIES_GRID.shape), bool), ("liver",))
    (tmp_path / "b_seg.dcm").write_bytes(data)
    dataset = VolumeFolder(f"{tmp_path}/*.nii.gz", f"{tmp_path}/*_seg.dcm")
    report = run(dataset.settled(print, bool), tmp_path / "c", workers=1)
    assert [case.id for case in report.cohort] == ["a"]
    assert [found.kind for found in report.findings] == ["unreadable mask"]
