import numpy as np
import pytest

from inklings.errors import SpecError
from inklings.inference.windows import plan


@pytest.mark.parametrize("length", [1, 7, 64, 65, 100, 511])
@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5, 0.9])
def test_weights_sum_to_one_at_every_sample(length: int, overlap: float) -> None:
    axis = plan(length, 64, overlap, divisor=16)
    total = np.zeros(axis.padded)
    for start, weights in zip(axis.starts, axis.weights, strict=True):
        total[start : start + axis.size] += weights
    np.testing.assert_allclose(total, 1, atol=1e-6)


@pytest.mark.parametrize("length", [65, 100, 127, 1000])
def test_windows_overlap_at_least_as_asked_and_stay_inside(length: int) -> None:
    axis = plan(length, 64, 0.25)
    assert axis.starts[0] == 0
    assert axis.starts[-1] + axis.size == length
    assert np.diff(axis.starts).max() <= 48


def test_an_image_that_fits_is_one_window_no_larger_than_the_divisor_asks() -> None:
    axis = plan(35, 256, 0.25, divisor=16)
    assert (axis.starts, axis.size) == ((0,), 48)


def test_a_window_that_is_no_multiple_of_the_divisor_grows_to_one() -> None:
    assert plan(500, 100, 0.25, divisor=32).size == 128


@pytest.mark.parametrize(("length", "window", "overlap"), [(0, 8, 0.1), (8, 0, 0.1), (8, 8, 1.0)])
def test_impossible_wishes_are_refused(length: int, window: int, overlap: float) -> None:
    with pytest.raises(SpecError, match="expected a length"):
        plan(length, window, overlap)


@pytest.mark.parametrize("length", [64, 65, 100, 127, 1000])
@pytest.mark.parametrize("align", [4, 6])
def test_aligned_windows_cover_the_image_and_their_weights_sum_to_one(
    length: int, align: int
) -> None:
    axis = plan(length, 48, 0.25, divisor=16, align=align)
    assert axis.size % 16 == 0
    assert axis.size % align == 0
    assert not np.any(np.array(axis.starts) % align)
    assert length <= axis.padded < max(length + align, axis.size + 1)
    total = np.zeros(axis.padded)
    for start, weights in zip(axis.starts, axis.weights, strict=True):
        total[start : start + axis.size] += weights
    np.testing.assert_allclose(total, 1, atol=1e-6)
