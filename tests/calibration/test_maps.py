import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit, logit

from inklings.calibration.maps import Map, disjoint, first_level, kept_at, level_logits, within_one
from inklings.errors import DataError

MAPS = [
    Map(),
    Map("temperature", 1 / 3, 1 / 3),
    Map("temperature", 4.0, 4.0),
    Map("scale and shift", 0.7, 0.7, -2.0),
    Map("beta", 0.1, 5.0, 3.0),
    Map("beta", 20.0, 0.02, -8.0),
]


@pytest.mark.parametrize("change", MAPS, ids=str)
def test_a_map_never_falls(change: Map) -> None:
    p = np.linspace(0, 1, 1001)
    assert (np.diff(change(p)) >= 0).all()
    assert (np.diff(change.levels.astype(int)) >= 0).all()
    assert (change(0.0), change(1.0)) == (0, 1)


def test_the_methods_are_what_the_papers_say() -> None:
    x = np.linspace(-6, 6, 25)
    p = expit(x)
    assert np.allclose(Map("temperature", 0.5, 0.5)(p), expit(x / 2))
    assert np.allclose(Map("scale and shift", 0.5, 0.5, -1)(p), expit(x / 2 - 1))
    # Kull et al. (2017), equation of the beta calibration map.
    a, b, c = 0.6, 1.7, 0.4
    assert np.allclose(Map("beta", a, b, c)(p), 1 / (1 + 1 / (np.exp(c) * p**a / (1 - p) ** b)))


def test_a_level_stands_for_what_is_rounded_to_it() -> None:
    p = expit(level_logits())
    assert p[[0, 255]] == pytest.approx([1 / 1020, 1 - 1 / 1020])
    assert np.allclose(p[1:-1], np.arange(1, 255) / 255)
    assert level_logits()[51] == pytest.approx(logit(0.2))


def test_a_map_that_falls_is_refused() -> None:
    with pytest.raises(DataError, match="a map that rises"):
        Map("beta", -1.0, 1.0)


@pytest.mark.parametrize("change", MAPS, ids=str)
@pytest.mark.parametrize("threshold", [0.001, 0.02, 0.3, 127.5 / 255, 0.5, 0.9, 0.999])
def test_the_mask_is_the_same_at_the_threshold_that_moves_with_the_map(
    change: Map, threshold: float
) -> None:
    every = np.arange(256, dtype=np.uint8)
    cut = kept_at(change, threshold)
    before = every >= np.float32(threshold * 255)
    after = cut.levels[every] >= np.float32(cut.threshold * 255)
    assert (before == after).all()
    assert first_level(cut.threshold) == cut.cut
    assert (np.diff(cut.levels.astype(int)) >= 0).all()
    assert np.abs(cut.levels.astype(int) - change.levels).max() <= 1 or cut.cut == 1


def exclusive(rng: np.random.Generator, classes: int, n: int = 4000) -> NDArray[np.uint8]:
    p = rng.dirichlet(np.full(classes + 1, 0.5), n)[:, 1:]
    return np.floor(p * 255).astype(np.uint8).T


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_exclusive_classes_add_up_to_one_at_most_and_keep_their_masks(classes: int) -> None:
    rng = np.random.default_rng(classes)
    fitted = 0
    for _ in range(60):
        dense = exclusive(rng, classes)
        thresholds = rng.uniform(0.2, 0.8, classes)
        a, b, c = np.exp(rng.normal(0, 0.4, classes)), np.exp(rng.normal(0, 0.4, classes)), 0.3
        cuts = [
            kept_at(Map("beta", float(a[k]), float(b[k]), c), float(thresholds[k]))
            for k in range(classes)
        ]
        before = [first_level(float(t)) for t in thresholds]
        if not disjoint(before, [cut.cut for cut in cuts]):
            continue
        fitted += 1
        raised = np.stack([cut.levels[one] for cut, one in zip(cuts, dense, strict=True)])
        out = within_one(raised, [cut.cut for cut in cuts])
        assert out.sum(0, dtype=int).max() <= 255
        assert (out <= raised).all()
        for k, cut in enumerate(cuts):
            mask = dense[k] >= np.float32(thresholds[k] * 255)
            assert (mask == (out[k] >= np.float32(cut.threshold * 255))).all()
    assert fitted > 5


def test_masks_that_never_meet_may_be_cut_anywhere() -> None:
    assert disjoint([128, 128], [200, 200])
    assert not disjoint([100, 100], [130, 130])
    assert disjoint([100, 100], [130, 120])
    assert disjoint([90, 90, 90], [127, 127, 127])  # three masks never meet, two may
