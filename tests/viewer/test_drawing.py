"""Drawing in a headless Chromium: with clicks, by hand, undone and done again, by two people."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chromium import violations
from numpy.typing import NDArray
from window import Window, until

from inklings.labels.corrections import Correction, standing
from inklings.viewer.amended import stencil
from inklings.viewer.assets import Assets
from inklings.viewer.shelf import Shelf, open_shelf

SIDES = (64, 80)


class Hand:
    """Moves the mouse to samples of a picture that is shown whole, and waits for what is saved."""

    def __init__(self, window: Window, case: Any, sides: tuple[int, int] = SIDES) -> None:
        self.page, self.desk, self.case, self.sides = window.page, window.running.desk, case, sides

    def at(self, y: float, x: float) -> tuple[float, float]:
        box = self.page.locator("canvas.outlines").bounding_box()
        height, width = self.sides
        scale = min(box["width"] / width, box["height"] / height)
        left = box["x"] + (box["width"] - width * scale) / 2
        top = box["y"] + (box["height"] - height * scale) / 2
        return left + (x + 0.5) * scale, top + (y + 0.5) * scale

    def click(self, *points: Sequence[float]) -> None:
        for y, x in points:
            self.page.mouse.click(*self.at(y, x))

    def drag(self, *points: Sequence[float]) -> None:
        self.page.mouse.move(*self.at(*points[0]))
        self.page.mouse.down()
        for y, x in points[1:]:
            self.page.mouse.move(*self.at(y, x), steps=3)
        self.page.mouse.up()

    def stands(self) -> tuple[Correction, ...]:
        return standing(self.desk.corrections(self.case))

    def after(self, act: Callable[[], object]) -> tuple[Correction, ...]:
        """What stands once something that was done is saved and shown."""
        before = self.desk.corrections(self.case)
        act()
        until(self.page, lambda: self.desk.corrections(self.case) != before)
        shown = self.page.locator("li[data-correction]")
        until(self.page, lambda: shown.count() == len(self.stands()))
        self.page.wait_for_timeout(150)
        return self.stands()

    def key(self, key: str) -> tuple[Correction, ...]:
        return self.after(lambda: self.page.keyboard.press(key))


def covered(made: Correction, sides: tuple[int, ...] = SIDES) -> NDArray[np.bool_]:
    assert made.shape is not None
    return stencil(made.shape, sides)


def test_undo_and_redo_pressed_at_once_are_done_one_after_the_other(
    browser: Any, start: Any, shelf: Shelf, assets: Assets
) -> None:
    window = Window(browser, start(shelf, assets))
    page = window.case("case3")
    page.wait_for_timeout(700)
    hand = Hand(window, shelf.cases["case3"])
    page.keyboard.press("b")
    hand.after(lambda: hand.drag((20, 50), (20, 70)))
    page.keyboard.press("e")
    (erased,) = hand.after(lambda: hand.drag((8, 60), (30, 60)))
    for key, count in (("u", 0), ("U", 1)):
        page.keyboard.press(key)
        page.keyboard.press(key)
        until(page, lambda count=count: len(hand.stands()) == count)  # type: ignore[misc]
        page.wait_for_timeout(300)
        assert len(hand.stands()) == count
    assert hand.stands()[0].shape == erased.shape
    window.fine()


def test_a_sitting_draws_changes_undoes_and_measures(
    browser: Any, start: Any, shelf: Shelf, assets: Assets
) -> None:
    window = Window(browser, start(shelf, assets))
    page = window.case("case3")
    page.wait_for_timeout(700)
    hand = Hand(window, shelf.cases["case3"])
    press = page.keyboard.press
    # Corners by clicks; Escape drops them, Enter closes.
    press("o")
    hand.click((10, 10), (10, 30))
    press("Escape")
    hand.click((10, 10), (10, 30), (30, 30), (40, 5))
    press("Backspace")
    hand.click((30, 10))
    (outline,) = hand.key("Enter")
    assert outline.shape is not None
    assert np.allclose(outline.shape.points, [(10, 10), (10, 30), (30, 30), (30, 10)], atol=0.3)
    # A corner is taken along, and a double click on an edge makes another one.
    press("s")
    hand.click((20, 20))
    (moved,) = hand.after(lambda: hand.drag((30, 30), (36, 40)))
    assert moved.shape is not None
    assert np.allclose(moved.shape.points[2], (36, 40), atol=0.3)
    assert moved.replaces["corrections"] == [outline.id]
    hand.click((20, 20))
    (more,) = hand.after(lambda: page.mouse.dblclick(*hand.at(20, 10)))
    assert more.shape is not None
    assert len(more.shape.points) == 5
    (back,) = hand.key("u")
    assert back.shape == moved.shape
    (back,) = hand.key("u")
    assert back.shape == outline.shape
    (forth,) = hand.key("Control+Shift+z")
    assert forth.shape == moved.shape
    (first,) = hand.key("Control+z")
    # Brush, eraser, a line that divides, and all joined again.
    press("b")
    brushed = hand.after(lambda: hand.drag((20, 50), (20, 70)))[-1]
    press("e")
    erased = hand.after(lambda: hand.drag((8, 60), (30, 60)))[-1]
    gone = covered(brushed) & ~covered(erased)
    assert gone[20, 60]
    assert not (covered(erased) & ~covered(brushed)).any()
    press("d")
    three = hand.after(lambda: hand.drag((5, 20), (35, 20)))
    halves = [covered(c) for c in three if covered(c)[:, :35].any()]
    assert len(halves) == 2
    assert (halves[0] ^ halves[1] == covered(first)).all()
    press("s")
    hand.click((20, 14))
    page.keyboard.down("Shift")
    hand.click((20, 26))
    page.keyboard.up("Shift")
    joined = hand.key("g")
    assert len(joined) == 2
    assert (covered(joined[-1]) == covered(first)).all()
    for expected in (3, 2, 2, 1, 0):  # all of it back: join, divide, erase, brush, outline
        assert len(hand.key("u")) == expected
    for expected in (1, 2, 2, 3, 2):
        again = hand.key("U")
        assert len(again) == expected
    assert {covered(c).tobytes() for c in again} == {covered(c).tobytes() for c in joined}
    press("s")
    hand.click((20, 20))
    assert len(hand.key("Delete")) == 1
    # What looks alike: a disc of 160 on a ground of 40.
    press("x")
    press("w")
    found = page.locator(".findings .finding").first
    assert found.count() == 1
    said = window.running.ask("/api/cases/case3/findings/labels", cookie=cookie(window)).json
    place = said["findings"][0]
    filled = hand.after(lambda: hand.click(place["centre"]))[-1]
    assert filled.action == "is_not"
    assert covered(filled).sum() == pytest.approx(np.pi * (place["size"] / 2) ** 2, rel=0.25)
    # A length, and a region that nothing is saved of.
    press("l")
    hand.drag((5, 5), (5, 65))
    assert page.locator(".measure dd").first.inner_text() == "60 px"
    press("t")
    hand.drag((40, 40), (40, 60), (60, 60), (60, 40))
    until(page, lambda: page.locator(".measure dd").count() > 3)
    facts = page.locator(".measure dl").inner_text()
    assert "n = 4" in facts
    assert "px²" in facts
    assert len(hand.stands()) == 2
    assert violations(page) == []
    window.fine()


def test_what_was_drawn_on_two_slices_is_copied_and_filled_in_between(
    browser: Any, start: Any, scans: Shelf, assets: Assets
) -> None:
    window = Window(browser, start(scans, assets))
    page = window.case("a")
    page.get_by_label("Planes", exact=True).select_option("axial")
    page.get_by_label("Findings of").select_option("labels")
    page.locator(".finding").first.click()
    until(page, lambda: "30 HU" in str(page.locator(".scale").first.inner_text()))
    hand = Hand(window, scans.cases["a"])
    page.keyboard.press("+")  # around the cross, which stays where it is
    page.keyboard.press("b")
    (disc,) = hand.after(lambda: page.locator("canvas.outlines").click())
    assert disc.shape is not None
    plane = disc.shape.plane
    assert plane in (2, 3)
    # Three copies lead three slices away; the two in the middle go, and are filled in.
    step = "<" if plane == 3 else ">"
    for count in (2, 3, 4):
        made = hand.key(step)
        assert len(made) == count
    planes = [c.shape.plane for c in made if c.shape]
    assert sorted(planes) == ([0, 1, 2, 3] if plane == 3 else [2, 3, 4, 5])
    for one in made[1:3]:
        line = page.locator(f'li[data-correction="{one.id}"]')
        hand.after(lambda line=line: line.locator("button.judge").click())
    *_, filled = hand.key("B")
    sides = (6, 20, 24)
    wanted = covered(disc, sides)[plane]
    got = covered(filled, sides)
    lowest = min(planes)
    for k in range(6):
        between = lowest < k < lowest + 3
        np.testing.assert_array_equal(got[k], wanted if between else np.zeros_like(wanted))
    assert len(hand.key("B")) == 3  # filled anew, not twice
    assert len(hand.key("u")) == 3
    assert len(hand.key("u")) == 2
    assert len(hand.key("U")) == 3
    window.fine()


def test_two_annotators_see_each_other_and_undo_only_their_own(
    browser: Any, start: Any, shelf: Shelf, assets: Assets
) -> None:
    case = shelf.cases["case3"]
    ann, ben = (Window(browser, start(shelf, assets)) for _ in range(2))
    ann.running.desk.author, ben.running.desk.author = "ann", "ben"
    hands = []
    for window in (ann, ben):
        window.page.reload()  # who they are is said when the page is opened
        window.case("case3").wait_for_timeout(700)
        window.page.keyboard.press("b")
        hands.append(Hand(window, case))
    one, other = hands
    one.after(lambda: one.click((20, 20)))
    both = other.after(lambda: other.click((20, 60)))
    assert [c.author for c in both] == ["ann", "ben"]
    other.page.keyboard.press("s")
    other.click((20, 20))  # of somebody else: nothing is chosen
    other.page.keyboard.press("Delete")
    (left,) = other.key("u")
    assert left.author == "ann"
    other.page.keyboard.press("u")
    until(other.page, lambda: "nothing to undo" in other.page.locator("#said").inner_text())
    assert one.stands() == (left,)
    for window in (ann, ben):
        window.fine()


def test_classes_are_named_where_there_is_no_cohort_and_chosen_by_number(
    browser: Any, start: Any, shelf: Shelf, assets: Assets, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        (tmp_path / "loose").mkdir(exist_ok=True)
        shutil.copy(shelf.cases["case3"].images["image"], tmp_path / "loose" / f"{name}.png")
    loose = open_shelf([tmp_path / "loose"])
    window = Window(browser, start(loose, assets))
    page = window.case("one")
    page.wait_for_timeout(500)
    hand = Hand(window, loose.cases["one"])
    assert not page.locator(".palette").is_visible()
    page.get_by_label("Name of a class").fill("vessel")
    page.keyboard.press("Enter")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("b")
    hand.after(lambda: hand.click((20, 20)))
    page.keyboard.press("1")
    both = hand.after(lambda: hand.click((40, 40)))
    assert [c.name for c in both] == ["vessel", "object"]
    page.reload()
    page = window.case("two")
    names = page.locator(".palette button").all_inner_texts()
    assert sorted(names) == ["object", "vessel"]
    assert violations(page) == []
    window.fine()


def cookie(window: Window) -> str:
    (kept,) = window.context.cookies()
    return f"{kept['name']}={kept['value']}"
