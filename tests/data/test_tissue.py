"""Tissue found and ink refused, in shares of what was drawn."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from inklings.data.tissue import (
    Density,
    Saturation,
    Stained,
    White,
    coarse_factor,
    find_tissue,
)
from inklings.errors import ReaderError
from inklings.geometry import Geometry
from inklings.readers.array import ArrayImage
from inklings.simulation.phantoms.stains import STAINS

SHAPE = (420, 640)
PENS = ((30, 60, 180), (20, 130, 70), (200, 30, 45), (35, 35, 40))


@dataclass
class Thumbnail:
    """Two thin biopsies at 8 um a sample, and what lies where."""

    rgb: np.ndarray
    tissue: np.ndarray
    pen: np.ndarray
    black: np.ndarray

    @property
    def glass(self) -> np.ndarray:
        return ndimage.binary_erosion(~(self.tissue | self.pen | self.black), iterations=3)


def texture(rng: np.random.Generator, wavelength: float) -> np.ndarray:
    field = ndimage.gaussian_filter(rng.standard_normal(SHAPE), wavelength)
    return (field / field.std()).astype(np.float32)


def thumbnail(seed: int, strength: float = 1.0, marks: bool = True) -> Thumbnail:
    """``strength`` 1 is a usual stain, 0.2 leaves RGB of about (235, 225, 238)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(np.float32)
    tissue = np.zeros(SHAPE, bool)
    for middle in (120, 300):
        bend = 18 * np.sin(x / 90 + seed + middle) + 6 * texture(rng, 9)
        tissue |= (np.abs(y - middle - bend) < 32) & (x > 60) & (x < 560)
    lumen = texture(rng, 2) > 1.6
    haematoxylin = 0.1 + 0.2 * np.clip(texture(rng, 4) + 0.3, 0, 2)
    eosin = 0.45 + 0.12 * texture(rng, 3)
    densities = [np.where(tissue & ~lumen, strength * d, 0) for d in (haematoxylin, eosin)]
    noise = rng.normal(0, 1.5, SHAPE).astype(np.float32)
    stain = STAINS[seed % len(STAINS)].varied(rng)
    rgb = stain.develop(*(d.astype(np.float32) for d in densities), noise).astype(np.float32)
    rgb *= 1 - 0.06 * ((y / SHAPE[0] - 0.5) ** 2 + (x / SHAPE[1] - 0.5) ** 2)
    pen, black = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    if marks:
        for number, colour in enumerate(PENS):
            left = 110 + 125 * number
            line = (np.abs(y - 210 - 15 * np.sin(x / 25)) < 9) & (np.abs(x - left) < 45)
            line |= (np.abs(x - left) < 6) & (y > 40) & (y < 380)
            cover = ndimage.gaussian_filter(line.astype(np.float32), 0.8) * rng.uniform(0.8, 1)
            under = np.array(colour)[:, None, None] * (rgb / 255) ** 0.3
            rgb = rgb * (1 - cover) + under * cover
            pen |= line
        black[:12] = black[:, -16:] = True
        rgb[:, black] = rng.integers(0, 9, (3, int(black.sum())))
    return Thumbnail(np.clip(rgb, 0, 255).astype(np.uint8), tissue & ~pen & ~black, pen, black)


@pytest.mark.parametrize(("strength", "least"), [(1.0, 0.93), (0.5, 0.92), (0.2, 0.9)])
def test_tissue_is_found_however_pale_beside_pens_and_black_borders(
    strength: float, least: float
) -> None:
    for seed in range(4):
        slide = thumbnail(seed, strength)
        found = Stained()(slide.rgb)
        assert found[slide.tissue].mean() >= least
        assert found[slide.glass].mean() <= 0.001
        assert found[slide.black].mean() == 0


@pytest.mark.parametrize("strength", [1.0, 0.2])
def test_pens_of_four_colours_are_refused(strength: float) -> None:
    for seed in range(4):
        slide = thumbnail(seed, strength)
        found = Stained()(slide.rgb)
        on_glass = slide.pen & (np.abs(np.arange(SHAPE[0])[:, None] - 210) < 30)
        assert found[on_glass].mean() <= 0.002
        assert found[slide.pen].mean() <= 0.12  # where ink lies on tissue, some shows through


def test_the_classical_rules_take_ink_and_borders_for_tissue() -> None:
    slide = thumbnail(0, 0.5)
    for method in (Saturation(), Density(), White()):
        assert method(slide.rgb)[slide.black | slide.pen].mean() > 0.3


@pytest.mark.parametrize("method", [Stained(), Saturation(), Density(), White()])
def test_every_rule_finds_well_stained_tissue_on_a_clean_slide(method) -> None:
    slide = thumbnail(1, marks=False)
    found = method(slide.rgb)
    assert found[slide.tissue].mean() > 0.85
    assert found[slide.glass].mean() < 0.01


@pytest.mark.parametrize("method", [Stained(), Saturation(), Density(), White()])
def test_an_empty_slide_has_no_tissue(method) -> None:
    rng = np.random.default_rng(0)
    noisy = rng.normal(243, 1.5, (3, 200, 200)).astype(np.uint8)
    assert method(noisy).mean() < 0.002
    assert not method(np.full((3, 200, 200), 255, np.uint8)).any()


def test_tinted_glass_beside_white_that_was_never_scanned_is_glass() -> None:
    slide = thumbnail(2, marks=False)
    rgb = np.minimum(slide.rgb, np.array([244, 236, 243], np.uint8)[:, None, None])
    rgb[:, :, 600:] = 255
    found = Stained()(rgb)
    assert found[slide.glass].mean() < 0.002
    assert found[slide.tissue][..., :].mean() > 0.9


def test_a_slide_full_of_tissue_is_found_whole() -> None:
    rng = np.random.default_rng(1)
    shape = (200, 200)
    eosin = rng.uniform(0.4, 0.6, shape).astype(np.float32)
    rgb = STAINS[0].develop(eosin * 0.4, eosin, np.zeros(shape, np.float32))
    assert Stained()(rgb).mean() > 0.99


def test_it_looks_at_about_8_um_whatever_the_resolution() -> None:
    pixels = np.full((3, 4096, 4096), 240, np.uint8)
    slide = ArrayImage(pixels, Geometry((4096, 4096)), ("R", "G", "B"))
    assert coarse_factor(slide) == 16
    assert coarse_factor(slide.spaced(0.00025)) == 32
    assert coarse_factor(slide.spaced(0.001)) == 8
    found = find_tissue(slide, Stained())
    assert found.mask.shape == (256, 256)
    assert found.factor == 16


def test_a_grey_image_is_refused_in_words() -> None:
    grey = ArrayImage(np.zeros((1, 64, 64), np.uint8), Geometry((64, 64), frame="a"), ("grey",))
    with pytest.raises(ReaderError, match="a slide in colour"):
        find_tissue(grey, Stained())


@pytest.mark.parametrize("downsamples", [(1.0, 4.0, 16.0), (1.0, 4.0, 16.0, 64.0), ()])
def test_a_huge_slide_is_looked_at_more_coarsely_so_that_the_view_stays_small(
    downsamples: tuple[float, ...],
) -> None:
    geometry = Geometry((100_000, 100_000), (0.0005, 0.0005))
    slide: Any = SimpleNamespace(geometry=geometry, downsamples=downsamples)
    factor = coarse_factor(slide)
    assert 8e5 < (100_000 / factor) ** 2 <= 8e6
    small: Any = SimpleNamespace(
        geometry=Geometry((20_000, 40_000), (0.0005, 0.0005)), downsamples=downsamples
    )
    assert coarse_factor(small) == 16
