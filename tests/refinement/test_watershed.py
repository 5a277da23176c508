import time
from typing import Literal

import numpy as np
import pytest

from inklings.errors import SpecError
from inklings.refinement import REFINEMENTS
from inklings.refinement.watershed import Watershed


def ball(shape: tuple[int, ...], centre: tuple[float, ...], radius: float) -> np.ndarray:
    grid = np.indices(shape)
    return sum((g - c) ** 2 for g, c in zip(grid, centre, strict=True)) <= radius**2


def certain(mask: np.ndarray) -> np.ndarray:
    return mask.astype(np.uint8) * 255


@pytest.mark.parametrize("scale", [1, 2, 5])
def test_two_touching_discs_are_two_objects_of_the_right_areas(scale: int) -> None:
    shape = (50 * scale, 70 * scale)
    discs = [ball(shape, (25 * scale, x * scale), 12 * scale) for x in (22, 45)]
    objects = Watershed()(certain(discs[0] | discs[1]), 0.5)
    assert objects.max() == 2
    for disc in discs:
        assert np.bincount(objects[disc])[1:].max() == pytest.approx(disc.sum(), rel=0.02)


def test_two_touching_balls_are_two_objects() -> None:
    shape = (24, 24, 44)
    balls = ball(shape, (12, 12, 12), 8) | ball(shape, (12, 12, 27), 8)
    assert Watershed()(certain(balls), 0.5).max() == 2


@pytest.mark.parametrize("angle", [0.0, 0.4, 0.8, 1.3])
@pytest.mark.parametrize("ratio", [1.5, 3.0, 5.0])
def test_a_long_ellipse_stays_one(angle: float, ratio: float) -> None:
    y, x = np.indices((160, 160)) - 80
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    ellipse = (along / (14 * ratio)) ** 2 + (across / 14) ** 2 <= 1
    assert Watershed()(certain(ellipse), 0.5).max() == 1


@pytest.mark.parametrize("name", list(REFINEMENTS))
def test_an_empty_mask_holds_no_objects(name: str) -> None:
    objects = REFINEMENTS.build(name, {})(np.zeros((20, 30), np.uint8), 0.5)
    assert objects.dtype == np.int32
    assert objects.shape == (20, 30)
    assert not objects.any()


@pytest.mark.parametrize("name", list(REFINEMENTS))
def test_specks_go_and_small_holes_close(name: str) -> None:
    probability = certain(ball((60, 60), (30, 30), 20))
    probability[30, 30] = 0
    probability[2, 2] = 255
    objects = REFINEMENTS.build(name, {"min_size": 5, "max_hole": 4})(probability, 0.5)
    assert objects.max() == 1
    assert objects[30, 30] == 1
    assert objects[2, 2] == 0


SEEDS: tuple[Literal["product", "cores"], ...] = ("product", "cores")


@pytest.mark.parametrize("seeds", SEEDS)
def test_cores_separate_what_the_outline_does_not(seeds: Literal["product", "cores"]) -> None:
    bar = np.zeros((30, 90), bool)
    bar[5:25, 5:85] = True
    core = np.zeros_like(bar)
    core[10:20, 10:40] = core[10:20, 50:80] = True
    assert Watershed()(certain(bar), 0.5).max() == 1
    objects = Watershed(seeds)(certain(bar), 0.5, certain(core))
    assert objects.max() == 2
    assert np.bincount(objects.ravel())[1:].tolist() == pytest.approx([800, 800], rel=0.02)


def test_the_product_cuts_where_two_cores_are_joined_by_a_doubtful_bridge() -> None:
    discs = ball((40, 80), (20, 26), 14) | ball((40, 80), (20, 53), 14)
    core = certain(ball((40, 80), (20, 26), 8) | ball((40, 80), (20, 53), 8))
    core[17:24, 26:54] = np.maximum(core[17:24, 26:54], 140)
    assert Watershed("cores")(certain(discs), 0.5, core).max() == 1
    assert Watershed("product")(certain(discs), 0.5, core).max() == 2


@pytest.mark.parametrize("seeds", SEEDS)
def test_an_object_without_a_core_is_kept(seeds: Literal["product", "cores"]) -> None:
    discs = ball((40, 80), (20, 20), 12) | ball((40, 80), (20, 60), 12)
    core = certain(ball((40, 80), (20, 20), 6))
    assert Watershed(seeds)(certain(discs), 0.5, core).max() == 2


def test_numbers_have_no_gaps() -> None:
    mask = np.zeros((40, 40), bool)
    mask[::8, ::8] = True
    mask[1:7, 1:7] = mask[30:38, 30:38] = True
    objects = Watershed(min_size=10)(certain(mask), 0.5)
    assert np.unique(objects).tolist() == [0, 1, 2]


@pytest.mark.slow
def test_an_image_of_256_takes_less_than_30_ms() -> None:
    rng = np.random.default_rng(0)
    mask = np.zeros((256, 256), bool)
    for centre in rng.uniform(0, 256, (60, 2)):
        mask |= ball(mask.shape, tuple(centre), 11)
    times = []
    for _ in range(5):
        start = time.process_time()
        Watershed()(certain(mask), 0.5)
        times.append(time.process_time() - start)
    assert min(times) < 0.030


@pytest.mark.parametrize(
    "options", [{"depth": 1.0}, {"smooth": -1}, {"core_threshold": 0}, {"seeds": "x"}]
)
def test_impossible_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(SpecError, match="watershed: expected"):
        Watershed(**options)  # type: ignore[arg-type]
