"""Abdomens have organs of plausible size, and are the same patient on any grid."""

from __future__ import annotations

import numpy as np
import pytest

from inklings.simulation.phantoms.abdomen import ORGANS, Abdomen

ML = {
    "liver": (800, 2200),
    "right kidney": (70, 300),
    "left kidney": (70, 300),
    "spleen": (80, 400),
}


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_organs_have_the_volumes_of_adults(seed: int) -> None:
    scan = Abdomen(seed).render((24, 80, 80))
    ml = np.prod(scan.geometry.require_spacing()) / 1000
    for code, organ in enumerate(ORGANS, 1):
        low, high = ML[organ]
        assert low < (scan.codes == code).sum() * ml < high, organ


def test_a_finer_grid_shows_the_same_patient() -> None:
    volumes = []
    for shape in ((24, 64, 64), (24, 96, 96)):
        scan = Abdomen(4).render(shape)
        ml = np.prod(scan.geometry.require_spacing()) / 1000
        volumes.append((scan.codes == 1).sum() * ml)
    assert volumes[0] == pytest.approx(volumes[1], rel=0.05)


def test_the_same_seed_draws_the_same_scan() -> None:
    one, other = (Abdomen(3).render((6, 32, 32)) for _ in range(2))
    np.testing.assert_array_equal(one.codes, other.codes)
    np.testing.assert_array_equal(one.images["in"], other.images["in"])


def test_grey_alone_does_not_find_the_liver() -> None:
    scan = Abdomen(1).render((20, 64, 64))
    image, liver = scan.images["in"], scan.codes == 1
    best = 0.0
    levels = np.percentile(image, np.arange(30, 100, 5))
    for low in levels:
        for high in levels[levels > low]:
            found = (image >= low) & (image < high)
            best = max(best, 2 * (found & liver).sum() / (found.sum() + liver.sum()))
    assert 0.3 < best < 0.7


def test_water_and_fat_cancel_out_of_phase() -> None:
    scan = Abdomen(2).render((10, 48, 48))
    assert scan.images["in"].mean() > 1.1 * scan.images["out"].mean()
