"""Figures and the numbers they draw."""

import base64
import re
from pathlib import Path

import pytest
from markupsafe import Markup

from inklings.reports.charts import Chart, charts_in, write_numbers

CHART = Chart("a", Markup("<svg/>"), {"x": [1.0, 2.5, float("nan")], 'y, "z"': ["left", None, 7]})


def test_numbers_are_csv_in_which_the_unknown_is_empty() -> None:
    assert CHART.csv() == 'x,"y, ""z"""\n1,left\n2.5,\n,7\n'


def test_the_page_holds_the_same_numbers() -> None:
    found = re.search(
        r'download="a.csv" href="data:text/csv;charset=utf-8;base64,(.+?)"', CHART.__html__()
    )
    assert found is not None
    assert base64.b64decode(found[1]).decode() == CHART.csv()


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        Chart("a", Markup(""), {"x": [1, 2], "y": [1]}).csv()


def test_charts_are_found_wherever_a_template_gets_them(tmp_path: Path) -> None:
    values = {"one": CHART, "deep": [{"in": (CHART,)}], "text": "no chart", "none": None}
    assert list(charts_in(values)) == [CHART, CHART]
    write_numbers(tmp_path / "page.html", values)
    assert (tmp_path / "page-numbers" / "a.csv").read_text() == CHART.csv()
