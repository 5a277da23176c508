from pathlib import Path

import numpy as np
import pytest

from inklings.datasets.tiles import Tiles
from inklings.errors import DataError
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
