import numpy as np
import pytest

from inklings.supervision.base import Target
from inklings.training.thresholds import choose, counts, dice

KNOWN = np.ones((1, 8), np.bool_)
TRUTH = np.array([[[255, 255, 255, 255, 0, 0, 0, 0]]], np.uint8)
DENSE = np.array([[[250, 200, 150, 40, 100, 30, 20, 10]]], np.uint8)


def test_counts_and_dice_of_a_hand_worked_case() -> None:
    table = counts(DENSE, Target(TRUTH, KNOWN))
    assert table[0, :, 128].tolist() == [3, 0]
    assert table[0, :, 40].tolist() == [4, 1]
    assert dice(table)[0, 128] == pytest.approx(6 / 7)
    assert dice(table)[0, 40] == pytest.approx(8 / 9)


def test_the_middle_of_the_best_plateau_is_chosen() -> None:
    dense = np.array([[[210, 210, 210, 210, 100, 100, 100, 100]]], np.uint8)
    (threshold,) = choose([(dense, Target(TRUTH, KNOWN))])
    assert threshold == pytest.approx((101 + 210) / 2 / 255, abs=0.01)


def test_unknown_samples_do_not_count() -> None:
    known = KNOWN.copy()
    known[0, 3] = False  # the positive that was scored low
    (threshold,) = choose([(DENSE, Target(TRUTH, known))])
    assert 100 / 255 < threshold <= 150 / 255


def test_images_count_alike_whatever_the_area_of_their_objects() -> None:
    small = Target(np.array([[[255, 0, 0, 0, 0, 0, 0, 0]]], np.uint8), KNOWN)
    faint = np.array([[[60, 10, 10, 10, 10, 10, 10, 10]]], np.uint8)
    bright = np.array([[[250, 250, 250, 250, 59, 10, 10, 10]]], np.uint8)
    (threshold,) = choose([(faint, small), (bright, Target(TRUTH, KNOWN))])
    assert threshold == pytest.approx(60 / 255, abs=0.003)


def test_a_channel_without_positives_keeps_the_default() -> None:
    assert choose([(DENSE, Target(np.zeros_like(TRUTH), KNOWN))]) == (0.5,)


def test_tiles_are_counted_together_so_that_mistakes_on_empty_ones_count() -> None:
    empty = Target(np.zeros_like(TRUTH), KNOWN)
    loud = np.full_like(DENSE, 90)
    pairs = [(DENSE, Target(TRUTH, KNOWN)), (loud, empty), (loud, empty)]
    (alone,) = choose(pairs)
    (pooled,) = choose(pairs, pooled=True)
    assert alone <= 40 / 255
    assert 100 / 255 < pooled <= 150 / 255


def test_a_case_that_does_not_annotate_a_class_says_nothing_of_its_threshold() -> None:
    dense, value = np.concatenate([DENSE, DENSE]), np.concatenate([TRUTH, TRUTH])
    known = np.stack([KNOWN, np.zeros_like(KNOWN)])
    table = counts(dense, Target(value, known))
    assert (table[0] == counts(DENSE, Target(TRUTH, KNOWN))[0]).all()
    assert not table[1].any()
    both = choose([(dense, Target(value, known)), (dense, Target(0 * value, known[::-1]))])
    assert both == (*choose([(DENSE, Target(TRUTH, KNOWN))]), 0.5)
