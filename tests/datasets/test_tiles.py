from pathlib import Path

import numpy as np
import pytest

from inklings.datasets.importing import run
from inklings.datasets.tiles import Tiles
from inklings.errors import DataError, LabelError
from inklings.testing.datasets import DatasetContract, write_png

MEANING = {0: "background", 127: "benign", 255: "cancer"}


class TestTiles(DatasetContract):
    def dataset(self, root: Path) -> Tiles:
        rng = np.random.default_rng(0)
        for split, slide in (("train", "s_1"), ("train", "s_2"), ("val", "t")):
            for x in (0, 64):
                name = f"{slide}_{x}_0"
                picture = rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)
                mask = rng.choice(np.array([0, 127, 255], np.uint8), (64, 64))
                write_png(root / "img_dir" / split / f"{name}.png", picture)
                write_png(root / "ann_dir" / split / f"{name}_mask.png", mask)
        return Tiles(root, MEANING)


class TestFlat(DatasetContract):
    """Images and masks side by side below train and val, as in ``dataForU``."""

    def dataset(self, root: Path) -> Tiles:
        rng = np.random.default_rng(0)
        for split, name in (("train", "s_0_0"), ("train", "s_64_0"), ("val", "t_0_0")):
            picture = rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)
            mask = rng.choice(np.array([0, 127, 255], np.uint8), (64, 64))
            write_png(root / split / f"{name}.png", picture)
            write_png(root / split / f"{name}_mask.png", mask)
        return Tiles(root, MEANING)


def test_flat_folders_keep_their_split_and_ask_for_the_values(tmp_path: Path) -> None:
    dataset = TestFlat().dataset(tmp_path / "data")
    cohort = run(dataset, tmp_path / "out", workers=1).cohort
    assert [(case.id, case.split, len(case.labels)) for case in cohort] == [
        ("s_0_0", "train", 1),
        ("s_64_0", "train", 1),
        ("t_0_0", "val", 1),
    ]
    with pytest.raises(LabelError, match="0, 127, 255 mean"):
        Tiles(tmp_path / "data").settled(print, lambda _: False)


def test_masks_may_have_the_names_of_their_images(tmp_path: Path) -> None:
    picture = np.zeros((8, 8), np.uint8)
    write_png(tmp_path / "img_dir" / "train" / "s_0_8.png", np.dstack([picture] * 3))
    write_png(tmp_path / "ann_dir" / "train" / "s_0_8.png", picture)
    (item,) = Tiles(tmp_path, MEANING).items(tmp_path)
    case = Tiles(tmp_path, MEANING).convert(item)
    assert len(case.labels) == 1
    assert case.facts["slide"] == "s"
    assert (case.facts["x"], case.facts["y"]) == ("0", "8")


def test_another_layout_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="img_dir and ann_dir"):
        Tiles(tmp_path, MEANING).items(tmp_path)
