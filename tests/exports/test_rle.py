import csv
from pathlib import Path

import numpy as np
import pytest

from inklings.exports.rle import Kaggle, Rle
from inklings.exports.source import ExportSource
from inklings.labels.rle import decode
from inklings.predictions.dense import DensePrediction
from inklings.predictions.head import Head, Provenance


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_submission_counts_down_the_columns_from_one(predictions: Path, tmp_path: Path) -> None:
    path = Kaggle()(ExportSource.open(predictions), tmp_path / "out")
    table = rows(path)
    assert path.read_text(encoding="utf-8").splitlines()[0] == "ImageId,EncodedPixels"
    assert table[1]["EncodedPixels"] == "26 4 38 4 50 4 62 4"


def test_every_image_has_a_row_and_no_sample_two_objects(predictions: Path, tmp_path: Path) -> None:
    table = rows(Kaggle()(ExportSource.open(predictions), tmp_path / "out"))
    assert [row["ImageId"] for row in table] == ["empty", "full", "full", "full"]
    assert table[0]["EncodedPixels"] == ""
    masks = np.sum([decode(row["EncodedPixels"], (12, 17)) for row in table], axis=0)
    assert masks.max() == 1


@pytest.mark.parametrize("seed", range(5))
def test_a_submission_gives_the_objects_back_exactly(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    objects = np.kron(rng.integers(0, 9, (6, 7)), np.ones((4, 3))).astype(np.uint16)
    numbers, dense = np.unique(objects), (objects > 0)[None].astype(np.uint8) * 255
    Head(("n",), (0.5,), Provenance("r", "", None, "0")).write(tmp_path)
    DensePrediction("c", tmp_path / "c.png", dense, objects).write(tmp_path)
    table = rows(Kaggle()(ExportSource.open(tmp_path), tmp_path / "out"))
    back = np.zeros_like(objects)
    for number, row in zip(numbers[numbers > 0], table, strict=True):
        back[decode(row["EncodedPixels"], objects.shape)] = number
    np.testing.assert_array_equal(back, objects)


def test_rows_hold_objects_only_and_name_the_class_if_there_are_several(
    predictions: Path, tmp_path: Path
) -> None:
    assert len(rows(Rle()(ExportSource.open(predictions), tmp_path / "one"))) == 3
    Head(("nucleus", "large"), (0.5, 0.5), Provenance("r", "", None, "0")).write(predictions)
    table = rows(Rle()(ExportSource.open(predictions), tmp_path / "two"))
    assert [row["Class"] for row in table] == ["nucleus"] * 3 + ["large"]


def test_writing_twice_gives_the_same_file(predictions: Path, tmp_path: Path) -> None:
    source = ExportSource.open(predictions)
    first = Kaggle()(source, tmp_path / "out").read_bytes()
    assert Kaggle()(source, tmp_path / "out").read_bytes() == first
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["submission.csv"]
