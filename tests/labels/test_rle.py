"""Run-length text: hand-written runs, exact round trips, refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from inklings.errors import LabelError
from inklings.labels.rle import decode, encode, encode_objects


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
