import numpy as np
import pytest

from inklings.errors import LabelError
from inklings.refinement.threshold import choose_threshold, dice_by_level


def test_dice_by_level_is_dice_at_each_level() -> None:
    rng = np.random.default_rng(0)
    probability = rng.integers(0, 256, (40, 30), dtype=np.uint8)
    mask = rng.random((40, 30)) < probability / 300
    curve = dice_by_level(probability, mask)
    for level in (1, 77, 128, 255):
        said = probability >= level
        assert curve[level - 1] == pytest.approx(
            2 * (said & mask).sum() / (said.sum() + mask.sum())
        )


def test_the_middle_of_a_plateau_is_chosen() -> None:
    probability = np.array([[100] * 5 + [200] * 5], np.uint8)
    chosen = choose_threshold([probability], [probability == 200])
    assert chosen.dice == 1
    assert chosen.threshold * 255 == pytest.approx(150, abs=1)


def test_every_image_counts_the_same() -> None:
    large = np.full((100, 100), 60, np.uint8)
    small = np.array([[40, 200]], np.uint8)
    chosen = choose_threshold([large, small, small], [large > 0, small > 100, small > 100])
    assert 40 < chosen.threshold * 255 <= 60


def test_an_empty_mask_asks_for_silence() -> None:
    noise = np.array([[10, 90]], np.uint8)
    assert choose_threshold([noise], [np.zeros((1, 2), bool)]).threshold * 255 > 90


def test_unknown_samples_have_no_say() -> None:
    probability = np.array([[50, 150, 250]], np.uint8)
    mask = np.array([[False, True, False]])
    chosen = choose_threshold([probability], [mask], [np.array([[True, True, False]])])
    assert chosen.dice == 1
    assert 50 < chosen.threshold * 255 <= 150


def test_no_image_is_an_error() -> None:
    with pytest.raises(LabelError, match="cannot choose a threshold"):
        choose_threshold([], [])
