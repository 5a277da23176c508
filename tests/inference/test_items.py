from pathlib import Path

import pytest

from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError, SpecError
from inklings.inference.items import Item, gather
from inklings.simulation.phantoms.chaos import write_studies
from inklings.testing.runs import pictures


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    files = sorted(pictures(tmp_path / "images", 3).iterdir())
    splits = ("train", "val", "test")
    cases = tuple(
        Case(f"c{i}", f"p{i}", {"image": path}, split=splits[i]) for i, path in enumerate(files)
    )
    Cohort("demo", cases, ("nucleus",)).write(tmp_path / "cohort")
    return tmp_path / "cohort"


def test_a_cohort_gives_its_cases(cohort: Path) -> None:
    assert [item.case for item in gather([cohort])] == ["c0", "c1", "c2"]
    assert [item.case for item in gather([cohort], "test")] == ["c2"]


def test_a_folder_gives_its_pictures_and_leaves_other_files(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "images", 2)
    (folder / "notes.txt").write_text("x")
    (folder / ".hidden.png").write_text("x")
    items = gather([folder])
    assert [(item.case, item.path.name) for item in items] == [
        ("p000", "p000.png"),
        ("p001", "p001.png"),
    ]


def test_equal_stems_are_told_apart(tmp_path: Path) -> None:
    for name in ("a/x.png", "a/x.jpg", "b/x.png", "a/y z.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"\x89PNG")
    cases = {item.case for item in gather([tmp_path / "a", tmp_path / "b"])}
    assert cases == {"a_x.png", "x.jpg", "b_x.png", "y_z"}


def test_a_file_given_twice_is_one_item(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "images", 1)
    assert len(gather([folder, folder / "p000.png"])) == 1


def test_what_is_not_there_or_empty_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected a cohort, a folder of pictures or a file"):
        gather([tmp_path / "nowhere"])
    with pytest.raises(DataError, match="inklings import"):
        gather([tmp_path])


def test_a_split_needs_a_cohort_that_is_split(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "images", 1)
    with pytest.raises(SpecError, match="which has no parts"):
        gather([folder], "test")
    case = Case("c", "p", {"image": folder / "p000.png"})
    Cohort("demo", (case,), ("nucleus",)).write(tmp_path / "cohort")
    with pytest.raises(SpecError, match="run 'inklings split' first"):
        gather([tmp_path / "cohort"], "test")


def test_volumes_are_found_by_their_double_suffix_and_named_without_it(tmp_path: Path) -> None:
    for name in ("scan.nii.gz", "other.mha", "notes.gz"):
        (tmp_path / name).write_bytes(b"x")
    assert [item.case for item in gather([tmp_path])] == ["other", "scan"]


def test_a_folder_of_dicom_is_one_case_and_keeps_the_series_asked_for(tmp_path: Path) -> None:
    root = write_studies(tmp_path / "chaos", 1, shape=(3, 16, 16))
    folder = root / "Train_Sets/MR/1/T1DUAL/DICOM_anon"
    (item,) = gather([folder], choice="InPhase")
    assert item.images == {"image": folder.resolve()}
    with item.open() as image:
        assert image.geometry.shape == (3, 16, 16)
    called = folder.rename(folder.with_name("InPhase"))  # as a series in it: the series is meant
    (item,) = gather([called], choice="InPhase")
    assert item.choice == "InPhase"


def test_ids_of_cases_choose_among_files_and_in_cohorts(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "images", 3)
    assert [item.case for item in gather([folder], choice="p002, p000")] == ["p000", "p002"]
    cases = [Case(k, "p", {"image": folder / f"{k}.png"}) for k in ("p000", "p001")]
    for many in (1, 2):
        Cohort("demo", tuple(cases[:many]), ("nucleus",)).write(tmp_path / "cohort")
        (item,) = gather([tmp_path / "cohort"], choice="p000")
        assert (item.case, item.choice) == ("p000", None)
    with pytest.raises(SpecError, match="expected ids of cases, got 'p009', which is not one of 2"):
        gather([tmp_path / "cohort"], choice="p001,p009")
    with pytest.raises(SpecError, match="expected ids of cases of the cohort"):
        gather([tmp_path / "cohort"], choice="flair")


def test_the_series_that_a_cohort_names_is_the_one_that_is_opened(tmp_path: Path) -> None:
    """T1DUAL holds two echoes; opening the folder alone would not know which."""
    root = write_studies(tmp_path / "chaos", 1, shape=(3, 16, 16))
    folder = root / "Train_Sets/MR/1/T1DUAL/DICOM_anon"
    cases = tuple(
        Case(phase, "p", {"image": folder}, facts={"series": phase})
        for phase in ("InPhase", "OutPhase")
    )
    Cohort("t1", cases, ("liver",)).write(tmp_path / "cohort")
    arrays = []
    for item in gather([tmp_path / "cohort"]):
        with item.open() as image:
            arrays.append(image.read(image.geometry.full))
    assert (arrays[0] != arrays[1]).any()
    with pytest.raises(DataError, match="expected one series, got 2"):
        Item("x", {"image": folder}).open()
