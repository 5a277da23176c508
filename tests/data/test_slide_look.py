import numpy as np
import pytest

from inklings.data import INTENSITIES, NORMALISERS
from inklings.data.slide_look import SlideLook, unchanged
from inklings.data.tissue_finder import everywhere
from inklings.geometry import Geometry
from inklings.readers.array import ArrayImage


def half_glass(shape: tuple[int, int] = (240, 200)) -> tuple[np.ndarray, np.ndarray]:
    """RGB of two dyes below, glass above; and where the tissue is, on a grid 20 times coarser."""
    rng = np.random.default_rng(0)
    amounts = rng.gamma(2.0, 0.25, (2, *shape))
    dyes = np.array([[0.65, 0.07], [0.70, 0.99], [0.29, 0.11]])
    rgb = 240 * np.exp(-np.tensordot(dyes, amounts, 1))
    rgb[:, : shape[0] // 2] = 240
    mask = np.zeros((shape[0] // 20, shape[1] // 20), bool)
    mask[len(mask) // 2 :] = True
    return rgb.astype(np.uint8), mask


def slide(rgb: np.ndarray) -> ArrayImage:
    return ArrayImage(rgb, Geometry(rgb.shape[1:], (0.002, 0.002)), ("R", "G", "B"))


def test_the_scale_of_a_slide_is_that_of_its_tissue() -> None:
    rgb, mask = half_glass()
    centre, width = SlideLook.of(slide(rgb), mask).scale(INTENSITIES.build("zscore", {}))
    below = rgb[:, 120:].astype(float)
    assert float(centre.squeeze()) == pytest.approx(below.mean(), abs=1e-3)
    assert float(width.squeeze()) == pytest.approx(below.std() + 1, abs=1e-3)


def test_a_slide_without_tissue_is_scaled_by_all_of_it() -> None:
    rgb, mask = half_glass()
    none = np.zeros_like(mask)
    centre, _ = SlideLook.of(slide(rgb), none).scale(INTENSITIES.build("zscore", {}))
    assert float(centre.squeeze()) == pytest.approx(rgb.mean(), abs=1e-3)


@pytest.mark.parametrize("name", ["macenko", "reinhard"])
def test_a_tile_is_restained_as_its_place_on_the_slide_is(name: str) -> None:
    rgb, mask = half_glass()
    look = SlideLook.of(slide(rgb), mask)
    restain = look.restain(NORMALISERS.build(name, {}))
    whole = restain(rgb)
    assert np.abs(whole.astype(int) - rgb).mean() > 5
    tile = (slice(None), slice(100, 164), slice(40, 104))
    assert np.array_equal(restain(rgb[tile]), whole[tile])
    alone = NORMALISERS.build(name, {})(rgb[tile])
    assert not np.array_equal(alone, whole[tile])


def test_no_normaliser_leaves_all_as_it_is() -> None:
    rgb, mask = half_glass()
    look = SlideLook.of(slide(rgb), mask)
    assert look.restain(None) is unchanged
    assert look.restained(None) is look


def test_everywhere_looks_at_all_of_a_slide() -> None:
    rgb, _ = half_glass()
    assert everywhere(slide(rgb)).all()
