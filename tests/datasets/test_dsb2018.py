from __future__ import annotations

import io
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from inklings.cohorts.cohort import Cohort
from inklings.datasets.dsb2018 import Dsb2018
from inklings.datasets.importing import Report, run
from inklings.errors import DataError
from inklings.labels import rle
from inklings.labels.kinds import MaskLabel
from inklings.readers import open_image
from inklings.readers.picture import decode
from inklings.testing.datasets import (
    DatasetContract,
    contents,
    miniature_dsb2018,
    write_png,
    zipped,
)

REAL = Path(__file__).parents[3] / "shared" / "data" / "dsb2018_stage1_train.zip"


class TestZip(DatasetContract):
    def dataset(self, root: Path) -> Dsb2018:
        miniature_dsb2018(root / "files")
        return Dsb2018(zipped(root / "files", root / "stage1_train.zip"))


class TestFolder(DatasetContract):
    def dataset(self, root: Path) -> Dsb2018:
        miniature_dsb2018(root)
        return Dsb2018(root)


class TestFolderInPlace(DatasetContract):
    def dataset(self, root: Path) -> Dsb2018:
        miniature_dsb2018(root)
        return Dsb2018(root, in_place=True)


def imported(source: Path, tmp_path: Path, labels: Path | None = None) -> Report:
    return run(Dsb2018(source, labels), tmp_path / "out", workers=1)


def kinds(report: Report) -> dict[str, int]:
    return {finding.kind: finding.count for finding in report.findings}


def instances(cohort: Cohort, name: str) -> np.ndarray:
    (case,) = (case for case in cohort if case.id == name)
    (label,) = case.labels
    assert isinstance(label, MaskLabel)
    assert label.kind == "instances"
    return decode(label.path)


def table(path: Path, truth: dict[str, np.ndarray], sizes: bool = False) -> Path:
    lines = ["ImageId,EncodedPixels" + (",Height,Width,Usage" if sizes else "")]
    for name, labels in truth.items():
        rest = f",{labels.shape[0]},{labels.shape[1]},Public" if sizes else ""
        lines.extend(f"{name},{text}{rest}" for text in rle.encode_objects(labels).values())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def test_every_nucleus_keeps_its_number_in_the_order_of_the_mask_files(tmp_path: Path) -> None:
    truth = miniature_dsb2018(tmp_path / "in", nuclei=5)
    cohort = imported(tmp_path / "in", tmp_path).cohort
    for name, labels in truth.items():
        assert instances(cohort, name).dtype == np.uint16
        assert np.array_equal(instances(cohort, name), labels)


@pytest.mark.parametrize("prefix", ["", "stage1_train/", "data/stage1_train/"])
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_nested_and_compressed_archives_give_the_same_cohort(
    tmp_path: Path, prefix: str, compression: int
) -> None:
    miniature_dsb2018(tmp_path / "in" / "stage1_train")
    run(Dsb2018(tmp_path / "in"), tmp_path / "folder", workers=1)
    archive = zipped(
        tmp_path / "in" / "stage1_train", tmp_path / "stage1_train.zip", prefix, compression
    )
    run(Dsb2018(archive), tmp_path / "zip", workers=1)
    assert contents(tmp_path / "zip") == contents(tmp_path / "folder")


def test_names_that_cannot_name_files_are_cleaned(tmp_path: Path) -> None:
    write_png(tmp_path / "in" / "my field (1)" / "images" / "a.png", np.zeros((9, 9), np.uint8))
    (case,) = imported(tmp_path / "in", tmp_path).cohort
    assert case.id == "my_field__1_"


def test_images_are_copied_byte_by_byte(tmp_path: Path) -> None:
    truth = miniature_dsb2018(tmp_path / "in", fields=1)
    (name,) = truth
    (case,) = imported(tmp_path / "in", tmp_path).cohort
    source = tmp_path / "in" / name / "images" / f"{name}.png"
    assert case.images["image"].read_bytes() == source.read_bytes()
    assert case.images["image"].is_relative_to(tmp_path / "out")


def test_in_place_points_at_the_original_image(tmp_path: Path) -> None:
    (name,) = miniature_dsb2018(tmp_path / "in", fields=1)
    report = run(Dsb2018(tmp_path / "in", in_place=True), tmp_path / "out", workers=1)
    (case,) = report.cohort
    assert case.images["image"] == tmp_path / "in" / name / "images" / f"{name}.png"
    assert not (tmp_path / "out" / "images").exists()


