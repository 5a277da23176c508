from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from inklings.datasets import values
from inklings.datasets.folder import Folder
from inklings.datasets.importing import Report, run
from inklings.errors import DataError, LabelError, SpecError
from inklings.labels.kinds import MaskLabel
from inklings.readers.picture import decode
from inklings.testing.datasets import DatasetContract, contents, write_png

DRAWN = np.kron(np.array([[0, 1, 2], [2, 0, 1]], np.uint8), np.ones((4, 5), np.uint8))


def pictures(root: Path, count: int = 3) -> None:
    rng = np.random.default_rng(0)
    for k in range(count):
        image = rng.integers(0, 256, (*DRAWN.shape, 3), np.uint8)
        write_png(root / "images" / f"P{k}_a.png", image)


def masks(root: Path, mask: np.ndarray, count: int = 3) -> None:
    for k in range(count):
        write_png(root / "masks" / f"P{k}_a_mask.png", mask)


def folder(root: Path, text: str = "0=background,255=nucleus", **options: object) -> Folder:
    meaning = {} if options.get("instances") else values.parse(text)
    return Folder(str(root / "images" / "*.png"), str(root / "masks" / "*.png"), meaning, **options)


def imported(dataset: Folder, tmp_path: Path) -> Report:
    return run(dataset, tmp_path / "out", workers=1)


def label(report: Report, k: int = 0) -> MaskLabel:
    (found,) = report.cohort.cases[k].labels
    assert isinstance(found, MaskLabel)
    return found


class TestClasses(DatasetContract):
    def dataset(self, root: Path) -> Folder:
        pictures(root)
        masks(root, np.uint8(DRAWN > 0) * 255)
        return folder(root)


class TestInstances(DatasetContract):
    def dataset(self, root: Path) -> Folder:
        pictures(root)
        masks(root, DRAWN)
        return folder(root, instances=True, in_place=True)


COLOURS = np.array([[0, 0, 0], [255, 0, 0], [0, 128, 64]], np.uint8)


@pytest.mark.parametrize(
    ("text", "picture"),
    [
        ("0=background,1=a,2=b", Pillow.fromarray(DRAWN)),
        ("0=background,50=a,200=b", Pillow.fromarray(np.array([0, 50, 200], np.uint8)[DRAWN])),
        ("0=background,7=a,40000=b", Pillow.fromarray(np.array([0, 7, 40000], "u2")[DRAWN])),
        ("#000000=background,#ff0000=a,#008040=b", Pillow.fromarray(COLOURS[DRAWN])),
        ("0=background,#FF0000=a,#008040=b", Pillow.fromarray(COLOURS[DRAWN])),
    ],
    ids=["ids", "grey", "16 bits", "colours", "black is 0"],
)
def test_masks_of_every_kind_become_the_same_class_map(
    tmp_path: Path, text: str, picture: Pillow.Image
) -> None:
    pictures(tmp_path)
    masks(tmp_path, np.asarray(picture))
    report = imported(folder(tmp_path, text), tmp_path)
    assert report.cohort.classes == ("a", "b")
    assert label(report).extent == "complete"
    assert np.array_equal(decode(label(report).path), DRAWN)


def test_palettes_are_read_by_index(tmp_path: Path) -> None:
    pictures(tmp_path, 1)
    (tmp_path / "masks").mkdir()
    picture = Pillow.new("P", DRAWN.shape[::-1])
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    picture.putdata(DRAWN.ravel().tolist())
    picture.save(tmp_path / "masks" / "P0_a.png")
    report = imported(folder(tmp_path, "0=background,1=a,2=b"), tmp_path)
    assert np.array_equal(decode(label(report).path), DRAWN)


def test_masks_of_one_bit_hold_0_and_255(tmp_path: Path) -> None:
    pictures(tmp_path, 1)
    (tmp_path / "masks").mkdir()
    Pillow.fromarray(DRAWN > 0).save(tmp_path / "masks" / "P0_a.png")
    report = imported(folder(tmp_path), tmp_path)
    assert np.array_equal(decode(label(report).path), DRAWN > 0)


def test_a_value_called_unlabelled_makes_the_label_partial(tmp_path: Path) -> None:
    pictures(tmp_path)
    masks(tmp_path, DRAWN)
    report = imported(folder(tmp_path, "0=background,1=a,2=unlabelled"), tmp_path)
    assert label(report).extent == "partial"
    assert np.array_equal(decode(label(report).path) == 255, DRAWN == 2)


def test_two_values_may_mean_one_class(tmp_path: Path) -> None:
    pictures(tmp_path)
    masks(tmp_path, DRAWN)
    report = imported(folder(tmp_path, "0=background,1=a,2=a"), tmp_path)
    assert report.cohort.classes == ("a",)
    assert np.array_equal(decode(label(report).path), DRAWN > 0)


def test_a_map_that_misses_a_value_is_refused_before_anything_is_converted(tmp_path: Path) -> None:
    pictures(tmp_path)
    masks(tmp_path, DRAWN)
    with pytest.raises(LabelError, match=r"no meaning to 2 \(in 3 of 3 masks\)"):
        imported(folder(tmp_path, "0=background,1=a"), tmp_path)
    assert not (tmp_path / "out" / "images").exists()


def test_object_numbers_are_kept_and_colours_are_numbered(tmp_path: Path) -> None:
    pictures(tmp_path)
    masks(tmp_path, np.array([0, 9, 300], "u2")[DRAWN])
    write_png(tmp_path / "masks" / "P2_a_mask.png", COLOURS[DRAWN])
    report = imported(folder(tmp_path, instances=True, class_name="cell"), tmp_path)
    assert label(report).kind == "instances"
    assert label(report).classes == ("cell",)
    assert np.unique(decode(label(report).path)).tolist() == [0, 9, 300]
    assert np.unique(decode(label(report, 2).path)).tolist() == [0, 1, 2]
    assert {case.facts["objects"] for case in report.cohort} == {"2"}


