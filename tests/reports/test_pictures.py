import re

import numpy as np
import pytest

from inklings.reports.pictures import displayed, outlines, overlay, plane


def area(path: str) -> float:
    """Area inside all outlines of path data, by the shoelace formula."""
    total = 0.0
    for ring in re.findall(r"M([^Z]*)Z", path):
        points = np.array([[float(v) for v in pair.split(",")] for pair in ring.split()])
        x, y = points[:, 0], points[:, 1]
        total += abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
    return total


def test_outline_of_a_square_encloses_it() -> None:
    mask = np.zeros((40, 50), int)
    mask[10:20, 5:25] = 3
    path = outlines(mask, 0.1)
    assert path.count("Z") == 1
    assert area(path) == pytest.approx(200, abs=1)
    numbers = [tuple(map(float, p.split(","))) for p in re.findall(r"[\d.]+,[\d.]+", path)]
    assert min(numbers)[0] == 5.0
    assert max(numbers)[0] == 25.0


def test_touching_objects_have_an_outline_each() -> None:
    mask = np.zeros((20, 20), int)
    mask[5:15, 2:10], mask[5:15, 10:18] = 1, 7
    assert outlines(mask, 0.1).count("Z") == 2


def test_an_object_that_fills_the_image_has_its_frame_as_outline() -> None:
    assert area(outlines(np.ones((10, 12), int), 0.1)) == pytest.approx(120, abs=1)


def test_nothing_has_no_outline() -> None:
    assert outlines(np.zeros((5, 5), int), 0.1) == ""


def test_dark_images_are_stretched_and_bright_ones_left_alone() -> None:
    ramp = np.linspace(0, 40, 64 * 64).reshape(1, 64, 64).astype(np.uint8)
    assert displayed(ramp).max() == 255
    bright = np.repeat(np.linspace(0, 255, 64 * 64).reshape(1, 64, 64).astype(np.uint8), 3, 0)
    assert np.array_equal(displayed(bright), np.moveaxis(bright, 0, -1))


def test_a_volume_is_shown_where_the_truth_is_largest() -> None:
    volume = np.arange(5, dtype=np.uint16)[None, :, None, None] * np.ones((1, 5, 8, 9), np.uint16)
    truth = np.zeros((5, 8, 9), int)
    truth[3, 2:6, 2:6], truth[1, 0, 0] = 1, 1
    shown = plane(volume, {"truth": truth}, "truth")
    assert shown.image.shape == (8, 9, 3)
    assert (shown.objects["truth"] > 0).sum() == 16


def test_overlay_names_are_escaped() -> None:
    shown = plane(np.zeros((3, 8, 8), np.uint8), {"truth": np.zeros((8, 8), int)}, "truth")
    assert "<script>" not in overlay(shown, '"><script>')
