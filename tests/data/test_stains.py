"""Dyes are found, and exchanged without touching glass; a tile without any comes back as it was."""

import dataclasses

import numpy as np
import pytest
from scipy import ndimage

from inklings.data import NORMALISERS, TRANSFORMS
from inklings.data.crops import Sample, cut
from inklings.data.intensity import Half, ZScore
from inklings.data.stains import (
    REFERENCE,
    Macenko,
    Reinhard,
    StainJitter,
    find_stains,
    optical_density,
)
from inklings.errors import SpecError
from inklings.supervision.base import Target

DYES = {
    "violet": np.array([[0.65, 0.07], [0.70, 0.99], [0.29, 0.11]]),
    "blue": np.array([[0.49, 0.11], [0.77, 0.93], [0.41, 0.34]]),
}


def stained(dyes: np.ndarray, seed: int = 0, glass: float = 0.3, strength: float = 1.0):
    """RGB ``(3, 160, 160)`` with nuclei, stroma and a share of glass, and the amounts."""
    rng = np.random.default_rng(seed)
    shape = (160, 160)
    unit = dyes / np.linalg.norm(dyes, axis=0)
    nuclei = (ndimage.gaussian_filter(rng.standard_normal(shape), 2) > 0.12).astype(float)
    stroma = rng.uniform(0.5, 1.0, shape)
    amounts = np.stack([nuclei * rng.uniform(0.8, 1.4, shape), stroma * (1 - 0.97 * nuclei)])
    amounts[:, : int(glass * 160)] = 0
    light = 239 * np.exp(-np.tensordot(unit, amounts * strength, 1))
    return np.clip(np.rint(light), 0, 255).astype(np.uint8), unit


@pytest.mark.parametrize("name", DYES)
@pytest.mark.parametrize("glass", [0.0, 0.3, 0.8])
def test_known_dyes_are_found_within_four_degrees(name: str, glass: float) -> None:
    rgb, unit = stained(DYES[name], glass=glass)
    found = find_stains(rgb)
    assert found is not None
    for k in range(2):
        cosine = float(found.vectors[:, k] @ unit[:, k])
        assert np.degrees(np.arccos(min(1.0, cosine))) < 4


def test_two_laboratories_look_alike_after_normalisation() -> None:
    violet, blue = (stained(DYES[name])[0] for name in DYES)
    before = np.abs(violet.astype(float) - blue).mean()
    one, two = (Macenko()(rgb).astype(float) for rgb in (violet, blue))
    assert before > 8
    assert np.abs(one - two).mean() < 0.35 * before
    one, two = (Reinhard()(rgb).astype(float) for rgb in (violet, blue))
    assert np.abs(one - two).mean() < 0.6 * before


def test_an_image_in_the_colours_of_the_target_stays_as_it_is() -> None:
    rgb, _ = stained(DYES["violet"])
    own = find_stains(rgb)
    assert own is not None
    again = Macenko(target=own)(rgb)
    assert np.abs(again.astype(float) - rgb).mean() < 1.0
    same = Reinhard.of(rgb)(rgb)
    assert np.abs(same.astype(float) - rgb).mean() < 1.0


def test_a_stain_twice_as_strong_is_matched() -> None:
    weak, strong = (stained(DYES["violet"], strength=s)[0] for s in (0.6, 1.2))
    one, two = (Macenko()(rgb).astype(float) for rgb in (weak, strong))
    assert np.abs(one - two).mean() < 0.25 * np.abs(weak.astype(float) - strong).mean()


@pytest.mark.parametrize("name", list(NORMALISERS))
@pytest.mark.parametrize("value", [0, 128, 239, 255])
def test_a_blank_tile_comes_back_as_it_was(name: str, value: int) -> None:
    tile = np.full((3, 64, 64), value, np.uint8)
    if name == "reinhard" and value in (0, 128):
        assert np.isfinite(NORMALISERS.build(name, {})(tile).astype(float)).all()
        return
    assert (NORMALISERS.build(name, {})(tile) == tile).all()