@pytest.mark.parametrize("flat", [False, True])
def test_images_without_masks_become_unlabelled_cases(tmp_path: Path, flat: bool) -> None:
    truth = miniature_dsb2018(tmp_path / "in", masks=False)
    if flat:
        for name in truth:
            (tmp_path / "in" / name / "images" / f"{name}.png").rename(
                tmp_path / "in" / f"{name}.png"
            )
            shutil.rmtree(tmp_path / "in" / name)
    report = imported(tmp_path / "in", tmp_path)
    assert [case.id for case in report.cohort] == sorted(truth)
    assert all(case.labels == () for case in report.cohort)
    assert report.findings == ()


def test_the_zip_of_zips_of_kaggle_is_imported_whole(tmp_path: Path) -> None:
    train = miniature_dsb2018(tmp_path / "train", fields=3)
    test = {f"test{k}": labels for k, labels in enumerate(train.values())}
    for name, labels in test.items():
        write_png(tmp_path / "test" / name / "images" / f"{name}.png", np.uint8(labels))
    folder = tmp_path / "kaggle"
    folder.mkdir()
    zipped(tmp_path / "train", folder / "stage1_train.zip")
    zipped(tmp_path / "test", folder / "stage1_test.zip")
    solution = table(tmp_path / "csv" / "stage1_solution.csv", test, sizes=True)
    zipped(solution.parent, folder / "stage1_solution.csv.zip")
    (folder / "stage1_sample_submission.csv").write_text("ImageId,EncodedPixels\nx,1 1\n")
    everything = zipped(folder, tmp_path / "data-science-bowl-2018.zip")
    report = imported(everything, tmp_path)
    assert len(report.cohort) == 6
    assert {case.facts["stage"] for case in report.cohort} == {"stage1_train", "stage1_test"}
    for name, labels in (train | test).items():
        assert np.array_equal(instances(report.cohort, name) > 0, labels > 0)
    assert not (tmp_path / "out" / ".unpacked").exists()
    run(Dsb2018(folder), tmp_path / "folder", workers=1)
    assert contents(tmp_path / "folder") == contents(tmp_path / "out")


def test_an_archive_beside_its_extracted_folder_is_not_imported_twice(tmp_path: Path) -> None:
    miniature_dsb2018(tmp_path / "in" / "stage1_train")
    zipped(tmp_path / "in" / "stage1_train", tmp_path / "in" / "stage1_train.zip")
    zipped(tmp_path / "in", tmp_path / "all.zip").rename(tmp_path / "in" / "all.zip")
    report = imported(tmp_path / "in", tmp_path)
    assert (len(report.cohort), report.findings) == (4, ())


@pytest.mark.parametrize("sizes", [False, True])
def test_run_lengths_are_labels_where_there_are_no_masks(tmp_path: Path, sizes: bool) -> None:
    truth = miniature_dsb2018(tmp_path / "in", masks=False)
    table(tmp_path / "in" / "stage1_train_labels.csv", truth, sizes)
    report = imported(tmp_path / "in", tmp_path)
    for name, labels in truth.items():
        assert np.array_equal(instances(report.cohort, name), labels)
    assert report.findings == ()


def test_run_lengths_from_elsewhere_are_given_by_hand(tmp_path: Path) -> None:
    truth = miniature_dsb2018(tmp_path / "in", masks=False)
    labels = table(tmp_path / "answers.csv", truth)
    report = imported(tmp_path / "in", tmp_path, labels)
    assert all(case.facts["nuclei"] == "3" for case in report.cohort)


def test_ignored_rows_of_a_solution_leave_the_image_unlabelled(tmp_path: Path) -> None:
    truth = miniature_dsb2018(tmp_path / "in", fields=1, masks=False)
    rows = [f"{name},1 1,48,64,Ignored" for name in truth]
    head = "ImageId,EncodedPixels,Height,Width,Usage"
    (tmp_path / "in" / "stage2_solution_final.csv").write_text("\n".join([head, *rows]))
    (case,) = imported(tmp_path / "in", tmp_path).cohort
    assert case.labels == ()


