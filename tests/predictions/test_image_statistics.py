"""What an image is like: numbers known from how it was made."""

import math

import numpy as np
import pytest

from inklings.geometry import Geometry
from inklings.predictions.image_statistics import fingerprint, scaled

RNG = np.random.default_rng(0)


def grid(shape: tuple[int, ...], spacing: tuple[float, ...]) -> Geometry:
    return Geometry(shape, spacing)


def test_ten_times_the_spacing_changes_spacings_and_nothing_else() -> None:
    image = RNG.integers(0, 255, (1, 6, 20, 24), dtype=np.uint8)
    near = fingerprint(image, grid((6, 20, 24), (5.0, 0.7, 0.7)))
    far = fingerprint(image, grid((6, 20, 24), (50.0, 7.0, 7.0)))
    other = {name: far[name] - near[name] for name in near}
    spaced = [name for name in near if name.startswith("spacing")]
    assert [other.pop(name) for name in spaced] == pytest.approx([math.log(10)] * 3)
    assert set(other.values()) == {0.0}


def test_it_does_not_matter_how_a_volume_was_stored() -> None:
    image = RNG.integers(0, 255, (1, 20, 20, 20), dtype=np.uint8)
    one = fingerprint(image, grid((20, 20, 20), (5.0, 0.7, 0.6)))
    turned = fingerprint(image, grid((20, 20, 20), (0.6, 5.0, 0.7)))
    assert one == turned


def test_an_unknown_spacing_is_not_judged() -> None:
    image = RNG.integers(0, 255, (3, 20, 24), dtype=np.uint8)
    found = fingerprint(image, None)
    assert math.isnan(found["spacing 1"])
    rows = np.array([list(found.values())] * 4, np.float32)
    told = np.array([list(fingerprint(image, grid((20, 24), (1.0, 1.0))).values())], np.float32)
    assert np.isfinite(scaled(rows, told, tuple(found))[1]).all()


def test_shares_of_the_range_turn_around_with_the_contrast() -> None:
    image = (255 * RNG.beta(1, 4, (1, 64, 64))).astype(np.uint8)
    found, turned = fingerprint(image, None), fingerprint(255 - image, None)
    for one, other in (("first 1", "third 1"), ("middle 1", "middle 1")):
        assert turned[one] == pytest.approx(1 - found[other], abs=1e-9)
    assert turned["grain 1"] == pytest.approx(found["grain 1"])


def test_a_plain_image_has_numbers() -> None:
    assert np.isfinite(list(fingerprint(np.zeros((3, 8, 9)), grid((8, 9), (1, 1))).values())).all()


@pytest.mark.parametrize("planes", [95, 96, 192, 384, 400])
def test_rows_of_all_planes_are_seen_whatever_the_number_of_planes(planes: int) -> None:
    row = np.arange(256, dtype=np.int16)[:, None]  # of each plane: its own number
    found = fingerprint(np.broadcast_to(row, (1, planes, 256, 2)), None)
    seen = [found[name] for name in ("low 1", "centre 1", "high 1")]
    assert seen == pytest.approx([2.5, 127.5, 252.5], abs=6)


def test_channels_that_are_one_go_together() -> None:
    grey = np.repeat(RNG.integers(0, 255, (1, 30, 30), dtype=np.uint8), 3, 0)
    assert fingerprint(grey, None)["colours 1 and 2"] == pytest.approx(1)
    grey[1] = 255 - grey[1]
    assert fingerprint(grey, None)["colours 1 and 2"] == pytest.approx(-1)
