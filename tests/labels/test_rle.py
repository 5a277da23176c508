"""Run-length text: hand-written runs, exact round trips, refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as owner

from inklings.errors import LabelError
from inklings.labels.rle import decode, encode, encode_objects, lengths, of_lengths


def test_counts_from_one_down_the_columns() -> None:
    mask = np.zeros((3, 4), np.bool_)
    mask[1:, 0], mask[0, 1], mask[2, 3] = True, True, True
    # column 0 holds 1 2 3, column 1 holds 4 5 6, column 3 ends at 12
    assert encode(mask) == "2 3 12 1"
    assert (decode("2 3 12 1", (3, 4)) == mask).all()


def test_empty_and_full() -> None:
    assert encode(np.zeros((3, 4), np.bool_)) == ""
    assert not decode("", (3, 4)).any()
    assert encode(np.ones((3, 4), np.bool_)) == "1 12"
    assert decode("1 12", (3, 4)).all()


@settings(max_examples=60, deadline=None)
@given(arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_round_trip_of_any_mask_is_exact(mask: np.ndarray) -> None:
    assert (decode(encode(mask), mask.shape) == mask).all()


@settings(max_examples=60, deadline=None)
@given(arrays(np.uint16, (7, 6), elements=st.integers(0, 4)))
def test_objects_encode_as_one_by_one(objects: np.ndarray) -> None:
    texts = encode_objects(objects)
    assert list(texts) == [n for n in np.unique(objects).tolist() if n]
    for number, text in texts.items():
        assert text == encode(objects == number)
        assert (decode(text, (7, 6)) == (objects == number)).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 2 3", "expected pairs"),
        ("1 x", "whole numbers"),
        ("0 2", "expected runs within"),
        ("11 3", r"got '11 3'; is the shape"),
        ("1 0", "expected runs within"),
        ("3 4 5 1", "overlap"),
        ("8 1 2 1", "ascending"),
    ],
)
def test_damaged_text_is_explained(text: str, message: str) -> None:
    with pytest.raises(LabelError, match=message):
        decode(text, (3, 4))


@settings(max_examples=60, deadline=None)
@given(arrays(np.bool_, st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple)))
def test_lengths_of_any_mask_come_back_and_are_those_of_coco(mask: np.ndarray) -> None:
    runs = lengths(mask)
    assert (of_lengths(runs, mask.shape) == mask).all()
    column = {"size": [mask.size, 1], "counts": runs}
    theirs = owner.decode(owner.frPyObjects(column, mask.size, 1))
    assert theirs.ravel().tolist() == mask.ravel(order="F").tolist()


@pytest.mark.parametrize("runs", [[1, 2], [-1, 7], [7], [], [2**62, 2**62, 2**63 - 1]])
def test_lengths_of_another_mask_are_refused(runs: list[int]) -> None:
    with pytest.raises(LabelError, match="mask of 2 x 3"):
        of_lengths(runs, (2, 3))
