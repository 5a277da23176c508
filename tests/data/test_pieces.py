import numpy as np

from inklings.data.pieces import pieces


def test_pieces_cover_an_image_once_and_see_what_lies_around_them() -> None:
    image = np.arange(700 * 300).reshape(700, 300)
    covered = np.zeros(image.shape, int)
    for piece in pieces(3, image.shape, side=256, margin=40):
        covered[piece.box] += 1
        assert piece.image == 3
        assert (image[piece.seen][piece.own] == image[piece.box]).all()
        assert max(image[piece.seen].shape) <= 256 + 80
    assert (covered == 1).all()


def test_the_margin_ends_at_the_border() -> None:
    first, last = pieces(0, (10,), side=8, margin=4)
    assert (first.seen, first.own) == ((slice(0, 10),), (slice(0, 8),))
    assert (last.box, last.seen, last.own) == ((slice(8, 10),), (slice(4, 10),), (slice(4, 6),))
