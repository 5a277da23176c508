"""The page in a headless Chromium: opened, zoomed, overlaid, corrected, reloaded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from chromium import violations
from window import Window, said, until

from inklings.predictions.dense import DensePrediction
from inklings.viewer.assets import Assets
from inklings.viewer.shelf import Shelf, open_shelf


@pytest.fixture
def window(browser: Any, start: Any, shelf: Shelf, assets: Assets) -> Iterator[Window]:
    opened = Window(browser, start(shelf, assets))
    yield opened
    opened.fine()


def test_the_worst_case_comes_first_and_search_finds_the_others(window: Window) -> None:
    names = window.page.locator("a.case").all_inner_texts()
    assert names[:3] == ["case3", "case5", "case4"]
    window.page.keyboard.press("/")
    window.page.keyboard.type("patient4")
    until(window.page, lambda: window.page.locator("a.case").count() == 1)
    assert window.page.locator("a.case").all_inner_texts() == ["case4"]
    assert window.page.evaluate("document.activeElement.id") == "search"
    window.page.keyboard.type("!")
    until(window.page, lambda: window.page.locator("table").count() == 0)
    assert "No case has “patient4!”" in window.page.locator("main").inner_text()
    assert violations(window.page) == []
    window.page.get_by_role("button", name="Show all cases").click()
    until(window.page, lambda: window.page.locator("a.case").count() == 6)
    assert violations(window.page) == []


def test_the_cases_can_be_sorted_by_which_to_correct_next(
    browser: Any, start: Any, shelf: Shelf, assets: Assets
) -> None:
    folder = shelf.predictions[0].there.path
    (folder / "suggestions.csv").write_text("place,case,gain\n2,case3,.5\n1,case4,.9\n3,case5,.1\n")
    opened = Window(browser, start(open_shelf([shelf.folder], [folder]), assets))
    names = opened.page.locator("a.case")
    opened.page.get_by_role("button", name="Correct next").click()
    until(opened.page, lambda: names.all_inner_texts()[:3] == ["case4", "case3", "case5"])
    assert violations(opened.page) == []
    opened.fine()


def test_keys_step_through_the_cases_and_zoom(window: Window) -> None:
    page = window.case("case3")
    before = said(page)
    page.keyboard.press("+")
    until(page, lambda: said(page) != before)
    page.keyboard.press("j")
    page.wait_for_selector('main[data-ready="case5"]')
    page.keyboard.press("k")
    page.wait_for_selector('main[data-ready="case3"]')
    page.keyboard.press("?")
    assert "next and previous case" in page.locator("dialog").inner_text()
    page.keyboard.press("Escape")
    page.keyboard.press("c")
    page.wait_for_selector("table.cases")


def test_a_heat_map_is_laid_over_and_its_threshold_acts_at_once(
    window: Window, shelf: Shelf
) -> None:
    folder = shelf.predictions[0].folder
    sure = DensePrediction.read(folder, "case4")
    replace(sure, dense=sure.dense // 5 * 4).write(folder)  # nothing is certain any more
    page = window.case("case4")
    page.locator(".findings .finding").first.click()
    until(page, lambda: min(window.pixels()) > 120)  # on a disc of 160, the ground has 40
    page.wait_for_timeout(900)
    plain = window.pixels()
    page.get_by_label("Heat map").select_option(index=1)
    until(page, lambda: abs(window.pixels()[2] - plain[2]) > 40)
    red, green, blue = window.pixels()
    assert green > max(red, blue) + 20  # four fifths
    bar = page.locator(".ticks")
    assert bar.inner_text().split() == ["0", "%", "25", "%", "50", "%", "75", "%", "100", "%"]
    assert violations(page) == []
    # An area would cover it: it comes back with the end of the heat map.
    page.get_by_label("Area of Prediction").check()
    page.wait_for_timeout(900)
    assert window.pixels() == pytest.approx((red, green, blue), abs=3)
    page.get_by_label("Heat map").select_option("")
    until(page, lambda: abs(window.pixels()[1] - green) > 30)
    assert bar.count() == 0
    page.get_by_label("Area of Prediction").uncheck()
    page.get_by_label("Heat map").select_option(index=1)
    until(page, lambda: abs(window.pixels()[2] - plain[2]) > 20)
    slider = page.locator("label.slider", has_text="Threshold").locator("input")
    slider.fill("1")
    until(page, lambda: abs(window.pixels()[2] - plain[2]) < 12)


def test_a_drawn_outline_is_saved_at_once_and_is_there_after_a_reload(
    window: Window, shelf: Shelf
) -> None:
    page = window.case("case3")
    page.keyboard.press("x")
    page.keyboard.press("o")
    box = page.locator("canvas.outlines").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 60, y - 60)
    page.mouse.down()
    for dx, dy in ((60, -60), (60, 60), (-60, 60)):
        page.mouse.move(x + dx, y + dy, steps=4)
    page.mouse.up()
    page.wait_for_selector("li[data-correction]")
    (made,) = window.running.desk.corrections(shelf.cases["case3"])
    assert made.action == "is_not"
    assert made.shape is not None
    points = made.shape.points
    middle = [sum(axis) / len(axis) for axis in zip(*points, strict=True)]
    assert middle == pytest.approx([31.5, 39.5], abs=3)
    page.reload()
    page.wait_for_selector("li[data-correction]")
    assert "is not" in page.locator("li[data-correction]").inner_text()
    page.keyboard.press("u")
    page.wait_for_selector("li[data-correction]", state="detached")
    assert window.running.desk.corrections(shelf.cases["case3"])[0].undone


def test_a_finding_is_jumped_to_and_rejected_by_key(window: Window, shelf: Shelf) -> None:
    page = window.case("case5")
    page.wait_for_selector(".findings li")
    before = said(page)
    page.keyboard.press("f")
    page.wait_for_selector(".findings li.now")
    until(page, lambda: said(page) != before)
    page.keyboard.press("r")
    page.wait_for_selector(".findings li.rejected")
    (made,) = window.running.desk.corrections(shelf.cases["case5"])
    assert (made.action, made.finding[:11]) == ("reject", "prediction0")
    assert made.shape is not None
    assert made.shape.kind == "mask"
    drawn = """() => {
      const canvas = document.querySelector('canvas.outlines');
      const [pen, ratio] = [canvas.getContext('2d'), canvas.width / canvas.clientWidth];
      const data = pen.getImageData(0, 0, canvas.width, canvas.height).data;
      let area = 0;  // of what is filled as "is not", half transparent
      for (let k = 0; k < data.length; k += 4)
        if (Math.abs(data[k + 3] - 71) < 4 && data[k] > 190 && data[k + 2] < 30) area++;
      return area / ratio / ratio;
    }"""
    page.mouse.move(5, 5)
    until(page, lambda: page.evaluate(drawn) > 0)
    for layer in ("Labels", "Prediction"):
        page.get_by_label(f"Contour of {layer}").uncheck()  # they would cover some of it
    page.wait_for_timeout(900)
    # The view is four times as wide as the finding, 64 samples at least.
    box = page.locator("canvas.outlines").bounding_box()
    scale = min(box["width"], box["height"]) / (8 * max(*made.shape.size, 16) / 2)
    area = float(made.shape.mask().sum()) * scale**2
    assert page.evaluate(drawn) == pytest.approx(area, rel=0.12)
    assert violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_of_it_without_scrolling_sideways(
    browser: Any, start: Any, shelf: Shelf, assets: Assets, scheme: str
) -> None:
    phone = {"width": 375, "height": 720}
    window = Window(browser, start(shelf, assets), viewport=phone, color_scheme=scheme)
    for place in ("", "case3"):
        page = window.case(place) if place else window.page
        if not place:
            cell = "getComputedStyle(document.querySelector('td.value'), '::before').content"
            assert "Dice" in page.evaluate(cell)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 375
        assert violations(page) == []
    window.fine()


def test_two_runs_side_by_side_move_together(
    browser: Any, start: Any, shelf: Shelf, assets: Assets
) -> None:
    two = replace(shelf, predictions=(*shelf.predictions, replace(shelf.predictions[0], name="b")))
    window = Window(browser, start(two, assets))
    page = window.case("case3")
    page.get_by_label("Side by side").check()
    until(page, lambda: page.locator(".pane").count() == 2)
    page.wait_for_timeout(500)
    page.keyboard.press("f")
    page.wait_for_timeout(1500)
    one, other = page.locator(".scale").all_inner_texts()
    assert one == other
    window.fine()


def test_each_run_has_its_own_heat_map_and_threshold_side_by_side(
    browser: Any, start: Any, shelf: Shelf, assets: Assets
) -> None:
    two = replace(shelf, predictions=(*shelf.predictions, replace(shelf.predictions[0], name="b")))
    window = Window(browser, start(two, assets))
    page = window.case("case4")
    page.get_by_label("Side by side").check()
    until(page, lambda: page.locator(".pane").count() == 2)
    page.get_by_label("Heat map").select_option("probability of nucleus")
    until(page, lambda: page.locator("label.slider", has_text="Threshold").count() == 2)
    page.get_by_label("Findings of").select_option("labels")
    until(page, lambda: page.locator('li[data-finding^="labels"]').count() == 9)
    window.fine()


def test_a_click_in_the_picture_chooses_the_finding_there(window: Window) -> None:
    page = window.case("case4")
    page.wait_for_selector(".findings li")
    page.locator(".finding").nth(3).click()
    page.wait_for_timeout(900)
    page.keyboard.press("f")  # the next one fills the middle of the view
    page.wait_for_timeout(900)
    chosen = page.locator(".findings li.now").get_attribute("data-finding")
    page.locator(".finding").first.click()
    page.keyboard.press("F")
    page.wait_for_timeout(900)
    first = page.locator(".findings li.now").get_attribute("data-finding")
    assert chosen != first
    box = page.locator(".pane").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_timeout(300)
    assert page.locator(".findings li.now").get_attribute("data-finding") == first


def test_tiles_are_shown_in_place_and_a_click_finds_their_picture(
    browser: Any, start: Any, placed: Shelf, assets: Assets
) -> None:
    window = Window(browser, start(placed, assets))
    page = window.case("s")
    verdict = page.locator(".verdict")
    assert "(threshold 50 %): called present, as labelled" in verdict.inner_text()
    empty = """() => [...document.querySelectorAll('h2')].filter(
        (h) => h.offsetParent && !h.nextElementSibling).length"""
    assert page.evaluate(empty) == 0
    page.get_by_label("absent").check()
    until(page, lambda: "changed here to absent" in verdict.inner_text())
    assert "was: present" in page.locator(".correct").inner_text()
    page.keyboard.press("u")
    until(page, lambda: "as labelled" in verdict.inner_text())
    place = "document.querySelector('canvas.outlines')"

    def over(y: float, x: float) -> list[int]:
        """What lies over a point of the slide: red, green, blue, opacity."""
        box = page.evaluate(f"(() => {{ const c = {place}; return [c.width, c.height]; }})()")
        scale = min(box[0] / 768, box[1] / 512)
        at = [(box[0] - 768 * scale) / 2 + x * scale, (box[1] - 512 * scale) / 2 + y * scale]
        return list(
            page.evaluate(
                f"([x, y]) => [...{place}.getContext('2d').getImageData(x, y, 1, 1).data]", at
            )
        )

    high, low = over(192, 320), over(448, 64)
    assert high[0] > 200
    assert high[1] > 200
    assert low[0] < 160
    assert low[1] < 40
    assert high[3] == pytest.approx(128, abs=3)
    page.locator("label.slider", has_text="Threshold").locator("input").fill("0.5")
    until(page, lambda: over(448, 64)[3] == 0)
    assert over(192, 320)[3] == pytest.approx(128, abs=3)
    box = page.locator(".pane").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.5)
    page.wait_for_selector(".instances li.now")
    page.locator(".instances button").first.click()
    page.wait_for_selector(".instances li.now")
    assert violations(page) == []
    window.fine()


def test_a_slide_is_seen_as_under_an_objective_with_an_overview_and_places_in_mm(
    browser: Any, start: Any, placed: Shelf, assets: Assets
) -> None:
    assert placed.cohort is not None
    slides = open_shelf([placed.cohort.parent / "slides"])
    window = Window(browser, start(slides, assets))
    page = window.case("s")
    assert page.title() == "s · s · inklings"
    page.wait_for_timeout(700)
    overview = page.locator(".overview")
    assert not overview.is_visible()

    def is_enlarged() -> bool:  # also where the whole slide was fitted in after the first click
        page.get_by_role("button", name="20×").click()
        page.wait_for_timeout(100)
        return bool(said(page).endswith("20×") and overview.is_visible())

    until(page, is_enlarged)
    # 2 pixels of the page show one of the image, which is 768 wide, around its middle.
    wide = page.locator(".pane").bounding_box()["width"] / 2
    frame, small = (page.locator(k).bounding_box() for k in (".overview .frame", ".overview"))
    assert frame["width"] / small["width"] == pytest.approx(wide / 768, abs=0.03)
    box = page.locator(".pane").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2 + 100, box["y"] + box["height"] / 2)
    until(page, lambda: page.locator(".coords").inner_text() == "x 0.434  y 0.256 mm")
    page.keyboard.press("l")
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 - 100, box["y"] + box["height"] / 2, steps=3)
    page.mouse.up()
    assert page.locator(".measure dd").first.inner_text() == "100 µm"
    overview.click(position={"x": 5, "y": 5})
    until(page, lambda: page.locator(".overview .frame").bounding_box()["x"] < frame["x"] - 5)
    assert violations(page) == []
    window.fine()


def test_what_goes_wrong_is_said_in_words(
    browser: Any, start: Any, shelf: Shelf, assets: Assets
) -> None:
    shelf.cases["case4"].images["image"].unlink()
    window = Window(browser, start(shelf, assets))
    broken = window.page.locator("tr:has-text('case4') .broken")
    until(window.page, lambda: broken.count() == 1)
    assert "its image is gone" in broken.get_attribute("title")
    window.page.goto(f"{window.running.address}/#case4")
    window.page.wait_for_selector("main [role=alert]")
    assert "its image is gone" in window.page.locator("main").inner_text()
    window.complaints = [c for c in window.complaints if "422" not in c]
    window.fine()


def test_a_volume_shows_its_planes_and_jumps_to_a_finding(
    browser: Any, start: Any, scans: Shelf, assets: Assets
) -> None:
    two = replace(scans, predictions=(*scans.predictions, replace(scans.predictions[0], name="b")))
    window = Window(browser, start(two, assets))
    page = window.case("a")
    page.wait_for_selector(".findings li")
    level, width = page.get_by_label("Level"), page.get_by_label("Width")
    assert (level.input_value(), width.input_value()) == ("40", "400")
    page.get_by_label("Window lung").click()
    assert (level.input_value(), width.input_value()) == ("-600", "1500")
    page.keyboard.press("Shift+Digit3")
    assert (level.input_value(), width.input_value()) == ("60", "160")
    page.keyboard.press("Shift+Digit1")
    page.locator(".finding").click()
    until(page, lambda: "HU" in said(page))
    assert "30 HU" in said(page)
    page.keyboard.press("m")
    page.wait_for_selector("li[data-correction]")
    (made,) = window.running.desk.corrections(scans.cases["a"])
    assert made.shape is not None
    assert made.shape.points[0] == pytest.approx([3.0, 8.5, 11.5], abs=0.6)
    assert made.shape.radii == pytest.approx([5 / 3, 5 / 0.8, 5 / 0.7])
    page.keyboard.press("u")
    page.wait_for_selector("li[data-correction]", state="detached")
    drawn = """() => {
      const canvas = document.querySelector('canvas.outlines');
      const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
      let area = 0;  // of what is filled as "is", half transparent
      for (let k = 0; k < data.length; k += 4)
        if (Math.abs(data[k + 3] - 71) < 4 && data[k + 1] > 130 && data[k] < 60) area++;
      return area;
    }"""
    assert page.evaluate(drawn) == 0
    page.keyboard.press("a")
    page.wait_for_selector(".findings li.accepted")
    *_, judged = window.running.desk.corrections(scans.cases["a"])
    assert judged.shape is not None
    assert (judged.shape.kind, judged.shape.size) == ("mask", (3, 6, 8))
    until(page, lambda: page.evaluate(drawn) > 0)
    assert violations(page) == []
    # The right button drags the window; up and down go through the planes, and so does the cine.
    box = page.locator(".pane").bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 200)
    page.mouse.down(button="right")
    page.mouse.move(box["x"] + 260, box["y"] + 170)
    page.mouse.up(button="right")
    assert float(width.input_value()) == pytest.approx(1500 + 60 * 5, abs=10)
    assert float(level.input_value()) == pytest.approx(-600 - 30 * 5, abs=10)
    page.evaluate("document.activeElement.blur()")
    assert said(page).startswith(("R", "L"))
    places = [said(page)]
    for key in ("ArrowUp", "ArrowUp", "ArrowDown"):
        page.keyboard.press(key)
        page.wait_for_timeout(100)
        places.append(said(page))
    assert places[1] == places[3] != places[0]
    page.mouse.wheel(0, -100)
    until(page, lambda: said(page) == places[2])
    page.mouse.wheel(0, 100)
    until(page, lambda: said(page) == places[-1])
    page.keyboard.press("Space")
    until(page, lambda: said(page) not in places)
    page.keyboard.press("Space")
    page.wait_for_timeout(300)
    kept = said(page)
    page.wait_for_timeout(300)
    assert said(page) == kept
    # Side by side looks the same, and the cross of one is that of the other.
    page.get_by_label("Planes", exact=True).select_option("coronal")
    page.get_by_label("Side by side").check()
    until(page, lambda: page.locator(".pane").count() == 2)
    until(page, lambda: page.get_by_label("Planes", exact=True).input_value() == "coronal")
    assert float(width.input_value()) == pytest.approx(1500 + 60 * 5, abs=10)
    box = page.locator(".pane").first.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2 + 30, box["y"] + box["height"] / 2 + 20)
    page.wait_for_timeout(300)
    one, other = page.locator(".scale").all_inner_texts()
    assert one.split("·")[0] == other.split("·")[0]
    window.fine()


def test_a_brush_says_is_and_is_not_on_any_plane_of_a_volume(
    browser: Any, start: Any, scans: Shelf, assets: Assets
) -> None:
    window = Window(browser, start(scans, assets))
    page = window.case("a")
    page.get_by_label("Findings of").select_option("labels")
    page.locator(".finding").first.click()
    until(page, lambda: "30 HU" in said(page))
    page.keyboard.press("b")
    for plane, key in (("axial", "i"), ("coronal", "x"), ("sagittal", "i")):
        page.get_by_label("Planes", exact=True).select_option(plane)
        page.locator("canvas.outlines").click()
        page.wait_for_timeout(200)
        page.keyboard.press("u")  # the click was one, too
        page.wait_for_selector("li[data-correction]", state="detached")
        page.keyboard.press(key)
        box = page.locator("canvas.outlines").bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 30, y, steps=4)
        page.mouse.up()
        page.wait_for_selector("li[data-correction]")
        made = window.running.desk.corrections(scans.cases["a"])[-1]
        page.keyboard.press("u")
        page.wait_for_selector("li[data-correction]", state="detached")
        assert made.shape is not None
        axis = ("axial", "coronal", "sagittal").index(plane)
        assert (made.action, made.shape.axis) == ("is_not" if key == "x" else "is", axis)
        centre = [3.0, 8.5, 11.5]
        assert made.shape.plane == pytest.approx(centre.pop(axis), abs=0.6)
        mm = [3.0, 0.8, 0.7]
        del mm[axis]
        assert made.shape.radii == pytest.approx([3 / step for step in mm])
        (first, *_), last = made.shape.points, made.shape.points[-1]
        middle = [(n - 1) / 2 for k, n in enumerate((6, 20, 24)) if k != axis]
        assert list(first) == pytest.approx(middle, abs=0.6)
        assert last[0] == pytest.approx(first[0], abs=0.01)  # straight across
        assert abs(last[1] - first[1]) > 0.2
    assert violations(page) == []
    window.fine()
