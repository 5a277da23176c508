"""PNG tiles for other programs, and back: colours, strips, values and splits survive."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import slides
from PIL import Image as Pillow

from inklings.cohorts.cohort import Cohort
from inklings.data.tile_index import TileIndex
from inklings.data.tiling import Rule, tile_cohort
from inklings.datasets.importing import run
from inklings.datasets.tiles import Tiles
from inklings.datasets.values import parse
from inklings.errors import DataError, LabelError
from inklings.exports.tiles import Greys, write_pngs
from inklings.labels.files import read_mask
from inklings.labels.kinds import BagLabel, MaskLabel

SHAPE = (700, 900)
SPLITS = {"a": "train", "b": "train", "c": "val"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``cohort``, its ``tiles`` and the ``pngs`` of them."""
    folder = tmp_path_factory.mktemp("tiles")
    cases = [
        dataclasses.replace(
            slides.write(folder, name, slides.blobs(SHAPE, k), lossless=True), split=SPLITS[name]
        )
        for k, name in enumerate("abc")
    ]
    slides.cohort(folder / "cohort", cases)
    tile_cohort(folder / "cohort", folder / "tiles", Rule(size=128))
    summary = write_pngs(folder / "tiles", folder / "pngs")
    assert (summary.finished, summary.failed) == (3, {})
    return folder


def test_every_tile_has_a_picture_and_a_mask_in_the_split_of_its_patient(folder: Path) -> None:
    index = TileIndex.read(folder / "tiles")
    for number in range(len(index)):
        case = index.cases[index.case[number]]
        name = f"{SPLITS[case]}/{case}_{index.x[number]}_{index.y[number]}"
        assert (folder / "pngs" / "img_dir" / f"{name}.png").is_file()
        assert (folder / "pngs" / "ann_dir" / f"{name}_mask.png").is_file()
    written = list((folder / "pngs" / "img_dir").rglob("*.png"))
    assert len(written) == len(index)


def test_red_and_blue_are_not_swapped(folder: Path) -> None:
    name = sorted((folder / "pngs" / "ann_dir" / "train").iterdir())[0].name
    mask = np.asarray(Pillow.open(folder / "pngs" / "ann_dir" / "train" / name))
    tile = np.asarray(
        Pillow.open(folder / "pngs" / "img_dir" / "train" / name.replace("_mask", ""))
    )
    for value, colour in ((0, slides.GLASS), (127, slides.PINK), (255, slides.VIOLET)):
        if (mask == value).any():
            assert np.median(tile[mask == value], axis=0) == pytest.approx(colour, abs=2)


def test_values_are_spread_and_the_right_and_bottom_strips_are_there(folder: Path) -> None:
    for case, k in (("a", 0), ("b", 1)):
        codes = slides.blobs(SHAPE, k)
        whole = np.zeros(SHAPE, np.uint8)
        for path in (folder / "pngs" / "ann_dir" / "train").glob(f"{case}_*"):
            _, x, y, _ = path.stem.split("_")
            mask = np.asarray(Pillow.open(path))
            assert mask.shape == (128, 128)
            whole[int(y) : int(y) + 128, int(x) : int(x) + 128] = mask
        seen = whole > 0
        assert seen[-1].any()
        assert set(np.unique(whole)) == {0, 127, 255}
        assert (whole[seen] == np.array([0, 127, 255])[codes[seen]]).all()


def test_masks_of_0_127_255_are_never_taken_for_class_numbers(folder: Path) -> None:
    with pytest.raises(LabelError, match=r"0, 127, 255 mean.*0=background,127=benign,255=cancer"):
        Tiles(folder / "pngs").settled(print, lambda _: False)


