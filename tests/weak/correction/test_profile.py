import numpy as np
import pytest
from scipy import ndimage

from inklings.weak.correction.profile import border_profile, moved, signed_distance

Y, X = np.mgrid[:128, :128]
DISC = np.hypot(Y - 64, X - 64) <= 30


def textured(mask: np.ndarray, seed: int) -> np.ndarray:
    """Two stains of the same brightness that differ in hue, under noise."""
    rng = np.random.default_rng(seed)
    stains = np.where(mask[..., None], [170, 120, 190], [200, 130, 150])
    noise = ndimage.gaussian_filter(rng.normal(0, 40, (*mask.shape, 3)), (1, 1, 0))
    return np.clip(stains + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("pixels", [-6, 0, 4, 8, 12])
def test_peak_lies_where_the_outlines_were_moved_from(pixels: int) -> None:
    images = [textured(DISC, seed) for seed in range(6)]
    outlines = [moved(DISC, -pixels)] * 6
    profile = border_profile(images, outlines)
    assert abs(profile.offset - pixels) <= 1
    assert profile.height > 0.7


def test_outlines_that_follow_no_border_show_no_peak() -> None:
    images = [textured(np.roll(DISC, 40, 1), seed) for seed in range(6)]
    assert border_profile(images, [DISC] * 6).height < 0.35


def test_distance_is_half_a_sample_on_both_sides_of_the_outline() -> None:
    mask = np.zeros((5, 6), bool)
    mask[:, 3:] = True
    np.testing.assert_allclose(signed_distance(mask)[2], [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5])


def test_moving_out_and_in_again_gives_the_disc_back() -> None:
    back = moved(moved(DISC, -5), 5)
    assert (back ^ DISC).sum() < 0.02 * DISC.sum()


def test_no_outlines_at_all_give_a_flat_profile() -> None:
    assert border_profile([textured(DISC, 0)], [np.zeros_like(DISC)]).height == 0


def test_what_is_thinner_than_the_move_keeps_its_inner_half() -> None:
    thin = np.hypot(Y - 100, X - 100) <= 4
    left = moved(DISC | thin, 12) & thin
    assert 0 < left.sum() < thin.sum()
