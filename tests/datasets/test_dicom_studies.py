"""Folders of studies become cohorts, and exported segmentations come back as masks."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
from typer.testing import CliRunner

from inklings.cli import app
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.opening import open_case
from inklings.cohorts.rasterise import annotate
from inklings.datasets.dicom_studies import DicomStudies
from inklings.datasets.importing import Report, run
from inklings.errors import DataError
from inklings.exports.dicom_seg import DicomSeg
from inklings.exports.source import ExportSource
from inklings.geometry import Geometry
from inklings.predictions.dense import DensePrediction
from inklings.predictions.head import Head, Provenance
from inklings.simulation.phantoms.dicom_files import SeriesText, write_series

GRID = Geometry((7, 20, 18), (3.0, 0.8, 0.8), (5.0, -3.0, 11.0))
NAME = "ZEBRAFISH"


def scan(folder: Path, patient: str, description: str, key: str, number: int = 1) -> Path:
    values = np.random.default_rng(number).integers(0, 999, GRID.shape).astype(np.uint16)
    text = SeriesText(key, patient, description=description, number=number, bits=16)
    write_series(folder, values, GRID, text)
    return folder


def import_dicom(
    root: Path, out: Path, series: str | None = None, classes: tuple[str, ...] = ()
) -> Report:
    return run(DicomStudies(root, series, tuple(classes)), out)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two studies of one patient and one of another; the first series is segmented."""
    root = tmp_path / "studies"
    scan(root / "a" / "t1", NAME, "T1 in", "a", 1)
    scan(root / "a" / "t2", NAME, "T2", "a", 2)
    scan(root / "b", NAME, "T1 in", "b", 3)
    scan(root / "c", "OTHER", "T1 in", "c", 4)
    head = Head(("liver", "spleen"), (0.5, 0.5), Provenance("r", "0" * 64, None, "0"))
    head.write(tmp_path / "p")
    DensePrediction("one", root / "a" / "t1", dense()).write(tmp_path / "p")
    DicomSeg()(ExportSource.open(tmp_path / "p"), root / "elsewhere")
    return root


def dense() -> np.ndarray:
    found = np.zeros((2, *GRID.shape), np.uint8)
    found[0, 2:5, 3:9, 4:12] = 255
    found[1, 4:6, 12:17, 4:12] = 255
    return found


def test_a_segmentation_is_the_mask_of_the_series_that_it_names(root: Path, tmp_path: Path) -> None:
    cohort = import_dicom(root, tmp_path / "cohort").cohort
    assert len(cohort) == 4
    assert cohort.classes == ("liver", "spleen")
    (labelled,) = [case for case in cohort if case.labels]
    assert labelled.facts["description"] == "T1 in"
    with open_case(labelled) as image:
        said = annotate(labelled, "image", image.geometry, cohort.classes)
    expected = (dense()[0] > 0) * 1 + (dense()[1] > 0) * 2
    np.testing.assert_array_equal(said.category, expected)


def test_studies_of_one_patient_stay_together_and_nobody_is_named(
    root: Path, tmp_path: Path
) -> None:
    ran = CliRunner().invoke(app, ["import", "dicom", str(root), "--out", str(tmp_path / "c")])
    assert ran.exit_code == 0, ran.output
    assert "4 volumes of 2 patients (1 labelled, 3 unlabelled, 4 MR)" in ran.stdout
    read = Cohort.read(tmp_path / "c")
    assert len({case.patient for case in read}) == 2
    assert len({case.id for case in read}) == 4
    assert NAME not in ran.output
    for path in (tmp_path / "c").rglob("*"):
        assert path.is_dir() or NAME.encode() not in path.read_bytes()


def test_series_and_classes_are_chosen_by_their_words(root: Path, tmp_path: Path) -> None:
    cohort = import_dicom(root, tmp_path / "a", "t1", ["spleen"]).cohort
    assert len(cohort) == 3
    assert cohort.classes == ("spleen",)
    with pytest.raises(DataError, match=r"that fit, got: T1 in \(MR, 7 slices"):
        import_dicom(root, tmp_path / "b", "flair")
    with pytest.raises(DataError, match="segments lung, the segmentations there have liver"):
        import_dicom(root, tmp_path / "c", None, ["lung"])


def test_series_that_share_a_folder_are_told_apart(root: Path, tmp_path: Path) -> None:
    for path in sorted((root / "a" / "t2").glob("*.dcm")):
        path.rename(root / "a" / "t1" / f"x{path.name}")
    cohort = import_dicom(root / "a", tmp_path / "cohort").cohort
    assert len(cohort) == 2
    for case in cohort:
        with open_case(case) as image:
            assert image.geometry.shape == GRID.shape


def test_a_mask_that_lies_elsewhere_leaves_its_case_out(root: Path, tmp_path: Path) -> None:
    for path in (root / "a" / "t1").glob("*.dcm"):
        said = pydicom.dcmread(path)
        x, y, z = said.ImagePositionPatient
        said.ImagePositionPatient = [x + 1.1, y, z]
        said.save_as(path)
    report = import_dicom(root, tmp_path / "cohort")
    assert len(report.left_out) == 1
    assert any("samples apart" in finding.detail for finding in report.findings)


def test_a_folder_of_zips_is_what_is_in_them_and_zips_among_others_are_told(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = import_dicom(root, tmp_path / "whole").cohort
    zips = tmp_path / "zips"
    for part in sorted(root.iterdir()):  # files of one name in each
        shutil.make_archive(str(zips / "of" / part.name), "zip", part)
    found = import_dicom(zips, tmp_path / "found").cohort
    assert [len(case.labels) for case in found] == [len(case.labels) for case in whole]
    assert {case.patient for case in found} == {case.patient for case in whole}
    assert "not looked into" not in capsys.readouterr().err
    shutil.make_archive(str(root / "more"), "zip", root / "c")
    assert len(import_dicom(root, tmp_path / "again").cohort) == len(whole)
    assert "1 archives among other files are not looked into (more.zip, ...)" in (
        capsys.readouterr().err
    )
