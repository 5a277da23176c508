"""CHAOS on disk becomes a cohort: slices by position, organs by grey, patients apart."""

from __future__ import annotations

import random
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image as Pillow
from typer.testing import CliRunner

from inklings.cli import app
from inklings.cohorts.cohort import Cohort
from inklings.datasets.chaos import Chaos
from inklings.datasets.importing import run
from inklings.errors import DataError, SpecError
from inklings.labels.files import mask_geometry, read_mask
from inklings.labels.kinds import MaskLabel
from inklings.readers import open_image
from inklings.simulation.phantoms.abdomen import ORGANS, Abdomen
from inklings.simulation.phantoms.chaos import write_studies

DATA = Path(__file__).parents[2] / ".." / "shared" / "data"
SHAPE = (10, 48, 48)


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_studies(tmp_path_factory.mktemp("chaos"), 2, 1, shape=SHAPE)


def codes(cohort: Cohort, case: int = 0) -> np.ndarray:
    (label,) = cohort.cases[case].labels
    assert isinstance(label, MaskLabel)
    return read_mask(label.path)


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments)])


@pytest.mark.parametrize("modality", ["mr-t1-inphase", "mr-t1-outphase", "mr-t2"])
def test_images_and_organs_come_back_as_they_were_drawn(
    modality: str, studies: Path, tmp_path: Path
) -> None:
    report = run(Chaos(studies, modality), tmp_path / "c", workers=1)  # type: ignore[arg-type]
    cohort = report.cohort
    assert report.findings == ()
    assert cohort.classes == ORGANS
    assert [(case.id, len(case.labels)) for case in cohort] == [("01", 1), ("02", 1), ("03", 0)]
    scan = Abdomen(1).render(SHAPE)
    np.testing.assert_array_equal(codes(cohort), scan.codes)
    phase = {"mr-t1-inphase": "in", "mr-t1-outphase": "out", "mr-t2": "t2"}[modality]
    with open_image(cohort.cases[0].images["image"]) as image:
        np.testing.assert_array_equal(image.read(image.geometry.full)[0], scan.images[phase])
        label = cohort.cases[0].labels[0]
        assert isinstance(label, MaskLabel)
        assert mask_geometry(label.path).to_points((9, 47, 47)) == pytest.approx(
            image.geometry.to_points((9, 47, 47)), abs=1e-3
        )


def test_only_the_organs_asked_for_are_classes(studies: Path, tmp_path: Path) -> None:
    cohort = run(Chaos(studies, "mr-t1-inphase", ("spleen",)), tmp_path / "c", workers=1).cohort
    expected = Abdomen(1).render(SHAPE).codes == 1 + ORGANS.index("spleen")
    np.testing.assert_array_equal(codes(cohort) == 1, expected)
    assert cohort.classes == ("spleen",)


def test_slices_are_paired_by_position_even_when_the_files_are_called_otherwise(
    studies: Path, tmp_path: Path
) -> None:
    shutil.copytree(studies, tmp_path / "in")
    folder = tmp_path / "in/Train_Sets/MR/1/T1DUAL/DICOM_anon/InPhase"
    files = sorted(folder.iterdir())
    names = random.Random(5).sample([path.name for path in files], len(files))
    for path in files:
        path.rename(path.with_suffix(".moved"))
    for path, name in zip(files, names, strict=True):
        path.with_suffix(".moved").rename(folder / name)
    report = run(Chaos(tmp_path / "in", "mr-t1-inphase"), tmp_path / "c", workers=1)
    np.testing.assert_array_equal(codes(report.cohort), Abdomen(1).render(SHAPE).codes)
    assert [finding.kind for finding in report.findings] == ["slice order"]


def test_truth_called_otherwise_than_its_slices_is_paired_by_number(
    studies: Path, tmp_path: Path
) -> None:
    shutil.copytree(studies, tmp_path / "in")
    truth = tmp_path / "in/Train_Sets/MR/1/T1DUAL/Ground"
    for number, path in enumerate(sorted(truth.iterdir())):
        path.rename(truth / f"organs_{number}.png")
    report = run(Chaos(tmp_path / "in", "mr-t1-inphase"), tmp_path / "c", workers=1)
    np.testing.assert_array_equal(codes(report.cohort), Abdomen(1).render(SHAPE).codes)


