import numpy as np
import pytest

from inklings.data.filter_bank import Middle, Ranks, filter_bank, is_seen
from inklings.errors import DataError


def section(seed: int = 0) -> np.ndarray:
    """Dots of a dye on a paler ground, ``(3, 120, 120)``."""
    rng = np.random.default_rng(seed)
    density = np.full((3, 120, 120), 0.4) * np.array([0.8, 1.2, 0.6])[:, None, None]
    for y, x in rng.integers(5, 115, (150, 2)):
        density[:, y - 2 : y + 3, x - 2 : x + 3] += np.array([0.6, 0.7, 0.4])[:, None, None]
    return np.clip(240 * np.exp(-density), 0, 255).astype(np.uint8)


def test_a_section_stained_twice_as_strongly_has_the_same_features() -> None:
    pale = section()
    density = -np.log(pale / 240.0)
    strong = (240 * np.exp(-1.6 * density)).astype(np.uint8)
    a, b = (filter_bank(image, Middle.of([image])) for image in (pale, strong))
    assert a.shape[:2] == (120, 120)
    same = np.corrcoef(a.reshape(-1), b.reshape(-1))[0, 1]
    assert same > 0.99
    assert np.median(np.abs(a - b)) < 0.05 * a.std()


def test_glass_does_not_move_the_middle_of_a_case() -> None:
    tissue, glass = section(), np.full((3, 300, 300), 244, np.uint8)
    alone, beside = Middle.of([tissue]), Middle.of([tissue, glass])
    assert np.allclose(alone.centre, beside.centre, atol=0.02)
    assert np.allclose(alone.width, beside.width, rtol=0.1)


def test_a_piece_with_its_surroundings_has_the_features_of_the_whole() -> None:
    image = np.tile(section(), (1, 3, 3))
    middle = Middle.of([image])
    whole = filter_bank(image, middle)
    piece = filter_bank(image[:, 100:300, 100:300], middle)[60:-60, 60:-60]
    assert np.abs(whole[160:240, 160:240] - piece).max() < 1e-2 * np.abs(whole).max()


def test_grain_is_what_tells_two_textures_of_one_colour_apart() -> None:
    rng = np.random.default_rng(0)
    fine = rng.choice([0, 1], (100, 200)) * 80.0 + 100
    fine[:, 100:] = fine[:, 100:].mean() + 4 * rng.normal(size=(100, 100))
    found = filter_bank(fine[None], Middle.of([fine[None]]))
    left, right = found[20:-20, 20:80], found[20:-20, 120:180]
    apart = np.abs(left.mean((0, 1)) - right.mean((0, 1))) / (found.std((0, 1)) + 1e-9)
    assert apart.max() > 1.5


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.float32])
def test_a_blank_image_and_any_number_type_have_finite_features(kind: type) -> None:
    for channels in (1, 3, 4):
        image = np.full((channels, 20, 30), 7, kind)
        assert np.isfinite(filter_bank(image, Middle.of([image]))).all()


def test_an_image_of_one_row_is_refused() -> None:
    image = np.zeros((3, 1, 9), np.uint8)
    with pytest.raises(DataError, match="at least 2 samples along each side"):
        filter_bank(image, Middle.of([image]))


def test_ranks_are_the_share_of_the_own_case_below() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(5000, 2)).astype(np.float32)
    ranks = Ranks.of(features)
    asked = np.float32([[-9, -9], [0, 0.6745], [9, 9]])
    below = ranks(asked.reshape(3, 1, 2)).reshape(3, 2) / 255
    assert np.allclose(below, [[0, 0], [0.5, 0.75], [1, 1]], atol=0.03)


def test_no_case_is_known_by_its_levels() -> None:
    """Each feature scaled and moved, as a stain does, has the same ranks."""
    features = np.random.default_rng(0).gamma(2, size=(999, 3)).astype(np.float32)
    moved = features * np.float32([2, 0.5, 7]) + 3
    assert np.abs(Ranks.of(features)(features) - Ranks.of(moved)(moved).astype(int)).max() <= 1


def test_glass_is_not_seen_and_grey_numbers_all_are() -> None:
    beside = np.concatenate([section(), np.full((3, 120, 60), 244, np.uint8)], axis=2)
    beside[:, 50:60, 50:60] = 244  # a lumen
    assert is_seen(beside)[:, :120].all()
    assert not is_seen(beside)[:, 120:].any()
    assert is_seen(np.zeros((1, 4, 5), np.float32)).all()


def test_the_far_end_of_a_filter_has_no_rank_of_its_own() -> None:
    """One dark spot: filters end in squares around it, where features are all but nothing."""
    rng = np.random.default_rng(0)
    grey = np.clip(150 + rng.normal(0, 2, (1, 400, 400)), 0, 255).repeat(3, 0).astype(np.uint8)
    grey[:, 195:205, 195:205] = 10
    features = filter_bank(grey, Middle.of([grey]), 16)
    ranks = Ranks.of(features.reshape(-1, features.shape[-1]))(features)
    ring = np.zeros((400, 400), bool)  # 3.4 to 3.9 widths of the widest filter away
    ring[196:204, 258:264] = True
    beyond = np.zeros((400, 400), bool)
    beyond[196:204, 275:350] = True
    apart = np.abs(ranks[ring].astype(float).mean(0) - ranks[beyond].astype(float).mean(0))
    assert apart.max() < 150  # 236 where the end of a Gaussian is looked at