def test_masks_that_contradict_the_table_are_counted_and_win(tmp_path: Path) -> None:
    truth = miniature_dsb2018(tmp_path / "in", fields=1)
    (name,) = truth
    table(tmp_path / "in" / "labels.csv", {name: np.where(truth[name] == 2, 0, truth[name])})
    report = imported(tmp_path / "in", tmp_path)
    assert kinds(report) == {"labels disagree": int((truth[name] == 2).sum())}
    assert np.array_equal(instances(report.cohort, name), truth[name])


def test_overlap_is_counted_and_the_smaller_nucleus_stays_whole(tmp_path: Path) -> None:
    write_png(tmp_path / "in" / "a" / "images" / "a.png", np.full((20, 20), 9, np.uint8))
    small, large = np.zeros((2, 20, 20), np.uint8)
    small[5:8, 5:8], large[4:16, 7:16] = 255, 255
    write_png(tmp_path / "in" / "a" / "masks" / "1.png", small)
    write_png(tmp_path / "in" / "a" / "masks" / "2.png", large)
    report = imported(tmp_path / "in", tmp_path)
    assert kinds(report) == {"overlap": 3}
    assert (instances(report.cohort, "a") == 1).sum() == 9
    assert (instances(report.cohort, "a") == 2).sum() == 12 * 9 - 3


def break_image(folder: Path, name: str) -> None:
    path = folder / name / "images" / f"{name}.png"
    path.write_bytes(path.read_bytes()[:60])


def second_image(folder: Path, name: str) -> None:
    path = folder / name / "images" / f"{name}.png"
    shutil.copy(path, path.with_name("second.png"))


def no_image(folder: Path, name: str) -> None:
    shutil.rmtree(folder / name / "images")


def small_mask(folder: Path, name: str) -> None:
    write_png(folder / name / "masks" / "small.png", np.full((5, 5), 255, np.uint8))


def grey_mask(folder: Path, name: str) -> None:
    ramp = np.arange(48 * 64, dtype=np.uint16).reshape(48, 64) // 16
    write_png(folder / name / "masks" / "grey.png", ramp.astype(np.uint8))


def cut_mask(folder: Path, name: str) -> None:
    path = next((folder / name / "masks").iterdir())
    path.write_bytes(path.read_bytes()[:50])


@pytest.mark.parametrize(
    ("damage", "kind"),
    [
        (break_image, "unreadable image"),
        (second_image, "several images"),
        (no_image, "no image"),
        (small_mask, "mask shape"),
        (grey_mask, "mask values"),
        (cut_mask, "unreadable mask"),
    ],
)
def test_a_broken_case_is_left_out_with_its_reason_and_the_rest_goes_on(
    tmp_path: Path, damage, kind: str
) -> None:
    truth = miniature_dsb2018(tmp_path / "in")
    name = sorted(truth)[1]
    damage(tmp_path / "in", name)
    report = imported(tmp_path / "in", tmp_path)
    assert [case.id for case in report.cohort] == [n for n in sorted(truth) if n != name]
    assert report.left_out == (name,)
    assert [(f.case, f.kind) for f in report.findings] == [(name, kind)]
    text = (tmp_path / "out" / "import_findings.csv").read_text()
    assert f"{name},{kind},left out,1," in text.replace(",2,", ",1,")