def test_images_without_a_mask_are_unlabelled_and_counted(tmp_path: Path) -> None:
    pictures(tmp_path, 4)
    masks(tmp_path, np.uint8(DRAWN > 0) * 255, 3)
    report = imported(folder(tmp_path), tmp_path)
    assert [(f.case, f.kind) for f in report.findings] == [("P3_a", "no mask")]
    assert [len(case.labels) for case in report.cohort] == [1, 1, 1, 0]
    assert report.left_out == ()


def test_a_folder_of_images_alone_is_an_unlabelled_cohort(tmp_path: Path) -> None:
    pictures(tmp_path)
    report = imported(Folder(str(tmp_path / "images"), None), tmp_path)
    assert (len(report.cohort), report.findings) == (3, ())


def test_masks_of_another_size_or_damaged_leave_their_case_out(tmp_path: Path) -> None:
    pictures(tmp_path)
    masks(tmp_path, np.uint8(DRAWN > 0) * 255)
    write_png(tmp_path / "masks" / "P0_a_mask.png", np.full((3, 4), 255, np.uint8))
    (tmp_path / "masks" / "P1_a_mask.png").write_bytes(b"no picture")
    report = imported(folder(tmp_path), tmp_path)
    assert [(f.case, f.kind) for f in report.findings] == [
        ("P0_a", "mask shape"),
        ("P1_a", "unreadable mask"),
    ]
    assert "4 x 3, the image 15 x 8" in report.findings[0].detail
    assert [case.id for case in report.cohort] == ["P2_a"]


def test_patients_come_from_one_group_of_an_expression(tmp_path: Path) -> None:
    pictures(tmp_path)
    masks(tmp_path, np.uint8(DRAWN > 0) * 255)
    report = imported(folder(tmp_path, patient=r"(P\d)_"), tmp_path)
    assert [case.patient for case in report.cohort] == ["P0", "P1", "P2"]


@pytest.mark.parametrize(
    ("patient", "error", "said"),
    [
        (r"P\d", SpecError, "expected one group"),
        (r"(Q\d)", DataError, "found nowhere in 'P0_a.png'"),
        (r"(P", SpecError, "does not parse"),
    ],
)
def test_an_expression_that_does_not_fit_is_one_clear_line(
    tmp_path: Path, patient: str, error: type[Exception], said: str
) -> None:
    pictures(tmp_path)
    masks(tmp_path, np.uint8(DRAWN > 0) * 255)
    with pytest.raises(error, match=said):
        imported(folder(tmp_path, patient=patient), tmp_path)


def test_a_spacing_that_was_given_is_a_fact_and_none_is_never_invented(tmp_path: Path) -> None:
    pictures(tmp_path)
    masks(tmp_path, np.uint8(DRAWN > 0) * 255)
    (case, *_) = imported(folder(tmp_path, spacing_mm=0.00025), tmp_path).cohort
    assert case.facts["spacing_mm"] == "0.00025"
    (case, *_) = run(folder(tmp_path), tmp_path / "other", workers=1).cohort
    assert "spacing_mm" not in case.facts


def test_another_value_map_is_another_import(tmp_path: Path) -> None:
    pictures(tmp_path)
    masks(tmp_path, np.uint8(DRAWN > 0) * 255)
    imported(folder(tmp_path), tmp_path)
    before = contents(tmp_path / "out")
    with pytest.raises(DataError, match="holds another import"):
        imported(folder(tmp_path, "0=background,255=cell"), tmp_path)
    assert contents(tmp_path / "out") == before


def test_an_import_into_the_folder_that_it_searches_does_not_find_itself(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_png(tmp_path / "data" / f"{name}.png", np.zeros((8, 9), np.uint8))
    source = Folder(f"{tmp_path}/data/**/*.png")
    run(source, tmp_path / "data" / "cohort", workers=1)
    with pytest.raises(DataError, match=r"lies in --out .*; give --out a folder outside"):
        run(source, tmp_path / "data" / "cohort", workers=1)


def test_files_that_are_no_pictures_are_counted_by_suffix(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        write_png(tmp_path / "data" / name, np.zeros((8, 9), np.uint8))
    for name in ("c.oib", "d.OIB", "e.txt", ".hidden"):
        (tmp_path / "data" / name).touch()
    words = run(Folder(str(tmp_path / "data")), tmp_path / "cohort", workers=1).words
    assert [line for line in words if "2 .oib, 1 .txt, which are no pictures" in line]


@pytest.mark.parametrize(("side", "fine"), [(1, False), (2, False), (8, True)])
def test_a_picture_is_no_mask_of_objects(tmp_path: Path, side: int, fine: bool) -> None:
    rng = np.random.default_rng(0)
    colours = rng.integers(1, 255, (64 // side, 64 // side, 3), np.uint8)
    mask = np.kron(colours, np.ones((side, side, 1), np.uint8))
    write_png(tmp_path / "images" / "a.png", mask)
    write_png(tmp_path / "masks" / "a.png", mask)
    source = Folder(f"{tmp_path}/images", masks=f"{tmp_path}/masks", instances=True)
    report = run(source, tmp_path / "cohort", workers=1)
    assert bool(report.cohort.cases) == fine
    assert fine or "a picture, not a mask" in report.findings[0].detail