def test_import_gives_back_classes_patients_and_splits(folder: Path, tmp_path: Path) -> None:
    text = (folder / "pngs" / "values.txt").read_text()
    report = run(Tiles(folder / "pngs", parse(text.strip())), tmp_path / "out", workers=1)
    assert "no patient" in report.words[0]
    cohort = Cohort.read(tmp_path / "out")
    assert cohort.classes == ("benign", "cancer")
    assert len(cohort) == len(TileIndex.read(folder / "tiles"))
    for case in cohort:
        assert case.patient == f"patient {case.facts['slide']}"
        assert case.split == SPLITS[case.facts["slide"]]
        (label,) = case.labels
        assert isinstance(label, MaskLabel)
        y, x = int(case.facts["y"]), int(case.facts["x"])
        codes = slides.blobs(SHAPE, "abc".index(case.facts["slide"]))[y : y + 128, x : x + 128]
        assert (read_mask(label.path) == codes).all()


def test_a_split_that_parts_a_slide_is_not_taken_over(folder: Path, tmp_path: Path) -> None:
    for part in ("img_dir", "ann_dir"):
        for path in sorted((folder / "pngs" / part).rglob("a_*.png")):
            split = "val" if "_0_" in path.name else "train"
            copy = tmp_path / "torn" / part / split / path.name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    meaning = {0: "background", 127: "benign", 255: "cancer"}
    report = run(Tiles(tmp_path / "torn", meaning), tmp_path / "out", workers=1)
    assert "not taken over: tiles of 1 patients (a)" in report.words[0]
    assert not Cohort.read(tmp_path / "out").is_split


def test_a_cohort_without_splits_is_not_written(folder: Path, tmp_path: Path) -> None:
    cohort = Cohort.read(folder / "cohort")
    bare = [dataclasses.replace(case, split=None) for case in cohort]
    slides.cohort(tmp_path / "cohort", bare)
    tile_cohort(tmp_path / "cohort", tmp_path / "tiles", Rule(size=128))
    with pytest.raises(DataError, match="run 'inklings split' first"):
        write_pngs(tmp_path / "tiles", tmp_path / "pngs")


def test_what_is_unlabelled_is_not_called_background(folder: Path) -> None:
    cohort = Cohort.read(folder / "cohort")
    texts = {}
    for extent in ("complete", "positives", "partial"):
        cases = tuple(
            dataclasses.replace(c, labels=(dataclasses.replace(c.labels[0], extent=extent),))
            for c in cohort
        )
        texts[extent] = Greys.of(dataclasses.replace(cohort, cases=cases)).text()
    assert texts == {
        "complete": "0=background,127=benign,255=cancer",
        "positives": "0=unlabelled,127=benign,255=cancer",
        "partial": "0=background,1=unlabelled,127=benign,255=cancer",
    }


def test_a_folder_a_slide_holds_its_tiles_label_and_patient_and_needs_no_split(
    tmp_path: Path,
) -> None:
    known = {"a": (BagLabel("tumour", True),), "b": (BagLabel("tumour", False),), "c": ()}
    cases = [
        dataclasses.replace(
            case := slides.write(tmp_path, name, slides.blobs(SHAPE, k), lossless=True),
            labels=(*case.labels, *known[name]),
        )
        for k, name in enumerate("abc")
    ]
    slides.cohort(tmp_path / "cohort", cases)
    tile_cohort(tmp_path / "cohort", tmp_path / "tiles", Rule(size=128))
    out = tmp_path / "out"
    assert write_pngs(tmp_path / "tiles", out, by_slide=True).finished == 3
    index = TileIndex.read(tmp_path / "tiles")
    for k, case in enumerate(cases):
        home, mine = out / case.id, index.case == k
        places = zip(index.x[mine], index.y[mine], strict=True)
        names = {f"{case.id}_{x}_{y}.png" for x, y in places}
        assert {path.name for path in home.glob("*.png")} == names
        assert (home / "case_id.txt").read_text() == f"{case.patient}\n"
        said = (home / "summary.txt").read_text()
        assert f"tiles: {mine.sum()}\n" in said
        assert "level 0: 900 x 700\n" in said
    assert [(out / name / "label.txt").read_text() for name in "ab"] == ["1\n", "0\n"]
    assert not (out / "c" / "label.txt").exists()
    assert write_pngs(tmp_path / "tiles", out, by_slide=True).skipped == 3
