import math
from typing import ClassVar

import numpy as np
import pytest
from scipy.spatial.distance import directed_hausdorff

from inklings.evaluation import chaos
from inklings.evaluation.metric import DEFAULT, Options
from inklings.evaluation.nearest import borders
from inklings.evaluation.pairs import Pair, Segmentation
from inklings.evaluation.surface import distances, metrics
from inklings.testing.metrics import MetricContract


class TestSurface(MetricContract):
    family: ClassVar = staticmethod(metrics)


def border(mask: np.ndarray) -> np.ndarray:
    found = borders(mask, np.ones_like(mask))
    assert found is not None
    return np.argwhere(found.one)


def square(y: int, x: int, side: int = 10) -> np.ndarray:
    mask = np.zeros((40, 40), bool)
    mask[y : y + side, x : x + side] = True
    return mask


def pair(
    predicted: np.ndarray, reference: np.ndarray, spacing: tuple[float, ...] | None = None
) -> Pair:
    return Pair("p", "c", Segmentation.of(predicted), Segmentation.of(reference), spacing=spacing)


def value(name: str, one: Pair, options: Options = DEFAULT) -> float:
    return {metric.name: metric for metric in metrics(options)}[name]([one])


def test_border_of_a_square_is_its_rim() -> None:
    assert len(border(square(5, 5))) == 4 * 10 - 4


def test_border_reaches_the_edge_of_the_image() -> None:
    assert len(border(np.ones((6, 5), bool))) == 2 * 6 + 2 * 5 - 4


def test_concentric_squares_are_as_far_apart_as_drawn() -> None:
    # From the inner rim of 36 samples every distance is 2; back, four corners and the 8
    # samples beside them look diagonally, the rest straight.
    inner, outer = square(12, 12, 10), square(10, 10, 14)
    straight, corner, beside = 2.0, math.hypot(2, 2), math.hypot(2, 1)
    back = 4 * corner + 8 * beside + (52 - 12) * straight
    assert value("assd", pair(inner, outer)) == pytest.approx((36 * 2 + back) / (36 + 52))
    assert value("hd95", pair(inner, outer)) == pytest.approx(corner)


def test_largest_distance_agrees_with_scipy() -> None:
    rng = np.random.default_rng(0)
    one, other = square(5, 6, 12), square(9, 8, 15) | square(30, 30, int(rng.integers(2, 6)))
    found = distances(pair(one, other), 0, "px")
    assert found is not None
    expected = [
        directed_hausdorff(border(a), border(b))[0] for a, b in ((one, other), (other, one))
    ]
    assert [d.max() for d in found] == pytest.approx(expected)


def test_millimetres_follow_the_spacing_of_each_axis() -> None:
    one = pair(square(10, 10), square(13, 10), spacing=(0.5, 4.0))
    tall = {u: value("hd95", one, Options(unit=u)) for u in ("px", "mm")}  # type: ignore[arg-type]
    assert tall == {"px": pytest.approx(3.0), "mm": pytest.approx(1.5)}


def test_boundary_dice_counts_what_lies_within_the_tolerance() -> None:
    one = pair(square(10, 10), square(13, 10))
    assert value("nsd", one, Options(tolerance=3)) == 1
    assert value("nsd", one, Options(tolerance=0)) == pytest.approx(2 * 14 / 72)


def test_distances_to_nothing_are_undefined_and_boundary_dice_follows_the_policy() -> None:
    nothing, something = np.zeros((40, 40), bool), square(3, 3)
    for one in (pair(nothing, something), pair(something, nothing)):
        assert value("nsd", one) == 0
    for name in ("hd95", "assd"):
        assert math.isnan(value(name, pair(something, nothing)))
        assert math.isnan(value(name, pair(nothing, nothing)))
    assert value("nsd", pair(nothing, nothing)) == 1


@pytest.mark.parametrize("name", ["hd95", "assd", "chaos_assd", "chaos_mssd"])
def test_no_mean_of_distances_gets_better_by_a_miss(name: str) -> None:
    """A miss counts the diagonal, (30, 40) x (1, 2) mm here, which no distance exceeds."""
    options = Options(unit="mm")
    metric = {m.name: m for m in (*metrics(options), *chaos.metrics(options))}[name]
    true, nothing = np.zeros((2, 30, 40), bool)
    true[2:5, 2:5] = True
    far = true[::-1, ::-1]
    bad, good, lost = (pair(said, true, (1.0, 2.0)) for said in (far, true, nothing))
    assert metric([lost]) == pytest.approx(math.hypot(30, 80))
    assert metric([good, bad]) < metric([good, lost])


def test_volumes_are_measured_too() -> None:
    ball = np.linalg.norm(np.indices((30, 30, 30)) - 15, axis=0)
    one = Pair("p", "c", Segmentation.of(ball < 8), Segmentation.of(ball < 11))
    assert value("assd", one) == pytest.approx(3, abs=0.25)
