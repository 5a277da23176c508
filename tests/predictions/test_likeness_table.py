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
from inklings.predictions.likeness_table import TABLE, drift, read_likeness, write_likeness

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


def write(path: Path, far: int, near: int, old: int = 0) -> tuple[str, ...]:
    """What is said of them, each case a patient by itself."""
    there, known = folder(path, far, near, old)
    return write_likeness(there, known, {case: case for case in there.cases})


def test_a_small_change_of_all_is_said_where_no_image_shows_it_and_by_patients_alone(
    tmp_path: Path,
) -> None:
    there, known = folder(tmp_path, 0, 0)
    new = known.values + np.float32([0, 0, 0, 0, 0, 0, 0.15, 0, 0])
    said = drift(known, new)
    assert said.startswith("as a whole the 25 patients are unlike those of the training (grain 1, ")
    assert drift(known, known.values) == ""
    assert drift(known, new[:2]) == ""  # too few to say
    for k, values in enumerate(new):
        DensePrediction(
            f"c{k:02}", Path("x"), np.zeros((1, 4, 4), np.uint8), statistics=values
        ).write(tmp_path)
    there = PredictionFolder.open(tmp_path)
    apart = write_likeness(there, known, {case: case for case in there.cases})
    together = write_likeness(there, known, dict.fromkeys(there.cases, "p"))
    assert said in apart
    assert not any("as a whole" in line for line in together)


def test_likely_patients_are_not_said_to_differ_as_a_whole() -> None:
    wrong = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        values = rng.normal(0, 1, (40, 9)).astype(np.float32)
        held = np.arange(40) >= 20
        known = Likeness(NAMES, values, tuple(map(str, range(40))), held, "x", "w")
        wrong += bool(drift(known, rng.normal(0, 1, (30, 9)).astype(np.float32)))
    assert wrong <= 3


def test_what_is_unlike_is_said_in_one_line_the_farthest_first(tmp_path: Path) -> None:
    assert write(tmp_path, 2, 3, 1) == (
        "2 of 5 images are unlike the training images: c1, c0 (see likeness.csv; by chance about 1 "
        "in 20 is)",
        "1 of 6 cases are not compared with those of the training",
    )
    table = read_likeness(tmp_path)
    assert [case for case, one in table.items() if one.unlike] == ["c0", "c1"]
    assert (table["c0"].nearer, table["c0"].of) == (25, 25)
    assert "c5" not in table


def test_nothing_is_said_of_like_cases_and_what_is_not_compared_is_counted(tmp_path: Path) -> None:
    assert write(tmp_path / "like", 0, 3) == ()
    line = "2 of 2 cases are not compared with those of the training"
    assert write(tmp_path / "old", 0, 0, 2) == (line,)
    assert read_likeness(tmp_path / "old") == {}


def test_a_damaged_table_is_refused(tmp_path: Path) -> None:
    write(tmp_path, 1, 1)
    text = (tmp_path / TABLE).read_text(encoding="utf-8")
    (tmp_path / TABLE).write_text(text.replace("25", "many"), encoding="utf-8")
    with pytest.raises(DataError, match="damaged"):
        read_likeness(tmp_path)
