import math

from inklings.evaluation.changes import chance, number
from inklings.evaluation.evaluate import score
from inklings.testing.metrics import squares


def test_numbers_have_three_decimals_and_nothing_is_a_dash() -> None:
    assert [number(v) for v in (0.91249, 25.46, math.nan, None)] == ["0.912", "25.5", "-", "-"]


def test_small_chances_are_not_zero() -> None:
    assert [chance(p) for p in (0.0004, 0.0312, math.nan)] == ["< 0.001", "0.031", "-"]


def test_text_shows_value_interval_and_count() -> None:
    table = score([squares(k % 2, f"c{k}", f"p{k}") for k in range(8)])
    line = next(line for line in table.text().splitlines() if line.startswith("Dice, mean"))
    assert line.split()[4] == "0.938"
    assert line.split()[-3:] == ["8", "(8", "patients)"]
    many = score([squares(k % 2, f"c{k}", f"p{k}") for k in range(10)]).text()
    assert "patients)" not in many


def test_text_says_the_policy_for_empty_masks_and_its_counts() -> None:
    text = score([squares()]).text()
    assert "empty masks of foreground: 0 on both sides (count 1)" in text


def test_undefined_numbers_are_null_in_json() -> None:
    record = score([squares()], ("dice",)).records()[0]
    assert (record["value"], record["low"], record["n"]) == (1.0, None, 1)


def test_one_patient_is_told_to_have_no_intervals() -> None:
    alone = score([squares(k % 2, f"c{k}", "p") for k in range(3)]).text().splitlines()
    assert alone[0].endswith("3 cases of 1 patient")
    assert alone[1].startswith("no intervals: one patient")
    assert "no intervals" not in score([squares(0, f"c{k}", f"p{k}") for k in range(2)]).text()
