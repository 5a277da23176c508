"""What was drawn is erased, joined, divided, copied and filled in, and nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label, regionprops
from skimage.segmentation import flood

from inklings.errors import LabelError
from inklings.labels.corrections import Shape
from inklings.viewer.amended import stencil
from inklings.viewer.regions import alike, between, copied, divided, erased, joined

SIDES = ((40, 50), (14, 40, 50), (40, 14, 50), (40, 50, 14))


def drawn(rng: np.random.Generator, sides: tuple[int, ...]) -> Shape:
    """Any shape that can be drawn, mostly within an image."""
    kind = rng.choice(["polygon", "stroke", "ball", "mask"])
    axis = int(rng.integers(3)) if len(sides) == 3 else 0
    flat = np.delete(sides, axis) if len(sides) == 3 else np.array(sides)
    plane = {} if len(sides) == 2 else {"plane": int(rng.integers(sides[axis])), "axis": axis}
    points = rng.uniform(-3, flat + 2, (int(rng.integers(3, 7)), 2))
    if kind == "polygon":
        return Shape("polygon", tuple(map(tuple, points.tolist())), **plane)
    if kind == "stroke":
        radii = tuple(rng.uniform(0.6, 6, 2).tolist())
        return Shape("stroke", tuple(map(tuple, points.tolist())), radii, **plane)
    if kind == "ball":
        centre = tuple(rng.uniform(0, sides).tolist())
        return Shape("ball", (centre,), tuple(rng.uniform(0.6, 9, len(sides)).tolist()))
    mask = np.zeros(sides, np.bool_)
    mask[tuple(slice(n // 4, n // 2) for n in sides)] = rng.random() < 2
    mask &= rng.random(sides) < 0.5
    return Shape.of_mask(mask)


@pytest.mark.parametrize("seed", range(24))
def test_erasing_and_joining_are_those_of_sets_of_samples(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sides = SIDES[seed % 4]
    one, two = drawn(rng, sides), drawn(rng, sides)
    a, b = stencil(one, sides), stencil(two, sides)
    left = erased(one, two, sides)
    assert (left is one) == (not (a & b).any())
    wanted = a & ~b
    if left is None:
        assert not wanted.any()
    else:
        np.testing.assert_array_equal(stencil(left, sides), wanted)
    if (a | b).any():
        np.testing.assert_array_equal(stencil(joined([one, two], sides), sides), a | b)


def test_regions_of_another_kind_of_image_are_refused() -> None:
    flat = Shape("stroke", ((4.0, 4.0),), (2.0,))
    ball = Shape("ball", ((4.0, 4.0, 4.0),), (2.0,) * 3)
    for sides, wrong, right in (((9, 9, 9), flat, ball), ((9, 9), ball, flat)):
        for act in (
            lambda s, w, r: joined([r, w], s),
            lambda s, w, r: erased(w, r, s),
            lambda s, w, r: divided(w, r, s),
        ):
            with pytest.raises(LabelError, match=f"of {len(sides)} axes"):
                act(sides, wrong, right)


@pytest.mark.parametrize("seed", range(8))
def test_a_line_divides_and_loses_no_sample(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sides = SIDES[seed % 4]
    centre = [n / 2 for n in sides]
    if len(sides) == 3:
        whole, axis = Shape("ball", (tuple(centre),), (6.0, 9.0, 8.0)), seed % 3
    else:
        whole, axis = Shape("stroke", (tuple(centre),), (9.0,)), 0
    plane = {} if len(sides) == 2 else {"plane": sides[axis] // 2, "axis": axis}
    middle = np.array(centre if len(sides) == 2 else np.delete(centre, axis))
    turn = rng.uniform(0, np.pi)
    way = 30 * np.array([np.sin(turn), np.cos(turn)])
    line = Shape("stroke", (tuple(middle - way), tuple(middle + way)), (0.5,), **plane)
    pieces = [stencil(piece, sides) for piece in divided(whole, line, sides)]
    assert len(pieces) >= 2
    np.testing.assert_array_equal(np.sum(pieces, axis=0), stencil(whole, sides))
    beside = Shape("stroke", (tuple(middle), tuple(middle + 0.4)), (0.5,), **plane)
    with pytest.raises(LabelError, match="right across"):
        divided(whole, beside, sides)


@pytest.mark.parametrize("seed", range(12))
def test_a_line_across_a_triangle_gives_two_pieces_however_thin_it_is(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sides = ((64, 64), (3, 64, 64), (64, 64, 3))[seed % 3]
    axis = 2 * (seed % 3 == 2)
    plane = {} if seed % 3 == 0 else {"plane": 1, "axis": axis}
    tip, width = rng.uniform(2, 12, 2), rng.uniform(1.5, 20)
    end = rng.uniform(45, 60, 2)
    off = width * np.array([1, -1])
    whole = Shape("polygon", tuple(map(tuple, (tip, end + off, end - off))), **plane)
    middle, way = (tip + 2 * end) / 3, 60 * np.array([1, -1]) + rng.uniform(-20, 20, 2)
    line = Shape("stroke", (tuple(middle - way), tuple(middle + way)), (0.5,), **plane)
    pieces = [stencil(piece, sides) for piece in divided(whole, line, sides)]
    assert len(pieces) == 2
    np.testing.assert_array_equal(np.sum(pieces, axis=0), stencil(whole, sides))


def test_an_island_that_a_line_does_not_divide_stays_whole() -> None:
    mask = np.zeros((40, 40), np.bool_)
    mask[5:15, 5:15] = mask[25:35, 25:35] = True
    across, into = (Shape("stroke", ((0.0, 10.0), (end, 10.0)), (0.5,)) for end in (20.0, 10.0))
    pieces = [stencil(piece, (40, 40)) for piece in divided(Shape.of_mask(mask), across, (40, 40))]
    assert sorted(int(piece.sum()) for piece in pieces) == [60, 140]  # 6 columns; 4 and the island
    with pytest.raises(LabelError, match="right across"):
        divided(Shape.of_mask(mask), into, (40, 40))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_discs_become_a_cone_whose_planes_are_those_of_their_signed_distances(axis: int) -> None:
    sides, mm = [40, 40, 40], [1.0, 0.7, 1.3]
    sides[axis] = 12
    step = [v for k, v in enumerate(mm) if k != axis]

    def disc(plane: int, centre: float, radius: float) -> Shape:
        radii = tuple(radius / v for v in step)
        return Shape("stroke", ((centre, 20.0),), radii, plane, axis)

    shapes = [disc(2, 12, 4), disc(10, 12, 8), disc(2, 32, 3), disc(4, 32, 3), disc(11, 32, 2)]
    made, used = between(shapes, sides, mm)
    assert used == (0, 1, 2, 3, 4)
    got = np.moveaxis(stencil(made, tuple(sides)), axis, 0)

    def signed(shape: Shape) -> NDArray[np.float64]:
        flat = np.moveaxis(stencil(shape, tuple(sides)), axis, 0)[shape.plane or 0]
        inside, outside = (ndimage.distance_transform_edt(m, sampling=step) for m in (flat, ~flat))
        return np.asarray(inside - outside, float)

    for plane in range(12):
        wanted = np.zeros_like(got[0])
        for low, high in ((0, 1), (2, 3), (3, 4)):
            first, last = shapes[low].plane or 0, shapes[high].plane or 0
            if first < plane < last:
                share = (plane - first) / (last - first)
                wanted |= (1 - share) * signed(shapes[low]) + share * signed(shapes[high]) > 0
        np.testing.assert_array_equal(got[plane], wanted)
    # Half way between radii of 4 and 8 mm lies one of 6.
    area = got[6, :24].sum() * step[0] * step[1]
    assert area == pytest.approx(np.pi * 36, rel=0.08)
    with pytest.raises(LabelError, match="planes between"):
        between([shapes[0], shapes[4]], sides, mm)


def test_a_copy_lies_on_the_next_plane_and_none_lies_beside_the_volume() -> None:
    outline = Shape("polygon", ((1.0, 1.0), (1.0, 5.0), (5.0, 3.0)), plane=3, axis=1)
    assert copied(outline, -2, (9, 9, 9)).plane == 1
    flat = np.zeros((9, 9, 9), np.bool_)
    flat[:, 4, 2:7] = True
    moved = stencil(copied(Shape.of_mask(flat), 3, (9, 9, 9)), (9, 9, 9))
    np.testing.assert_array_equal(moved[:, 7], flat[:, 4])
    for axis in range(3):  # what is one sample wide is copied along the axis that it was drawn on
        square = ((2.0, 2.0), (2.0, 6.0), (6.0, 6.0), (6.0, 2.0))
        rest = ((3.0, 1.0), (3.0, 8.0), (8.0, 8.0), (8.0, 1.0))
        one, gone = (Shape("polygon", p, plane=3, axis=axis) for p in (square, rest))
        thin = erased(one, gone, (9, 9, 9))
        assert thin is not None
        wanted = np.roll(stencil(thin, (9, 9, 9)), 2, axis)
        np.testing.assert_array_equal(stencil(copied(thin, 2, (9, 9, 9)), (9, 9, 9)), wanted)
    for by in (-4, 6):
        with pytest.raises(LabelError, match="plane from 0 to 8"):
            copied(outline, by, (9, 9, 9))
    with pytest.raises(LabelError, match="one plane"):
        copied(Shape("ball", ((4.0, 4.0, 4.0),), (2.0,) * 3), 1, (9, 9, 9))


@pytest.mark.parametrize("seed", range(6))
def test_what_looks_alike_is_what_a_flood_of_another_library_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    picture = ndimage.gaussian_filter(rng.uniform(0, 255, (40, 50)), 2 + seed % 3)
    picture = np.round(picture * 4)[..., None]
    place = (int(rng.integers(1, 39)), int(rng.integers(1, 49)))
    picture[place[0] - 1 : place[0] + 2, place[1] - 1 : place[1] + 2] = picture[place]
    found = flood(picture[..., 0], place, connectivity=1, tolerance=12)
    holes = label(ndimage.binary_fill_holes(found) & ~found, connectivity=1)
    wanted = found.copy()
    for hole in regionprops(holes):
        if hole.area * 100 <= found.sum():
            wanted[holes == hole.label] = True
    np.testing.assert_array_equal(alike(picture, place, 12), wanted)
