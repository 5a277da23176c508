"""Distances between borders against a plain search, on grids of every kind."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import cKDTree

from inklings.evaluation.nearest import borders, distances

LEANING = np.stack([[1, 0, 0], [0, 1, 0], [0, np.sin(0.5), np.cos(0.5)]], axis=1)


def blobs(shape: tuple[int, ...], seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=shape)
    return ndimage.gaussian_filter(noise, 2) > 0.05


def plain(one: np.ndarray, other: np.ndarray, spacing, axes, beyond: bool) -> list[np.ndarray]:
    points = []
    for mask in (one, other):
        edge = mask & ~ndimage.binary_erosion(mask, border_value=beyond)
        found = np.argwhere(edge) * spacing
        points.append(found if axes is None else found[:, ::-1] @ axes.T)
    return [cKDTree(b).query(a)[0] for a, b in (points, points[::-1])]


@pytest.mark.parametrize("beyond", [False, True])
@pytest.mark.parametrize(
    ("shape", "spacing", "axes"),
    [
        ((40, 45), (1.0, 1.0), None),
        ((40, 48), (0.3, 2.0), None),
        ((14, 30, 33), (2.0, 0.7265625, 0.7265625), None),
        ((14, 30, 32), (0.7, 3.0, 1.1), None),
        ((14, 30, 32), (5.0, 0.7, 0.7), LEANING),
    ],
)
def test_distances_are_those_of_a_plain_search(shape, spacing, axes, beyond: bool) -> None:
    for seed in range(3):
        one, other = blobs(shape, seed), blobs(shape, seed + 50)
        if seed == 1:  # nearly the same
            other = one ^ (np.random.default_rng(0).random(shape) > 0.999)
        if seed == 2:  # far apart
            one, other = np.zeros(shape, bool), np.zeros(shape, bool)
            one[3:6, 4:9], other[-4:-1, -6:-2] = True, True
        found = borders(one, other, beyond)
        assert found is not None
        for mine, expected in zip(
            distances(found, spacing, axes), plain(one, other, spacing, axes, beyond), strict=True
        ):
            np.testing.assert_allclose(mine, expected, rtol=1e-12, atol=1e-12)


def test_a_mask_without_a_border_has_no_distances() -> None:
    one, nothing = np.ones((4, 5), bool), np.zeros((4, 5), bool)
    assert borders(one, nothing) is None
    assert borders(nothing, one) is None
    assert borders(one, one, beyond=True) is None
    assert borders(one, one) is not None


def test_values_agree_with_monai_to_a_millionth() -> None:
    torch = pytest.importorskip("torch")
    metrics = pytest.importorskip("monai.metrics")
    spacing = (2.5, 0.8, 0.9)
    one, other = blobs((16, 40, 40), 1), blobs((16, 40, 40), 2)
    found = borders(one, other)
    assert found is not None
    mine = float(np.concatenate(distances(found, spacing)).mean())
    theirs = metrics.compute_average_surface_distance(
        torch.from_numpy(one)[None, None],
        torch.from_numpy(other)[None, None],
        include_background=True,
        symmetric=True,
        spacing=list(spacing),
    )
    assert mine == pytest.approx(float(theirs), abs=1e-6)
