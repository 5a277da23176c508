"""nnU-Net's raw data come in whole: channels, labels, ignore, regions, formats, splits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image as Pillow
from typer.testing import CliRunner
from volume_sets import codes_of, nnunet, write

from inklings.cli import app
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.opening import open_case
from inklings.datasets.decathlon import Decathlon
from inklings.datasets.importing import Report, run
from inklings.datasets.nnunet import NnUNet
from inklings.errors import DataError, SpecError
from inklings.labels.files import read_mask
from inklings.labels.kinds import MaskLabel
from inklings.testing.datasets import DatasetContract, zipped

CASES = Path(__file__).parents[2] / ".." / "shared" / "cases"
PLAIN = {"background": 0, "edema": 1, "core": 2}


def imported(home: Path, out: Path, **options: Any) -> Report:
    return run(NnUNet(home, **options), out, workers=1)


def mask_of(case: Case) -> tuple[MaskLabel, Any]:
    (label,) = case.labels
    assert isinstance(label, MaskLabel)
    return label, read_mask(label.path)


class TestNnUNet(DatasetContract):
    def dataset(self, root: Path) -> NnUNet:
        nnunet(root / "Dataset001_Two", {**PLAIN, "ignore": 3}, (0, 1, 2, 3))
        return NnUNet(root / "Dataset001_Two")


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd", ".mha", ".nii"])
def test_channels_become_images_of_one_case(tmp_path: Path, version: int, ending: str) -> None:
    home = tmp_path / "Dataset002_Brain"
    truth = nnunet(home, PLAIN, (0, 1, 2), tests=("b_001",), ending=ending, version=version)
    cohort = imported(home, tmp_path / "out").cohort
    assert cohort.name == "Brain"
    assert cohort.classes == ("edema", "core")
    assert [(case.id, list(case.images), case.split) for case in cohort] == [
        *((name, ["T1", "T2"], None) for name in truth),
        ("b_001", ["T1", "T2"], "test"),
    ]
    for case in cohort.cases[:3]:
        label, codes = mask_of(case)
        assert (label.image, label.extent) == ("T1", "complete")
        np.testing.assert_array_equal(codes, truth[case.id])
        for number, name in enumerate(case.images):
            with open_case(case, name) as image:
                mine = image.read(image.geometry.full)[0]
            path = home / "imagesTr" / f"{case.id}_{number:04}{ending}"
            np.testing.assert_array_equal(mine, sitk.GetArrayFromImage(sitk.ReadImage(str(path))))


def test_ignore_is_unlabelled_and_never_background(tmp_path: Path) -> None:
    home = tmp_path / "Dataset003_Scribbles"
    truth = nnunet(home, {**PLAIN, "ignore": 3}, (0, 1, 2, 3))
    for case in imported(home, tmp_path / "out").cohort:
        label, codes = mask_of(case)
        assert (label.extent, label.classes) == ("partial", ("edema", "core"))
        np.testing.assert_array_equal(codes == 255, truth[case.id] == 3)
        np.testing.assert_array_equal(codes[codes < 255], truth[case.id][truth[case.id] < 3])


def test_each_code_gets_the_name_of_its_innermost_region(tmp_path: Path) -> None:
    home = tmp_path / "Dataset004_BraTS"
    labels = {"background": 0, "whole": [1, 2, 3], "core": [2, 3], "enhancing": 3, "ignore": 4}
    truth = nnunet(home, labels, (0, 1, 2, 3, 4))
    report = imported(home, tmp_path / "out")
    for case in report.cohort:
        label, codes = mask_of(case)
        assert label.classes == ("whole", "core", "enhancing")
        np.testing.assert_array_equal(codes[codes < 255], truth[case.id][truth[case.id] < 4])
    found = [finding.detail for finding in report.findings if finding.kind == "regions"]
    assert len(found) == 3
    assert "1 = whole, 2 = core, 3 = enhancing" in found[0]


def test_a_region_made_of_others_is_no_class_of_its_own(tmp_path: Path) -> None:
    home = tmp_path / "Dataset005_Parts"
    nnunet(home, {"background": 0, "kidney": [1, 2], "cortex": 1, "tumour": 2}, (0, 1, 2))
    report = imported(home, tmp_path / "out")
    assert report.cohort.classes == ("cortex", "tumour")
    assert "kidney is made of others" in report.findings[0].detail


@pytest.mark.parametrize("ending", [".png", ".bmp"])
def test_pictures_of_one_channel_are_read(tmp_path: Path, ending: str) -> None:
    home = tmp_path / "Dataset006_Flat"
    truth = nnunet(
        home, {"background": 0, "road": 1}, (0, 1), channels={"0": "grey"}, ending=ending
    )
    cohort = imported(home, tmp_path / "out").cohort
    for case in cohort:
        assert list(case.images) == ["grey"]
        np.testing.assert_array_equal(mask_of(case)[1], truth[case.id])


@pytest.mark.parametrize(
    ("labels", "codes", "kept", "classes"),
    [
        ({"background": 0, "road": 1}, (0, 255), None, ()),
        ({"background": 0, "road": 1}, (0, 1, 255), None, ()),
        ({"background": 0, "road": 255}, (0, 255), {0: 0, 255: 1}, ("road",)),
        ({"background": 0, "road": 1, "ignore": 255}, (0, 1, 255), {0: 0, 1: 1, 255: 255},
         ("road",)),
    ],
)  # fmt: skip
def test_in_a_png_255_is_class_255_and_never_foreground_by_itself(
    tmp_path: Path,
    labels: dict[str, int],
    codes: tuple[int, ...],
    kept: dict[int, int] | None,
    classes: tuple[str, ...],
) -> None:
    home = tmp_path / "Dataset006_Flat"
    truth = nnunet(home, labels, codes, channels={"0": "grey"}, ending=".png")
    report = imported(home, tmp_path / "out")
    assert report.cohort.classes == classes
    assert len(report.left_out) == (3 if kept is None else 0)
    for found in report.findings:
        assert "holds [255], known are [0, 1]" in found.detail
    for case in report.cohort:
        label, mask = mask_of(case)
        assert label.extent == ("partial" if "ignore" in labels else "complete")
        expected = np.vectorize((kept or {}).get)(truth[case.id])
        np.testing.assert_array_equal(mask, expected)


def test_a_picture_in_colour_is_one_image_of_three_channels(tmp_path: Path) -> None:
    home = tmp_path / "Dataset120_Roads"
    channels = {"0": "R", "1": "G", "2": "B"}
    nnunet(home, {"background": 0, "road": 1}, (0, 1), channels={"0": "R"}, ending=".png")
    said = json.loads((home / "dataset.json").read_text()) | {"channel_names": channels}
    (home / "dataset.json").write_text(json.dumps(said))
    for path in (home / "imagesTr").glob("*.png"):
        Pillow.fromarray(np.random.default_rng(0).integers(0, 255, (8, 9, 3), np.uint8)).save(path)
    grey = home / "imagesTr" / "a_003_0000.png"
    Pillow.fromarray(np.zeros((8, 9), np.uint8)).save(grey)
    report = imported(home, tmp_path / "out")
    assert [(case.id, list(case.images)) for case in report.cohort] == [
        ("a_001", ["image"]),
        ("a_002", ["image"]),
    ]
    assert report.left_out == ("a_003",)
    assert "1 channels in one file, dataset.json names 3" in report.findings[0].detail


@pytest.mark.parametrize(("fold", "val"), [(0, "a_001"), (1, "a_003")])
def test_its_split_file_says_train_and_val(tmp_path: Path, fold: int, val: str) -> None:
    home = tmp_path / "nnUNet_raw" / "Dataset007_Split"
    names = ["a_001", "a_002", "a_003"]
    nnunet(home, PLAIN, (0, 1, 2), names, tests=("b_001",))
    folds = [{"train": [n for n in names if n != v], "val": [v]} for v in ("a_001", "a_003")]
    kept = tmp_path / "nnUNet_preprocessed" / home.name / "splits_final.json"
    kept.parent.mkdir(parents=True)
    kept.write_text(json.dumps(folds))
    report = imported(home, tmp_path / "out", fold=fold)
    assert {case.id: case.split for case in report.cohort} == {
        **{name: "val" if name == val else "train" for name in names},
        "b_001": "test",
    }
    assert f"fold {fold}" in report.words[0]
    with pytest.raises(SpecError, match="has 2 folds"):
        imported(home, tmp_path / "other", fold=2)


def test_a_tiff_with_its_spacing_beside_it_is_refused_in_words(tmp_path: Path) -> None:
    home = tmp_path / "Dataset014_Deep"
    nnunet(home, PLAIN, (0, 1, 2), ["a_001"], ending=".tif")
    (home / "imagesTr" / "a_001.json").write_text('{"spacing": [3, 1, 1]}')
    with pytest.raises(DataError, match="save it as NIfTI"):
        imported(home, tmp_path / "out")


def test_a_missing_channel_sets_its_case_aside(tmp_path: Path) -> None:
    home = tmp_path / "Dataset008_Gap"
    nnunet(home, PLAIN, (0, 1, 2))
    (home / "imagesTr" / "a_002_0001.nii.gz").unlink()
    report = imported(home, tmp_path / "out")
    assert report.left_out == ("a_002",)
    assert "_0001 (T2)" in report.findings[0].detail


def test_what_is_dropped_or_not_there_is_told(tmp_path: Path) -> None:
    home = tmp_path / "Dataset015_Part"
    nnunet(home, PLAIN, (0, 1, 2))
    (home / "labelsTr" / "a_001.nii.gz").unlink()
    for path in (home / "imagesTr").glob("a_002*"):
        path.unlink()
    report = imported(home, tmp_path / "out")
    assert {(f.case, f.kind) for f in report.findings} == {
        ("a_001", "no mask"),
        ("a_002", "no image"),
    }
    assert report.words[0] == "2 of the 3 training cases of dataset.json are here"
    write(home / "imagesTr" / "a_001_0000.nii", codes_of(0))
    said = json.loads((home / "dataset.json").read_text())
    del said["file_ending"]
    (home / "dataset.json").write_text(json.dumps(said))
    with pytest.raises(DataError, match="two files for one channel"):
        imported(home, tmp_path / "other")


def test_a_zip_without_its_description_takes_the_meaning_from_the_user(tmp_path: Path) -> None:
    home = tmp_path / "Dataset017_Zip"
    truth = nnunet(home, PLAIN, (0, 1, 2))
    (home / "dataset.json").unlink()
    archive = zipped(home, tmp_path / "raw.zip", "Dataset017_Zip/")
    with pytest.raises(DataError, match="say them: --values"):
        imported(archive, tmp_path / "out")
    cohort = imported(archive, tmp_path / "out", meaning={1: "edema", 2: "unlabelled"}).cohort
    assert [(case.id, list(case.images)) for case in cohort] == [
        (name, ["0000", "0001"]) for name in truth
    ]
    for case in cohort:
        label, codes = mask_of(case)
        assert (label.classes, label.extent) == (("edema",), "partial")
        np.testing.assert_array_equal(codes, np.array([0, 1, 255], np.uint8)[truth[case.id]])


def test_files_that_the_description_lists_may_lie_anywhere(tmp_path: Path) -> None:
    home = tmp_path / "Dataset016_Listed"
    truth = nnunet(home, PLAIN, (0, 1, 2))
    (home / "imagesTr").rename(tmp_path / "elsewhere")
    (home / "labelsTr").rename(tmp_path / "drawn")
    said = json.loads((home / "dataset.json").read_text())
    said["dataset"] = {
        name: {
            "images": [f"../elsewhere/{name}_000{k}.nii.gz" for k in range(2)],
            "label": f"../drawn/{name}.nii.gz",
        }
        for name in truth
    }
    (home / "dataset.json").write_text(json.dumps(said))
    cohort = imported(home, tmp_path / "out").cohort
    assert [(case.id, list(case.images)) for case in cohort] == [(n, ["T1", "T2"]) for n in truth]
    for case in cohort:
        np.testing.assert_array_equal(mask_of(case)[1], truth[case.id])
    said["dataset"]["a_001"] = {"images": ["../nowhere.nii.gz"], "label": None}
    (home / "dataset.json").write_text(json.dumps(said))
    with pytest.raises(DataError, match=r"lists .*nowhere\.nii\.gz, but there is no such file"):
        imported(home, tmp_path / "other")
    said["dataset"] = {"a_001": 3}
    (home / "dataset.json").write_text(json.dumps(said))
    with pytest.raises(DataError, match="expected images and label"):
        imported(home, tmp_path / "third")


def test_channels_on_grids_of_their_own_are_told_with_numbers(tmp_path: Path) -> None:
    home = tmp_path / "Dataset009_Grids"
    nnunet(home, PLAIN, (0, 1, 2))
    coarse = codes_of(1, (0, 1), (5, 4, 9))
    write(home / "imagesTr" / "a_001_0001.nii.gz", coarse, (3.0, 2.0, 1.5), (0.0, 0.5, 0.0))
    far = codes_of(1, (0, 1))
    write(home / "imagesTr" / "a_002_0001.nii.gz", far, origin=(500.0, 0.0, 0.0))
    report = imported(home, tmp_path / "out")
    found = {finding.case: finding for finding in report.findings}
    assert found["a_001"].kind == "grids differ"
    assert "T2 lies on another grid than T1: shape 5 x 4 x 9 instead of 5 x 8 x 9" in (
        found["a_001"].detail
    )
    assert (found["a_002"].kind, report.left_out) == ("no common grid", ("a_002",))


def test_codes_that_nobody_described_set_their_case_aside(tmp_path: Path) -> None:
    home = tmp_path / "Dataset010_Strange"
    nnunet(home, PLAIN, (0, 1, 2))
    write(home / "labelsTr" / "a_003.nii.gz", codes_of(2, (0, 1, 7)))
    report = imported(home, tmp_path / "out")
    assert report.left_out == ("a_003",)
    assert "holds [7]" in report.findings[0].detail
    again = imported(home, tmp_path / "said", meaning={1: "edema", 2: "core", 7: "unlabelled"})
    assert again.left_out == ()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("{", "expected JSON"),
        ("[" * 100_000, "expected JSON"),
        ("[1]", "expected a description"),
        ('{"labels": 3}', "expected labels with their codes"),
        ('{"labels": {"a": "b"}}', "whole number"),
        ('{"labels": {"a": []}}', "has no code"),
        ('{"labels": {"1": 2}}', "expected a name"),
        ('{"labels": {"a": -1}}', "whole number"),
        ('{"labels": {"a": true}}', "whole number"),
        ('{"labels": {"a": 1}, "channel_names": 4}', "expected channels"),
        ("{}", "labels with their codes, got none"),
    ],
)
def test_a_description_that_cannot_be_is_refused_in_words(
    tmp_path: Path, said: str, words: str
) -> None:
    home = tmp_path / "Dataset011_Odd"
    nnunet(home, PLAIN, (0, 1, 2), ["a_001"])
    (home / "dataset.json").write_text(said)
    with pytest.raises(DataError, match=words) as caught:
        imported(home, tmp_path / "out")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", [
    "{", "3", '[{"train": 1}]', '{"a": 1}', "[[]]", '[{"train": "a_001", "val": []}]',
    '[{"train": ["a_001"], "val": {"a_002": 1}}]', '[{"train": [1], "val": []}]',
])  # fmt: skip
def test_a_split_file_that_is_none_is_refused_in_words(tmp_path: Path, text: str) -> None:
    home = tmp_path / "Dataset012_Split"
    nnunet(home, PLAIN, (0, 1, 2), ["a_001"])
    (home / "splits_final.json").write_text(text)
    with pytest.raises(DataError, match=r"splits_final\.json: expected a list of folds"):
        imported(home, tmp_path / "out")


def test_a_case_that_a_fold_has_twice_is_refused_and_one_without_a_part_is_told(
    tmp_path: Path,
) -> None:
    home = tmp_path / "Dataset013_Twice"
    nnunet(home, PLAIN, (0, 1, 2))
    twice = [{"train": ["a_001", "a_002"], "val": ["a_002"]}]
    (home / "splits_final.json").write_text(json.dumps(twice))
    with pytest.raises(DataError, match="fold 0 has a_002 in train and in val"):
        imported(home, tmp_path / "out")
    once = [{"train": ["a_001"], "val": ["a_002"]}]
    (home / "splits_final.json").write_text(json.dumps(once))
    report = imported(home, tmp_path / "again")
    told = [line for line in report.words if "in no part of" in line]
    alone = [case.id for case in report.cohort if case.split is None]
    assert len(told) == (1 if alone else 0)
    assert all(name in told[0] for name in alone)
    assert alone


def test_more_classes_than_a_mask_can_number_are_set_aside_in_words(tmp_path: Path) -> None:
    home = tmp_path / "Dataset018_Many"
    nnunet(home, {"background": 0, **{f"c{k}": k for k in range(1, 256)}, "ignore": 256}, (0, 1))
    report = imported(home, tmp_path / "out")
    assert len(report.left_out) == 3
    assert "at most 254 classes" in report.findings[0].detail


def test_a_folder_of_several_datasets_asks_which(tmp_path: Path) -> None:
    for name in ("Dataset001_A", "Dataset002_B"):
        nnunet(tmp_path / "raw" / name, PLAIN, (0, 1, 2), ["a_001"])
    with pytest.raises(DataError, match="holds 2 datasets"):
        imported(tmp_path / "raw", tmp_path / "out")


def test_each_layout_names_the_command_of_the_other(tmp_path: Path) -> None:
    home = tmp_path / "Dataset013_Two"
    nnunet(home, PLAIN, (0, 1, 2))
    with pytest.raises(DataError, match="inklings import nnunet"):
        run(Decathlon(home), tmp_path / "out", workers=1)
    for path in (home / "imagesTr").glob("*_0001*"):
        path.unlink()
    for path in (home / "imagesTr").glob("*_0000*"):
        path.rename(path.with_name(path.name.replace("_0000", "")))
    with pytest.raises(DataError, match="inklings import decathlon"):
        imported(home, tmp_path / "other")


@pytest.mark.parametrize("word", ["ignore", "Unlabeled", "unlabelled"])
def test_the_decathlon_knows_what_was_not_annotated(tmp_path: Path, word: str) -> None:
    home = tmp_path / "Task1"
    codes = codes_of(0, (0, 1, 2, 3))
    write(home / "imagesTr" / "p.nii.gz", codes.astype(np.int16))
    write(home / "labelsTr" / "p.nii.gz", codes)
    described = {"labels": {"0": "background", "1": "A", "2": "B", "3": word}}
    options: list[dict[str, Any]] = [{"labels": ("a", "b", word)}]
    options += [{"meaning": {1: "a", 2: "b", 3: "unlabelled"}}, {}]
    for k, given in enumerate(options):
        if not given:
            (home / "dataset.json").write_text(json.dumps(described))
        (case,) = run(Decathlon(home, **given), tmp_path / str(k), workers=1).cohort
        label, mine = mask_of(case)
        assert (label.classes, label.extent) == (("a", "b"), "partial")
        np.testing.assert_array_equal(mine, np.where(codes == 3, 255, codes))


@pytest.mark.skipif(not CASES.is_dir(), reason="the shared cases are not beside the repository")
def test_the_shared_case_has_two_cases_of_two_channels(tmp_path: Path) -> None:
    source = CASES / "d-raw-layout-of-nnunet"
    done = CliRunner().invoke(app, ["import", "nnunet", str(source), "--out", str(tmp_path / "c")])
    assert done.exit_code == 0, done.output
    counts = []
    for case in Cohort.read(tmp_path / "c"):
        _, codes = mask_of(case)
        counts.append((case.id, list(case.images), [int((codes == c).sum()) for c in (1, 2, 255)]))
    assert counts == [
        ("case_000", ["T1", "T2"], [505, 70, 576]),
        ("case_001", ["T1", "T2"], [492, 77, 576]),
    ]
