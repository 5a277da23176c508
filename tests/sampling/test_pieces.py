import numpy as np
import pytest

from inklings.sampling.pieces import Piece, Surroundings, pieces


def test_pieces_cover_an_image_once_and_see_what_lies_around_them() -> None:
    image = np.arange(700 * 300).reshape(1, 700, 300)
    around = Surroundings.of([image], ["a"], ())
    covered = np.zeros(image.shape[1:], int)
    for piece in pieces(0, image.shape[1:], side=256):
        covered[piece.box] += 1
        seen, own = around.cut(piece, 40)
        assert (seen[0][own] == image[0][piece.box]).all()
        assert max(seen.shape) <= 256 + 80
    assert (covered == 1).all()


def test_what_is_no_tile_ends_at_its_border() -> None:
    around = Surroundings.of([np.arange(10)[None]], ["a"], ())
    first, last = pieces(0, (10,), side=8)
    (whole, own), (rest, end) = (around.cut(piece, 4) for piece in (first, last))
    assert (whole[0].tolist(), own) == (list(range(10)), (slice(0, 8),))
    assert (rest[0].tolist(), end) == (list(range(4, 10)), (slice(4, 6),))


def tiles(slide: np.ndarray, side: int, stride: int) -> tuple[list[np.ndarray], list]:
    at = [(y, x) for y in range(0, 20, stride) for x in range(0, 20, stride)]
    padded = np.pad(slide, ((0, 0), (0, side), (0, side)))
    return [padded[:, y : y + side, x : x + side] for y, x in at], at


@pytest.mark.parametrize("stride", [8, 5])
def test_beyond_a_tile_lie_the_tiles_of_its_case(stride: int) -> None:
    slide = np.random.default_rng(0).integers(1, 255, (2, 40, 40), np.uint8)
    images, corners = tiles(slide, 8, stride)
    other = [image * 0 for image in images]
    around = Surroundings.of(images + other, ["a"] * len(images) + ["b"] * len(other), corners * 2)
    i = corners.index((stride, stride))
    seen, own = around.cut(Piece(i, (slice(0, 8), slice(2, 8))), 3)
    y, x = corners[i]
    assert (seen == slide[:, y - 3 : y + 11, x + 2 - 3 : x + 11]).all()
    assert (seen[(slice(None), *own)] == images[i][:, :, 2:]).all()
    assert not around.cut(Piece(i + len(images), (slice(0, 8),) * 2), 3)[0].any()


def test_where_no_tile_lies_a_tile_is_mirrored() -> None:
    left, right = np.arange(4)[None, None], np.arange(4, 8)[None, None]
    around = Surroundings.of([left, right], ["a", "a"], [(0, 0), (0, 4)])
    seen, own = around.cut(Piece(0, (slice(0, 1), slice(0, 4))), 2)
    mirrored = [1, 0, 0, 1, 2, 3, 3, 2]
    assert seen[0].tolist() == [mirrored] * 2 + [[1, 0, 0, 1, 2, 3, 4, 5]] + [mirrored] * 2
    assert own == (slice(2, 3), slice(2, 6))
