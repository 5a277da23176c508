import re

import numpy as np
import pytest

from inklings.geometry import Geometry
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
    shown = plane(volume, {"truth": truth}, "truth", Geometry((5, 8, 9)))
    assert shown.image.shape == (8, 9, 3)
    assert (shown.objects["truth"] > 0).sum() == 16


def test_overlay_names_are_escaped() -> None:
    layers = {"truth": np.zeros((8, 8), int)}
    shown = plane(np.zeros((3, 8, 8), np.uint8), layers, "truth", Geometry((8, 8)))
    assert "<script>" not in overlay(shown, '"><script>')


@pytest.mark.parametrize("code", ["LPS", "RAS", "RPI", "LSP", "PSL"])
@pytest.mark.parametrize("mm", [(5.0, 1.0, 1.0), (2.0, 3.0, 0.5)])
def test_planes_of_volumes_say_number_sides_and_scale(
    code: str, mm: tuple[float, float, float]
) -> None:
    """Letters as SimpleITK's axes have them: each runs to the letter of its code."""
    towards = {"L": (1, 0, 0), "R": (-1, 0, 0), "P": (0, 1, 0), "A": (0, -1, 0),
               "S": (0, 0, 1), "I": (0, 0, -1)}  # fmt: skip
    direction = tuple(zip(*(towards[k] for k in code), strict=True))
    geometry = Geometry((6, 60, 80), mm, (0.0, 0.0, 0.0), direction)
    truth = np.zeros((6, 60, 80), int)
    truth[4] = 1
    drawn = overlay(plane(np.zeros((1, 6, 60, 80)), {"truth": truth}, "truth", geometry), "a")
    other = dict(zip("LRAPIS", "RLPASI", strict=True))
    said = re.findall(r">([^<>]+)</text>", drawn)
    bar = {1.0: "20 mm", 0.5: "10 mm"}[mm[2]]
    assert said == ["5/6", other[code[0]], code[0], other[code[1]], code[1], bar]
    tall = re.search(r'viewBox="0 0 80 ([\d.]+)"', drawn)
    assert tall
    assert float(tall[1]) == pytest.approx(60 * mm[1] / mm[2])
    x1, x2 = (float(k) for k in re.findall(r'x[12]="([\d.]+)"', drawn)[:2])
    assert (x2 - x1) * mm[2] == pytest.approx(float(bar.split()[0]), rel=1e-3)


def test_what_a_file_does_not_say_of_a_plane_is_said_to_be_unknown() -> None:
    layers = {"truth": np.zeros((6, 8, 8), int)}
    drawn = overlay(plane(np.zeros((1, 6, 8, 8)), layers, "truth", Geometry((6, 8, 8))), "a")
    assert "sides unknown" in drawn
    assert "no scale" in drawn
