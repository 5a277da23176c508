import csv
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inklings.cohorts.cohort import Cohort
from inklings.cohorts.opening import open_case
from inklings.cohorts.region import annotate_region
from inklings.datasets.importing import Report, run
from inklings.datasets.panda import SCHEMES, Panda, read_table
from inklings.errors import DataError, SpecError
from inklings.labels.kinds import BACKGROUND, BagLabel, MaskLabel
from inklings.simulation.phantoms.biopsy import SlidePlan
from inklings.simulation.phantoms.slides import COARSE, write_panda

TABLE = Path(__file__).parents[3] / "shared" / "data" / "panda" / "train.csv"
needs_table = pytest.mark.skipif(not TABLE.is_file(), reason="panda/train.csv is not in ../shared")
PLAN = SlidePlan(size=(768, 512), um=2.0, tumour=0.5, pen=0)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("panda")
    write_panda(folder, 4, PLAN, unmasked=1, coarse_too=True)
    return folder


def imported(root: Path, out: Path, **options: Any) -> Report:
    return run(Panda(root, **options), out, workers=1)


@needs_table
def test_the_real_table_has_its_10616_rows_and_its_one_known_contradiction() -> None:
    rows = read_table(TABLE)
    assert len(rows) == 10_616
    assert sum(row.provider == "karolinska" for row in rows) == 5_456
    assert sum(row.provider == "radboud" for row in rows) == 5_160
    assert sum(row.provider == "karolinska" and row.isup >= 3 for row in rows) == 1_049
    assert [row.id for row in rows if not row.agrees] == ["b0a92a74cb53899311acc30b7405e101"]


@needs_table
def test_a_download_that_has_not_begun_is_told_with_its_numbers(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"10616 of these are not under .*train_images"):
        imported(TABLE.parent, tmp_path / "out")
    assert not (tmp_path / "out" / "cohort.yaml").exists()


def test_codes_of_two_providers_become_one_set_of_classes(root: Path, tmp_path: Path) -> None:
    cohort = imported(root, tmp_path / "c", scheme="tissue").cohort
    assert cohort.classes == ("benign", "tumour")
    for case in cohort:
        label = next((k for k in case.labels if isinstance(k, MaskLabel)), None)
        if label is None:
            continue
        view = open_case(case).shrunk(1.0)
        known = annotate_region(case, "slide", view.geometry, view.geometry.full, cohort.classes)
        with_codes = SCHEMES["tissue"].codes[case.facts["provider"]]
        assert label.classes == with_codes
        assert set(np.unique(known.category)) == {0, 1, 2}


def test_radboud_masks_are_never_read_by_the_code_of_karolinska(root: Path, tmp_path: Path) -> None:
    """2 is cancer with one and benign epithelium with the other; 3 to 5 are no codes at all."""
    cohort = imported(root, tmp_path / "c").cohort
    codes = {c.facts["provider"]: k.classes for c in cohort for k in c.labels
             if isinstance(k, MaskLabel)}  # fmt: skip
    assert codes["karolinska"] == (BACKGROUND, "tumour")
    assert codes["radboud"] == (BACKGROUND, BACKGROUND, "tumour", "tumour", "tumour")