def test_a_lost_slice_of_truth_leaves_the_patient_out_and_says_the_counts(
    studies: Path, tmp_path: Path
) -> None:
    shutil.copytree(studies, tmp_path / "in")
    sorted((tmp_path / "in/Train_Sets/MR/2/T1DUAL/Ground").iterdir())[3].unlink()
    root = tmp_path / "in"
    out = call("import", "chaos", root, "--modality", "mr-t1-inphase", "--out", tmp_path / "c")
    assert out.exit_code == 3
    assert "slice count" in out.stdout
    report = run(Chaos(root, "mr-t1-inphase"), tmp_path / "c", workers=1)
    assert [(f.case, f.detail) for f in report.findings] == [
        ("02", "9 PNG slices, but 10 DICOM slices")
    ]
    assert [case.id for case in report.cohort] == ["01", "03"]


def test_a_grey_of_no_organ_is_background_and_counted(studies: Path, tmp_path: Path) -> None:
    shutil.copytree(studies, tmp_path / "in")
    path = sorted((tmp_path / "in/Train_Sets/MR/1/T1DUAL/Ground").iterdir())[0]
    grey = np.array(Pillow.open(path))
    grey[:2, :3] = 90
    Pillow.fromarray(grey).save(path)
    report = run(Chaos(tmp_path / "in", "mr-t1-inphase"), tmp_path / "c", workers=1)
    assert [(f.kind, f.count) for f in report.findings] == [("strange grey", 6)]


def test_twenty_patients_are_split_sixteen_to_four_and_none_is_in_both(tmp_path: Path) -> None:
    source = write_studies(tmp_path / "in", 1, shape=(3, 24, 24)) / "Train_Sets" / "MR"
    for number in range(2, 21):
        shutil.copytree(source / "1", source / str(number))
    out = tmp_path / "c"
    run(Chaos(source, "mr-t1-inphase"), out, workers=1)
    options = ["--fractions", 0.8, 0.2, 0, "--ignore-duplicates"]
    assert call("split", out, *options).exit_code == 0
    cohort = Cohort.read(out)
    train, val = ({case.patient for case in cohort.part(part)} for part in ("train", "val"))  # type: ignore[arg-type]
    assert (len(train), len(val)) == (16, 4)
    assert not train & val
    first = cohort.split_hash
    assert call("split", out, *options).exit_code == 0
    assert Cohort.read(out).split_hash == first


def test_what_is_not_there_is_told(studies: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"expected scans of ct .* got none"):
        run(Chaos(studies, "ct"), tmp_path / "a")
    with pytest.raises(SpecError, match="expected organs of liver, got 'spleen'"):
        run(Chaos(studies, "ct", ("spleen",)), tmp_path / "b")


def test_check_and_show_work_on_volumes(studies: Path, tmp_path: Path) -> None:
    out = tmp_path / "c"
    run(Chaos(studies, "mr-t1-inphase"), out, workers=1)
    assert call("check", out).exit_code == 0
    result = call("show", out)
    assert result.exit_code == 0
    assert "10 x 48 x 48" in result.stdout
    assert (out / "gallery.png").stat().st_size > 10_000


@pytest.mark.skipif(not DATA.is_dir(), reason="the shared data are not beside the repository")
def test_the_real_ct_is_paired_so_that_the_mask_lies_on_the_liver(tmp_path: Path) -> None:
    source = DATA / "chaos_ct_sample.zip"
    cohort = run(Chaos(source, "ct"), tmp_path / "c", workers=1).cohort
    with open_image(cohort.cases[0].images["image"]) as image:
        values = image.read(image.geometry.full)[0]
    liver = codes(cohort) == 1
    assert values[liver].mean() == pytest.approx(141, abs=1)
    assert values[liver[::-1]].mean() < 50
    with zipfile.ZipFile(source) as archive:
        files = [name for name in archive.namelist() if "Ground" in name and name.endswith("png")]
    assert len(files) == len(values) == 78
