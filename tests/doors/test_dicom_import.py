"""Studies of DICOM at the command line: what opens once opens everywhere, and what is said."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from dicom_files import RAMP, series
from typer.testing import CliRunner

from inklings.cli import app
from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError
from inklings.inference.items import gather


def said(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, [str(word) for word in words])
    return done.exit_code, done.output


@pytest.fixture
def study(tmp_path: Path) -> Path:
    for number, b in enumerate((0.0, 500.0)):
        series(tmp_path / "study/A/dwi", name=f"{number}{{:03}}", pixels=RAMP + 1000 * number,
               uid="1.2.3.5", SeriesDescription="dwi", DiffusionBValue=b)  # fmt: skip
    series(tmp_path / "study/A/t1", uid="1.2.3.6", SeriesDescription="t1", SeriesNumber=2)
    (tmp_path / "study/A/t1/notes.txt").write_text("x")
    return tmp_path / "study"


@pytest.mark.parametrize("packed", [False, True])
def test_every_volume_of_a_study_is_a_case_of_its_own(
    study: Path, packed: bool, tmp_path: Path
) -> None:
    source = study
    if packed:
        source = Path(shutil.make_archive(str(tmp_path / "s"), "zip", study))
    code, output = said("import", "dicom", source, "--out", tmp_path / "c")
    assert code == 0, output
    assert sorted(case.id.partition("_")[2] for case in Cohort.read(tmp_path / "c")) == [
        "dwi-b-0", "dwi-b-500", "t1",
    ]  # fmt: skip
    assert "passed over" in output


def test_a_series_with_a_file_that_is_cut_short_is_set_aside(study: Path, tmp_path: Path) -> None:
    path = study / "A/t1/IM003"
    path.write_bytes(path.read_bytes()[:-20])
    code, output = said("import", "dicom", study, "--out", tmp_path / "c")
    assert code == 3, output
    assert len(Cohort.read(tmp_path / "c")) == 2
    assert "truncated" in (tmp_path / "c/import_findings.csv").read_text()


def test_show_lists_the_series_and_draws_the_one_that_is_named(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, output = said("show", study, "--series", "b 500", "--out", "x.png")
    assert code == 0, output
    assert "1000 to" in output


@pytest.mark.parametrize("kept", [300, -40, 0])
def test_a_series_of_which_nothing_can_be_read_is_set_aside(
    study: Path, kept: int, tmp_path: Path
) -> None:
    for path in series(study / "B/t2", uid="1.2.3.7", SeriesDescription="t2").iterdir():
        path.write_bytes(path.read_bytes()[:kept])
    code, output = said("import", "dicom", study, "--out", tmp_path / "c")
    assert code == 3, output
    assert len(Cohort.read(tmp_path / "c")) == 3
    told = (tmp_path / "c/import_findings.csv").read_text()
    assert "truncated" in told or "is empty" in told


def test_scouts_and_single_images_are_named_and_are_no_cases(study: Path, tmp_path: Path) -> None:
    series(study / "A/scout", pixels=RAMP[:2], uid="1.2.3.8", SeriesDescription="scout",
           ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])  # fmt: skip
    series(study / "A/one", pixels=RAMP[:1], uid="1.2.3.9", SeriesDescription="dose report")
    code, output = said("import", "dicom", study, "--out", tmp_path / "c")
    assert code == 0, output
    assert len(Cohort.read(tmp_path / "c")) == 3
    told = (tmp_path / "c/import_findings.csv").read_text()
    assert "scout (MR, 2 slices" in told
    assert "dose report (MR, 1 slice" in told


@pytest.mark.parametrize("packed", [False, True])
def test_what_is_predicted_is_the_series_and_not_the_preview_beside_it(
    packed: bool, tmp_path: Path
) -> None:
    folder = series(tmp_path / "s")
    if packed:
        (item,) = gather([Path(shutil.make_archive(str(tmp_path / "study"), "zip", folder))])
        assert item.case == "study"
        return
    (folder / "preview.png").write_bytes(b"\x89PNG")
    (item,) = gather([folder])
    assert item.images["image"] == folder.resolve()
    for number in range(6):
        (folder / f"{number}.png").write_bytes(b"\x89PNG")
    with pytest.raises(DataError, match=r"7 pictures .* and 6 files of DICOM"):
        gather([folder])