def test_a_mask_of_another_provider_than_its_row_says_is_left_out(
    root: Path, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong"
    shutil.copytree(root, wrong)
    text = (wrong / "train.csv").read_text().replace("radboud", "karolinska")
    (wrong / "train.csv").write_text(text)
    report = imported(wrong, tmp_path / "c")
    kinds = {f.kind for f in report.findings if f.is_fatal}
    assert kinds == {"strange codes"}
    assert len(report.cohort) == 3
    assert "another provider's" in next(f.detail for f in report.findings if f.is_fatal)


def test_grades_and_provider_are_facts_and_cancer_is_a_bag_label(
    root: Path, tmp_path: Path
) -> None:
    cohort = imported(root, tmp_path / "c").cohort
    with (root / "train.csv").open() as file:
        rows = {row["image_id"]: row for row in csv.DictReader(file)}
    for case in cohort:
        row = rows[case.id]
        assert case.patient == case.id
        assert case.facts["isup"] == row["isup_grade"]
        assert case.facts["gleason"] == row["gleason_score"]
        assert case.facts["provider"] == row["data_provider"]
        assert BagLabel("tumour", row["isup_grade"] != "0") in case.labels


def test_a_slide_without_a_mask_has_a_bag_label_only(root: Path, tmp_path: Path) -> None:
    cohort = imported(root, tmp_path / "c").cohort
    bare = [c for c in cohort if not any(isinstance(k, MaskLabel) for k in c.labels)]
    assert len(bare) == 1
    assert [type(k) for k in bare[0].labels] == [BagLabel]


def test_slides_stay_where_they_are(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "c"
    cohort = imported(root, out).cohort
    assert all(case.images["slide"].parent == root / "train_images" for case in cohort)
    assert sum(path.stat().st_size for path in out.rglob("*") if path.is_file()) < 50_000
    assert Cohort.read(out).cases == cohort.cases


def test_a_filter_takes_the_first_rows_of_the_table(root: Path, tmp_path: Path) -> None:
    report = imported(root, tmp_path / "c", provider="karolinska", limit=1)
    with (root / "train.csv").open() as file:
        first = next(r for r in csv.DictReader(file) if r["data_provider"] == "karolinska")
    assert [case.id for case in report.cohort] == [first["image_id"]]


def test_a_partial_download_is_counted_and_completed_later_with_splits_kept(
    root: Path, tmp_path: Path
) -> None:
    part = tmp_path / "part"
    shutil.copytree(root, part)
    images = sorted((part / "train_images").iterdir())
    away = [path.rename(tmp_path / path.name) for path in images[:2]]
    report = imported(part, tmp_path / "c")
    assert any(word.startswith("2 of these are not under") for word in report.words)
    marked = Cohort("panda", tuple(_train(c) for c in report.cohort), report.cohort.classes,
                    report.cohort.facts)  # fmt: skip
    marked.write(tmp_path / "c")
    for path in away:
        path.rename(part / "train_images" / path.name)
    later = imported(part, tmp_path / "c").cohort
    assert len(later) == 4
    assert sum(case.split == "train" for case in later) == 2


def test_a_damaged_slide_is_left_out_with_its_reason(root: Path, tmp_path: Path) -> None:
    part = tmp_path / "part"
    shutil.copytree(root, part)
    broken = sorted((part / "train_images").iterdir())[0]
    broken.write_bytes(broken.read_bytes()[:5000])
    report = imported(part, tmp_path / "c")
    assert report.left_out == (broken.stem,)
    assert len(report.cohort) == 3


def test_gleason_patterns_are_asked_of_radboud_only(root: Path, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="do not tell these classes; add --provider radboud"):
        imported(root, tmp_path / "c", scheme="gleason")
    cohort = imported(root, tmp_path / "c", provider="radboud", scheme="gleason").cohort
    assert cohort.classes == ("stroma", "benign", "gleason3", "gleason4", "gleason5")


def test_spacing_is_a_fact_that_opening_applies(root: Path, tmp_path: Path) -> None:
    without = imported(root, tmp_path / "a")
    assert all("--spacing-um" in f.detail for f in without.findings if f.kind == "no spacing")
    assert sum(f.kind == "no spacing" for f in without.findings) == 4
    given = imported(root, tmp_path / "b", spacing_um=2.0)
    assert not any(f.kind == "no spacing" for f in given.findings)
    assert open_case(next(iter(given.cohort))).geometry.spacing == (0.002, 0.002)


def test_coarse_masks_are_read_as_karolinska_whoever_the_row_names(
    root: Path, tmp_path: Path
) -> None:
    report = imported(root, tmp_path / "c", masks=COARSE, mask_provider="karolinska")
    labels = [k for case in report.cohort for k in case.labels if isinstance(k, MaskLabel)]
    assert len(labels) == 4
    assert {label.classes for label in labels} == {(BACKGROUND, "tumour")}


@pytest.mark.parametrize("masks", ["nowhere", "train.csv", f"{COARSE}/nowhere"])
def test_masks_that_were_asked_for_and_are_not_there_are_refused(
    root: Path, tmp_path: Path, masks: str
) -> None:
    with pytest.raises(DataError, match=r"expected masks in .*, but there is no such folder"):
        imported(root, tmp_path / "c", masks=masks)
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,isup\n1,2\n", "expected a column 'image_id'"),
        (
            "image_id,data_provider,isup_grade,gleason_score\na,utrecht,1,3+3\n",
            "line 2: expected a p",
        ),
        (
            "image_id,data_provider,isup_grade,gleason_score\na,radboud,7,3+3\n",
            "line 2: expected a g",
        ),
    ],
)
def test_another_table_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "train.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_table(tmp_path / "train.csv")


def _train(case: object) -> object:
    import dataclasses

    return dataclasses.replace(case, split="train")  # type: ignore[type-var]
