"""Quality of weak labels: a hand-worked case, pooled against mean, empty images."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.evaluation.label_quality import label_quality
from inklings.labels.files import write_mask
from inklings.labels.kinds import BagLabel, Label, MaskLabel


def cohort(folder: Path, *spans: tuple[int, int] | None) -> Cohort:
    """One image of 10 x 10 a case, whose first samples from ``a`` to ``b`` are marked."""
    cases = []
    for i, span in enumerate(spans):
        image = folder / f"{i}.png"
        folder.mkdir(exist_ok=True)
        Pillow.new("L", (10, 10)).save(image)
        labels: tuple[Label, ...] = (BagLabel("a", True),)
        if span is not None:
            mask = np.zeros(100, np.uint8)
            mask[slice(*span)] = 1
            write_mask(folder / f"{i}-mask.png", mask.reshape(10, 10))
            labels = (MaskLabel(folder / f"{i}-mask.png", "image", "classes", ("a",)),)
        cases.append(Case(f"c{i}", f"p{i}", {"image": image}, labels, "train"))
    return Cohort("x", tuple(cases), ("a",))


def test_a_case_worked_by_hand(tmp_path: Path) -> None:
    quality = label_quality(cohort(tmp_path / "w", (10, 40)), cohort(tmp_path / "t", (0, 20)))
    (row,) = quality.rows
    assert (row.right, row.wrong, row.missed, row.known) == (10, 20, 10, 1.0)
    assert row.dice == pytest.approx(2 * 10 / (30 + 20))
    assert row.iou == pytest.approx(10 / 40)
    assert row.precision == pytest.approx(1 / 3)
    assert row.recall == pytest.approx(1 / 2)


def test_mean_is_over_cases_and_pooled_over_samples(tmp_path: Path) -> None:
    weak = cohort(tmp_path / "w", (0, 80), (0, 1), (5, 5))
    true = cohort(tmp_path / "t", (0, 80), (0, 4), (5, 5))
    summary = label_quality(weak, true).summary()
    assert summary["dice"] == pytest.approx((1 + 0.4 + 1) / 3)
    assert summary["pooled_dice"] == pytest.approx(2 * 81 / (81 + 84))
    assert summary["recall"] == pytest.approx((1 + 0.25) / 2)  # nothing to find in the third
    assert summary["pooled_recall"] == pytest.approx(81 / 84)
    assert (summary["cases"], summary["empty"]) == (3, 1)


def test_labels_without_places_are_left_out(tmp_path: Path) -> None:
    quality = label_quality(cohort(tmp_path / "w", None), cohort(tmp_path / "t", (0, 20)))
    assert quality.rows == ()
    assert quality.summary() == {"cases": 0, "empty": 0}
    assert "no overlap" in quality.lines()[0]


def test_the_table_has_one_row_a_case(tmp_path: Path) -> None:
    weak, true = cohort(tmp_path / "w", (0, 0), (0, 4)), cohort(tmp_path / "t", (0, 2), (0, 4))
    path = label_quality(weak, true).write(tmp_path / "label_quality.csv")
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["dice"] for row in rows] == ["0", "1"]
    assert math.isnan(float(rows[0]["precision"]))
    assert [row["split"] for row in rows] == ["train", "train"]
