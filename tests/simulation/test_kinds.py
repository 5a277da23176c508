"""Each kind of weakening against hand-worked areas and the property it promises."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import ndimage

from inklings.errors import SpecError
from inklings.simulation.base import UNLABELLED, Weakening
from inklings.simulation.box import Box
from inklings.simulation.dilate import Dilate
from inklings.simulation.drop import Drop
from inklings.simulation.erode import Erode
from inklings.simulation.hull import Hull
from inklings.simulation.jitter import Jitter
from inklings.simulation.points import Points
from inklings.simulation.scribble import Scribble

RNG = np.random.default_rng


def numbers(objects: np.ndarray) -> set[int]:
    return set(np.unique(objects[objects > 0]).tolist())


def square(*spans: tuple[int, int, int, int], shape: tuple[int, int] = (40, 60)) -> np.ndarray:
    objects = np.zeros(shape, np.int32)
    for number, (a, b, c, d) in enumerate(spans, 1):
        objects[a:b, c:d] = number
    return objects


@pytest.mark.parametrize(
    "kind",
    [Drop(0.5), Dilate(3), Dilate(3, 0.5), Erode(), Box(), Hull(), Jitter(2), Points(), Scribble()],
    ids=lambda kind: type(kind).__name__,
)
def test_every_kind_leaves_its_input_alone_and_is_repeatable(
    kind: Weakening, discs: np.ndarray
) -> None:
    before = discs.copy()
    one, two = kind(discs, RNG(3)), kind(discs, RNG(3))
    assert (discs == before).all()
    assert (one == two).all()
    assert one.dtype == np.int32
    assert numbers(one) <= numbers(discs)
    empty = kind(np.zeros((20, 30), np.int32), RNG(0))
    assert not (empty > 0).any()
    assert numbers(kind(np.ones((9, 9), np.int32), RNG(1))) <= {1}


def test_drop_keeps_whole_objects_at_the_given_rate() -> None:
    objects = np.arange(1, 10001, dtype=np.int32).reshape(100, 100)
    assert (Drop(0.25)(objects, RNG(0)) > 0).mean() == pytest.approx(0.25, abs=0.015)
    assert (Drop(1.0)(objects, RNG(0)) == objects).all()
    assert not Drop(0.0)(objects, RNG(0)).any()


def test_what_a_small_share_keeps_a_larger_one_keeps_too(discs: np.ndarray) -> None:
    kept = [numbers(Drop(share)(discs, RNG(5))) for share in (0.1, 0.25, 0.5, 0.9)]
    assert all(a <= b for a, b in pairwise(kept))


def test_dilate_reaches_as_far_as_it_says() -> None:
    objects = square((10, 20, 10, 20))
    wide = Dilate(4)(objects, RNG(0))
    assert (wide == (ndimage.distance_transform_edt(objects == 0) <= 4)).all()
    assert (wide[15] > 0).sum() == 18
    assert wide[15, 24 - 1] == 1
    assert wide[15, 24] == 0


def test_dilated_neighbours_meet_in_the_middle() -> None:
    wide = Dilate(8)(square((10, 20, 10, 20), (10, 20, 26, 36)), RNG(0))
    assert wide[15, 20:26].tolist() == [1, 1, 1, 2, 2, 2]


def test_slop_differs_between_images_and_has_median_one() -> None:
    objects = square((100, 200, 100, 200), shape=(300, 300))
    reach = [(Dilate(8, 0.5)(objects, RNG(s))[150] > 0).sum() / 2 - 50 for s in range(60)]
    assert np.median(reach) == pytest.approx(8, abs=2)
    assert np.std(np.log(np.maximum(reach, 1))) == pytest.approx(0.5, abs=0.2)


def test_erode_keeps_what_is_deeper_than_half() -> None:
    # an 8 x 8 square is 4 deep, so depths 3 and 4 stay: the middle 4 x 4
    core = Erode(0.5)(square((10, 18, 10, 18)), RNG(0))
    assert (core > 0).sum() == 16
    assert core[12:16, 12:16].all()


def test_erode_loses_no_object(discs: np.ndarray) -> None:
    assert numbers(Erode(0.9)(discs, RNG(0))) == numbers(discs)


def test_box_fills_the_bounding_box_and_small_boxes_show() -> None:
    objects = square((10, 20, 10, 20))
    objects[5, 5] = 1
    objects[12, 24] = 2
    objects[8, 8] = 2
    boxes = Box()(objects, RNG(0))
    assert (boxes == 1).sum() + (boxes == 2).sum() == 15 * 15 + 5 * 17 - 5 * 12
    assert (boxes == 2).sum() == 5 * 17


def test_hull_joins_near_objects_and_leaves_far_ones() -> None:
    objects = square((10, 14, 10, 14), (10, 14, 18, 22), (10, 14, 50, 54))
    near = Hull(gap=6)(objects, RNG(0))
    assert (near == 1).sum() == 4 * 12
    assert (near == 3).sum() == 16
    assert numbers(near) == {1, 3}
    assert (Hull(gap=2)(objects, RNG(0)) == objects).all()


def test_hull_covers_every_object_and_is_convex(discs: np.ndarray) -> None:
    hulls = Hull()(discs, RNG(0))
    assert (hulls[discs > 0] > 0).all()
    again = Hull(gap=0)(hulls, RNG(0))
    assert (again > 0).sum() == (hulls > 0).sum()


def test_hull_of_single_samples_and_lines_is_themselves() -> None:
    objects = square((3, 4, 3, 4), (20, 21, 5, 30), (5, 30, 50, 51))
    assert (Hull(gap=1)(objects, RNG(0)) == objects).all()


def test_jitter_moves_borders_by_its_amplitude() -> None:
    objects = square((40, 160, 40, 160), shape=(200, 200))
    moved = [Jitter(3, smooth=6)(objects, RNG(s)) for s in range(8)]
    tops = np.concatenate([(m[:100, 60:140] > 0).argmax(0) - 40 for m in moved])
    assert np.std(tops) == pytest.approx(3, rel=0.35)
    assert abs(np.mean(tops)) < 1
    assert np.abs(np.diff((moved[0][:100, 60:140] > 0).argmax(0))).mean() < 1


def test_jitter_of_nothing_changes_nothing_and_loses_no_object(discs: np.ndarray) -> None:
    assert (Jitter(1e-6)(discs, RNG(0)) == discs).all()
    assert numbers(Jitter(30)(discs, RNG(0))) == numbers(discs)


def test_points_are_one_sample_inside_each_object(discs: np.ndarray) -> None:
    points = Points()(discs, RNG(0))
    assert (points > 0).sum() == len(numbers(discs))
    assert (points[points > 0] == discs[points > 0]).all()
    ring = square((10, 20, 10, 20))
    ring[13:17, 13:17] = 0
    assert ring[Points()(ring, RNG(0)) > 0].all()  # not in the hole, though the centre is
    assert Points()(square((10, 19, 10, 19)), RNG(0))[14, 14] == 1


def test_scribbles_stay_inside_what_they_mark(discs: np.ndarray) -> None:
    marked = Scribble(3)(discs, RNG(0))
    said = marked != UNLABELLED
    assert (marked[said] == discs[said]).all()
    assert numbers(marked) == numbers(discs)
    assert (marked == 0).sum() > 20
    assert said.mean() < 0.25


def test_a_stroke_of_width_one_is_one_sample_wide() -> None:
    marked = Scribble(1)(square((10, 19, 10, 50)), RNG(0))
    assert ((marked == 1).sum(0) <= 1).mean() > 0.9
    assert (marked == 1).sum() > 20


@pytest.mark.parametrize(
    "kind", [Drop(1), Dilate(1), Erode(), Box(), Jitter(0.5), Points()], ids=str
)
def test_volumes_are_weakened_too(kind: Weakening) -> None:
    objects = np.zeros((12, 14, 16), np.int32)
    objects[3:9, 3:9, 3:9], objects[3:9, 3:9, 11:15] = 1, 2
    assert numbers(kind(objects, RNG(0))) == {1, 2}


def test_what_works_in_the_plane_only_says_so() -> None:
    with pytest.raises(SpecError, match=r"expected images of two dimensions, got \(4, 4, 4\)"):
        Hull()(np.ones((4, 4, 4), np.int32), RNG(0))
