"""Reports as a reader meets them: in a browser, on a phone, on paper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import violations

from inklings.reports.run import run_report
from inklings.testing.folders import write_run


@pytest.fixture(scope="module")
def report(scored: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    run = write_run(folder / "run", scored / "cohort", scored / "predictions")
    return run_report(run, scored / "predictions")


@pytest.fixture
def page(browser: Any, report: Path) -> Iterator[Any]:
    """The report, opened from disk; it must neither complain nor ask for anything."""
    context = browser.new_context(viewport={"width": 375, "height": 720}, accept_downloads=True)
    opened, complaints, asked = context.new_page(), [], []
    opened.on("console", lambda said: complaints.append(said.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(report.as_uri())
    yield opened
    assert complaints == []
    assert [url for url in asked if not url.startswith("data:")] == [report.as_uri()]
    context.close()


def column(page: Any, number: int) -> list[str]:
    """Cells of a column of the table of results, group by group."""
    cells = page.locator(f"#results table tr:not(.group) td:nth-child({number})")
    return [str(text).strip() for text in cells.all_inner_texts()]


def test_a_click_on_a_title_sorts_each_group_by_number(page: Any) -> None:
    before = column(page, 2)
    title = page.get_by_role("button", name="Value").first
    title.click()
    assert page.locator("#results th[aria-sort]").get_attribute("aria-sort") == "descending"
    groups = page.locator("#results tbody").all()
    assert len(groups) > 1
    for group in groups:
        assert group.locator("tr").first.get_attribute("class") == "group"
        found = [
            float(text.split()[0]) for text in group.locator("td:nth-child(2)").all_inner_texts()
        ]
        assert found == sorted(found, reverse=True)
    title.focus()
    page.keyboard.press("Enter")
    assert page.locator("#results th[aria-sort]").get_attribute("aria-sort") == "ascending"
    assert sorted(column(page, 2)) == sorted(before)


def test_numbers_of_a_figure_are_saved_by_a_click(page: Any, report: Path) -> None:
    with page.expect_download() as waiting:
        page.locator('a[download="training.csv"]').click()
    beside = report.with_name("report-numbers") / "training.csv"
    assert Path(waiting.value.path()).read_bytes() == beside.read_bytes()


def test_a_phone_shows_it_without_scrolling_sideways_and_axe_is_content(page: Any) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    assert violations(page) == []


def test_it_prints_without_what_paper_cannot_do(page: Any) -> None:
    assert page.locator("a.csv").first.is_visible()
    page.emulate_media(media="print")
    assert not page.locator("a.csv").first.is_visible()
    assert not page.locator("nav").is_visible()
    assert page.pdf(format="A4")[:5] == b"%PDF-"