def test_harmless_oddities_are_noted_and_the_case_stays(tmp_path: Path) -> None:
    (name,) = miniature_dsb2018(tmp_path / "in", fields=1)
    masks = tmp_path / "in" / name / "masks"
    first = sorted(masks.iterdir())[0]
    write_png(first, np.asarray(Pillow.open(first)) // 255)
    write_png(masks / "zz_empty.png", np.zeros((48, 64), np.uint8))
    shutil.copy(sorted(masks.iterdir())[1], masks / "zy_copy.png")
    report = imported(tmp_path / "in", tmp_path)
    assert set(kinds(report)) == {"mask value", "empty mask", "overlap", "hidden mask"}
    (case,) = report.cohort
    assert case.facts["nuclei"] == "3"


def test_an_alpha_plane_of_zeros_is_noted_and_the_colours_survive(tmp_path: Path) -> None:
    (name,) = miniature_dsb2018(tmp_path / "in", fields=1)
    path = tmp_path / "in" / name / "images" / f"{name}.png"
    picture = np.array(Pillow.open(path))
    picture[..., 3] = 0
    write_png(path, picture)
    report = imported(tmp_path / "in", tmp_path)
    assert kinds(report) == {"alpha": 1}
    (case,) = report.cohort
    with open_image(case.images["image"]) as image:
        assert image.channels == ("R", "G", "B")
        whole = image.read(region_of(image.geometry.shape))
    assert np.array_equal(np.moveaxis(whole, 0, -1), picture[..., :3])


def region_of(shape: tuple[int, ...]):
    from inklings.geometry import Region

    return Region((0,) * len(shape), shape)


def test_pictures_of_four_planes_are_never_taken_for_one_channel(tmp_path: Path) -> None:
    # the reference builds its network with n_channels=1 and feeds it three
    miniature_dsb2018(tmp_path / "in")
    for case in imported(tmp_path / "in", tmp_path).cohort:
        with open_image(case.images["image"]) as image:
            assert len(image.channels) == 3


def test_a_train_field_without_masks_is_noted_and_stays_unlabelled(tmp_path: Path) -> None:
    truth = miniature_dsb2018(tmp_path / "in")
    name = sorted(truth)[2]
    shutil.rmtree(tmp_path / "in" / name / "masks")
    report = imported(tmp_path / "in", tmp_path)
    assert [(f.case, f.kind) for f in report.findings] == [(name, "no mask")]
    assert len(report.cohort) == 4


def test_a_damaged_member_of_an_archive_leaves_out_its_case_only(tmp_path: Path) -> None:
    truth = miniature_dsb2018(tmp_path / "in")
    archive = zipped(tmp_path / "in", tmp_path / "in.zip")
    with zipfile.ZipFile(archive) as opened:
        info = next(i for i in opened.infolist() if "/images/" in i.filename)
    data = bytearray(archive.read_bytes())
    data[info.header_offset + 30 + len(info.filename) + 45] ^= 0xFF
    archive.write_bytes(data)
    report = imported(archive, tmp_path)
    assert report.left_out == (sorted(truth)[0],)
    assert "checksum" in report.findings[0].detail


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda _: None, "no such file or folder"),
        (lambda path: path.write_bytes(b"hello"), "expected a zip archive"),
        (lambda path: path.mkdir(), "nothing in .* looks like DSB2018"),
    ],
)
def test_a_wrong_path_is_one_clear_line(tmp_path: Path, make, said: str) -> None:
    make(tmp_path / "in")
    with pytest.raises(DataError, match=said) as caught:
        imported(tmp_path / "in", tmp_path)
    assert "\n" not in str(caught.value)


def test_a_zip_that_is_cut_short_says_so(tmp_path: Path) -> None:
    miniature_dsb2018(tmp_path / "in")
    archive = zipped(tmp_path / "in", tmp_path / "in.zip")
    archive.write_bytes(archive.read_bytes()[:-200])
    with pytest.raises(DataError, match="truncated"):
        imported(archive, tmp_path)


def test_a_table_without_the_columns_is_refused(tmp_path: Path) -> None:
    miniature_dsb2018(tmp_path / "in", masks=False)
    (tmp_path / "labels.csv").write_text("name,pixels\n")
    with pytest.raises(DataError, match="expected columns ImageId,EncodedPixels"):
        imported(tmp_path / "in", tmp_path, tmp_path / "labels.csv")


@pytest.mark.skipif(not REAL.is_file(), reason=f"no real data: {REAL.name} is not beside the repo")
def test_real_fields_keep_every_nucleus(tmp_path: Path) -> None:
    with zipfile.ZipFile(REAL) as source:
        names = [name for name in source.namelist() if not name.endswith("/")]
        ids = sorted({name.split("/")[0] for name in names})[:6]
        with zipfile.ZipFile(tmp_path / "six.zip", "w") as to:
            for name in names:
                if name.split("/")[0] in ids:
                    to.writestr(name, source.read(name))
        report = imported(tmp_path / "six.zip", tmp_path)
        for name in ids:
            masks = sorted(n for n in names if n.startswith(f"{name}/masks/"))
            labels = instances(report.cohort, name)
            for number, mask in enumerate(masks, 1):
                drawn = np.asarray(Pillow.open(io.BytesIO(source.read(mask)))) > 0
                assert np.array_equal(labels == number, drawn)