@pytest.mark.parametrize("name", list(NORMALISERS))
def test_a_tile_with_a_crumb_of_tissue_comes_back_as_it_was(name: str) -> None:
    rng = np.random.default_rng(0)
    tile = rng.normal(244, 1.5, (3, 256, 256)).astype(np.uint8)
    tile[:, 10:16, 10:16] = np.array([150, 80, 160], np.uint8)[:, None, None]
    assert (NORMALISERS.build(name, {})(tile) == tile).all()


@pytest.mark.parametrize("name", list(NORMALISERS))
def test_glass_keeps_its_colour(name: str) -> None:
    rgb, _ = stained(DYES["blue"], glass=0.4)
    rgb[:, :50] = 247
    new = NORMALISERS.build(name, {})(rgb)
    assert np.abs(new[:, :50].astype(int) - 247).max() <= 2


def test_a_tile_may_take_the_stains_of_its_slide() -> None:
    slide, _ = stained(DYES["blue"], glass=0.0)
    own = find_stains(slide)
    assert own is not None
    only_stroma = np.clip(
        np.rint(239 * np.exp(-own.vectors[:, 1] * 0.7)[:, None, None] * np.ones((3, 40, 40))),
        0,
        255,
    ).astype(np.uint8)
    assert find_stains(only_stroma) is None
    new = Macenko(stains=own)(only_stroma)
    density = optical_density(new)[:, 20, 20]
    cosine = density @ REFERENCE[:, 1] / np.linalg.norm(density) / np.linalg.norm(REFERENCE[:, 1])
    assert cosine > 0.995


def test_a_blank_reference_is_refused() -> None:
    with pytest.raises(SpecError, match="with tissue in it"):
        Reinhard.of(np.full((3, 64, 64), 250, np.uint8))


def sample(intensity) -> tuple[Sample, np.ndarray]:
    rgb, _ = stained(DYES["violet"])
    value, known = np.zeros((1, 160, 160), np.uint8), np.ones((160, 160), bool)
    from inklings.geometry import Region

    region = Region((0, 0), (160, 200))
    return cut(rgb, Target(value, known), region, intensity.scale(rgb)), rgb


def test_jitter_changes_the_dyes_and_neither_glass_nor_padding() -> None:
    before, rgb = sample(Half())
    after = StainJitter(amount=0.3, probability=1.0)(before, np.random.default_rng(1))
    changed = np.abs(after.inputs - before.inputs)
    glass = np.zeros((160, 200), bool)
    glass[:, :160] = (rgb == 239).all(0)
    assert changed[:, ~before.valid].max() == 0
    assert changed[:, glass].max() < 0.02
    assert changed[:, :, :160][:, rgb.max(0) < 230].mean() > 0.02
    assert after.inputs.dtype == np.float32
    assert after.value is before.value
    assert after.known is before.known


def test_jitter_is_the_same_whatever_the_normalisation() -> None:
    pictures = []
    for intensity in (Half(), ZScore()):
        before, rgb = sample(intensity)
        after = StainJitter(probability=1.0)(before, np.random.default_rng(2))
        centre, width = intensity.scale(rgb)
        pictures.append((after.inputs * width + centre)[:, :, :160])
    assert np.abs(pictures[0] - pictures[1]).max() < 0.05


def test_jitter_is_drawn_from_its_generator_and_leaves_grey_images() -> None:
    before, _ = sample(Half())
    jitter = TRANSFORMS["pictures"].build("stain_jitter", {"amount": 0.2})
    one, two, other = (jitter(before, np.random.default_rng(s)).inputs for s in (3, 3, 4))
    assert (one == two).all()
    assert not (one == other).all()
    grey = dataclasses.replace(before, inputs=before.inputs[:1])
    assert jitter(grey, np.random.default_rng(3)).inputs is grey.inputs
    with pytest.raises(SpecError, match="amount < 1"):
        TRANSFORMS["pictures"].build("stain_jitter", {"amount": 1.5})
