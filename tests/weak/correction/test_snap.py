import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from inklings.weak.correction.snap import is_colour, snap

Y, X = np.mgrid[:96, :96]


def disc(radius: float, y: float = 48, x: float = 48) -> NDArray[np.bool_]:
    mask: NDArray[np.bool_] = np.hypot(Y - y, X - x) <= radius
    return mask


def picture(mask: NDArray[np.bool_], blur: float = 1.5) -> NDArray[np.uint8]:
    """A bright object on a dark ground behind a Gaussian point spread, with photon noise."""
    rng = np.random.default_rng(0)
    clean = ndimage.gaussian_filter(20 + 180 * mask.astype(float), blur)
    return np.clip(clean + rng.normal(0, 4, mask.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("wide", [18, 20, 24])
def test_outline_drawn_too_wide_comes_back_to_the_true_disc(wide: int) -> None:
    # The half of the square root lies below the half of the signal: two thirds of a sample out.
    snapped = snap(picture(disc(15)), disc(wide)).mask
    assert not snapped[~disc(16)].any()
    assert snapped[disc(15)].all()


def test_core_grows_to_the_true_disc_and_no_further_than_allowed() -> None:
    truth = disc(15)
    snapped = snap(picture(truth), disc(10)).mask
    assert snapped.sum() == pytest.approx(truth.sum(), rel=0.08)
    assert not snapped[~disc(17)].any()


def test_neighbour_that_nobody_marked_is_not_swallowed() -> None:
    marked, other = disc(10, 40, 30), disc(10, 40, 56)
    snapped = snap(picture(marked | other), marked).mask
    assert not snapped[other].any()


def test_dark_objects_on_bright_ground_snap_alike() -> None:
    truth = disc(15)
    snapped = snap(255 - picture(truth), disc(20)).mask
    assert snapped.sum() == pytest.approx(truth.sum(), rel=0.08)


def test_area_tells_the_kind_of_weakness() -> None:
    image = picture(disc(15))
    ratio = {r: (lambda a: a[0, 1] / a[0, 0])(snap(image, disc(r)).areas) for r in (10, 15, 20)}
    assert ratio[10] > 1.4
    assert 0.9 < ratio[15] < 1.1
    assert ratio[20] < 0.7


def test_clean_levels_have_contrast_and_noise_has_little() -> None:
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 255, (96, 96)).astype(np.uint8)
    assert snap(picture(disc(15)), disc(15)).contrast[0] > 0.8
    assert snap(noise, disc(15)).contrast[0] < 0.75


@pytest.mark.parametrize("mask", [np.zeros((96, 96), bool), np.ones((96, 96), bool)])
def test_nothing_or_everything_marked_stays_as_it_is(mask: NDArray[np.bool_]) -> None:
    snapped = snap(picture(disc(15)), mask)
    np.testing.assert_array_equal(snapped.mask, mask)
    assert len(snapped.areas) == 0


def test_grey_saved_as_rgb_is_grey_and_a_stain_is_colour() -> None:
    grey = np.repeat(picture(disc(15))[..., None], 3, -1)
    assert not is_colour(grey)
    assert is_colour(grey * np.array([1.0, 0.6, 0.8]).astype(np.float32))
