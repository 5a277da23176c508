import pytest

from inklings.evaluation.scores import Row
from inklings.reports.html import duration, interval, short


@pytest.mark.parametrize(
    ("seconds", "words"), [(4.6, "5 s"), (74, "1 min 14 s"), (3600 * 2 + 300, "2 h 05 min")]
)
def test_durations_are_readable(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_intervals_are_in_brackets_and_absent_where_undefined() -> None:
    nan = float("nan")
    known = Row("dice", 0.9, 0.88, 0.92, 9, 9, "", "nucleus", "Dice")
    assert interval(known) == "[0.880, 0.920]"
    assert interval(Row("dice", 0.9, nan, nan, 1, 1, "", "nucleus", "Dice")) == ""


def test_long_names_lose_their_middle() -> None:
    assert short("abcdefghijklmnopqrstuvwxyz", 9) == "abcd…wxyz"
    assert short("short") == "short"
