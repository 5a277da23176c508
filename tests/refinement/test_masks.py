import numpy as np

from inklings.refinement.masks import drop_small, fill_holes


def ring(hole: int) -> np.ndarray:
    mask = np.zeros((30, 30), bool)
    mask[5:25, 5:25] = True
    mask[10 : 10 + hole, 10 : 10 + hole] = False
    return mask


def test_only_small_holes_are_filled() -> None:
    assert fill_holes(ring(3), 9).sum() == 400
    assert fill_holes(ring(4), 9).sum() == 400 - 16


def test_background_at_the_edge_is_no_hole() -> None:
    mask = np.ones((10, 10), bool)
    mask[0, 0] = False
    assert not fill_holes(mask, 50)[0, 0]


def test_small_objects_go_and_the_rest_is_renumbered() -> None:
    objects = np.array([[1, 2, 2], [3, 3, 3]], np.int32)
    assert drop_small(objects, 2).tolist() == [[0, 1, 1], [2, 2, 2]]
