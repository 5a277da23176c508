"""The table of what is unlike the training images, written and read."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inklings.errors import DataError
from inklings.predictions.dense import DensePrediction
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.head import Head, Provenance
from inklings.predictions.likeness import Likeness
from inklings.predictions.likeness_table import TABLE, read_likeness, write_likeness

NAMES = ("spacing 1", "side 1", "side 2", "low 1", "centre 1", "high 1", "grain 1")
RNG = np.random.default_rng(0)


def folder(path: Path, far: int, near: int, old: int = 0) -> tuple[PredictionFolder, Likeness]:
    """Predictions of images that are far, of some that are not, and of some that say nothing."""
    base = np.array([0, 4, 4, 0, 10, 20, -3, 1, 1], np.float32)
    usual = (base + RNG.normal(0, 0.05, (25, 9))).astype(np.float32)
    known = Likeness(NAMES, usual, tuple(map(str, range(25))), np.zeros(25, np.bool_), "x", "w")
    dense = np.zeros((1, 4, 4), np.uint8)
    for k in range(far + near + old):
        case = DensePrediction(f"c{k}", Path("x"), dense)
        values = base + 3 * (k < far) * (k + 1)
        replace(case, statistics=values if k < far + near else None).write(path)
    Head(("a",), (0.5,), Provenance("run", "w", None, "0")).write(path)
    return PredictionFolder.open(path), known


def test_what_is_unlike_is_said_in_one_line_the_farthest_first(tmp_path: Path) -> None:
    said = write_likeness(*folder(tmp_path, 2, 3, 1))
    assert said == (
        "2 of 5 images are unlike the training images: c1, c0 (see likeness.csv; by chance about 1 "
        "in 20 is)"
    )
    table = read_likeness(tmp_path)
    assert [case for case, one in table.items() if one.unlike] == ["c0", "c1"]
    assert (table["c0"].nearer, table["c0"].of) == (25, 25)
    assert "c5" not in table


def test_nothing_is_said_where_all_are_alike_or_nobody_knows(tmp_path: Path) -> None:
    assert write_likeness(*folder(tmp_path / "like", 0, 3)) == ""
    assert write_likeness(*folder(tmp_path / "old", 0, 0, 2)) == ""
    assert read_likeness(tmp_path / "old") == {}


def test_a_damaged_table_is_refused(tmp_path: Path) -> None:
    write_likeness(*folder(tmp_path, 1, 1))
    text = (tmp_path / TABLE).read_text(encoding="utf-8")
    (tmp_path / TABLE).write_text(text.replace("25", "many"), encoding="utf-8")
    with pytest.raises(DataError, match="damaged"):
        read_likeness(tmp_path)
