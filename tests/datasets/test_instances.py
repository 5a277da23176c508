from __future__ import annotations

import numpy as np
import pytest

from inklings.datasets.findings import ImportFinding
from inklings.datasets.instances import Piece, areas, cut_out, encode, numbered, piece_of


def square(name: str, y: int, x: int, side: int) -> Piece:
    return Piece(name, (y, x), np.ones((side, side), bool))


def test_the_smaller_of_two_overlapping_objects_stays_whole_whatever_the_order() -> None:
    for order in (1, -1):
        findings: list[ImportFinding] = []
        pieces = [square("large", 0, 0, 6), square("small", 4, 4, 3)][::order]
        labels = numbered("c", pieces, (10, 10), findings)
        small = [piece.name for piece in pieces].index("small") + 1
        assert (labels == small).sum() == 9
        assert [(f.kind, f.count) for f in findings] == [("overlap", 4)]


def test_of_equally_small_objects_the_later_wins() -> None:
    labels = numbered("c", [square("a", 0, 0, 3), square("b", 2, 2, 3)], (6, 6), [])
    assert labels[2, 2] == 2


def test_an_object_that_others_cover_is_noted_as_hidden() -> None:
    findings: list[ImportFinding] = []
    numbered("c", [square("a", 1, 1, 3), square("b", 1, 1, 3)], (6, 6), findings)
    assert [(f.kind, f.detail) for f in findings][1:] == [("hidden mask", "a")]


def test_touching_objects_do_not_overlap() -> None:
    findings: list[ImportFinding] = []
    labels = numbered("c", [square("a", 0, 0, 3), square("b", 0, 3, 3)], (3, 6), findings)
    assert findings == []
    assert areas(labels).tolist() == [9, 9]


def test_more_objects_than_16_bits_can_number_are_fatal() -> None:
    findings: list[ImportFinding] = []
    numbered("c", [square("a", 0, 0, 1)] * 65536, (4, 4), findings)
    assert [f.kind for f in findings] == ["too many objects"]
    assert findings[0].is_fatal


def test_a_piece_is_the_object_in_its_box() -> None:
    mask = np.zeros((20, 30), np.uint8)
    mask[5:8, 10:14] = 255
    mask[6, 11] = 0
    piece = piece_of("c", "m", encode(mask), (30, 20), [])
    assert piece is not None
    assert (piece.corner, piece.mask.shape, piece.area) == ((5, 10), (3, 4), 11)
    again = cut_out("m", mask > 0)
    assert again is not None
    assert again.corner == piece.corner
    assert np.array_equal(again.mask, piece.mask)


@pytest.mark.parametrize(("high", "kinds"), [(255, []), (1, ["mask value"]), (77, ["mask value"])])
def test_one_value_besides_0_is_an_object(high: int, kinds: list[str]) -> None:
    findings: list[ImportFinding] = []
    mask = np.zeros((9, 9), np.uint8)
    mask[2:4, 2:4] = high
    piece = piece_of("c", "m", encode(mask), (9, 9), findings)
    assert piece is not None
    assert piece.area == 4
    assert [f.kind for f in findings] == kinds
