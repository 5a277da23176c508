import time

import numpy as np
import pytest

from inklings.geometry import Region
from inklings.simulation.phantoms.tissue import TissueImage, tissue_field
from inklings.simulation.phantoms.world import Look, World


@pytest.fixture(scope="module")
def image() -> TissueImage:
    return TissueImage.of(World(3, (300.0, 400.0), Look.of_patient(1)), 1.0)


def test_a_seed_decides_every_sample() -> None:
    first, second = tissue_field(5, 96), tissue_field(5, 96)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(tissue_field(6, 96)[0], first[0])


@pytest.mark.parametrize("spacing_um", [0.5, 1.0, 2.0])
def test_a_region_equals_the_same_part_of_the_whole(image: TissueImage, spacing_um: float) -> None:
    view = image.at(spacing_um / 1000)
    region = Region((31, 57), (64, 80))
    whole = view.read(view.geometry.full)[(slice(None), *region.slices)]
    assert np.abs(whole.astype(int) - view.read(region)).max() <= 1
    objects = view.objects(view.geometry.full)[region.slices]
    assert (objects != view.objects(region)).mean() < 1e-3


def test_glands_keep_their_place_and_size_at_twice_the_spacing(image: TissueImage) -> None:
    fine, coarse = (view.objects(view.geometry.full) for view in (image, image.at(0.002)))
    blocks = fine.reshape(150, 2, 200, 2)
    agree = (coarse[:, None, :, None] == blocks).mean()
    assert agree > 0.98
    area = {n: (fine == n).sum() * 1.0 for n in np.unique(fine) if n}
    for number, um2 in area.items():
        if um2 > 1000:
            assert (coarse == number).sum() * 4.0 == pytest.approx(um2, rel=0.05)


def test_tumour_is_a_part_of_the_glands_and_objects_are_numbered_without_gaps() -> None:
    for seed in range(4):
        _, objects, tumour = tissue_field(seed, 192)
        assert not tumour[objects == 0].any()
        numbers = np.unique(objects[objects > 0])
        assert numbers.tolist() == list(range(1, len(numbers) + 1))
        for number in numbers:  # an object is tumour as a whole or not at all
            assert len(np.unique(tumour[objects == number])) == 1


def test_stroma_is_pink_and_glands_are_bluer() -> None:
    for seed in range(4):
        rgb, objects, _ = tissue_field(seed, 256)
        red, green, blue = (rgb[..., c].astype(float) for c in range(3))
        tissue = rgb.min(axis=-1) < 215
        assert (red[tissue] > green[tissue]).mean() > 0.9
        tint = blue - red
        assert tint[tissue & (objects > 0)].mean() > tint[tissue & (objects == 0)].mean() + 5


def test_brightness_alone_does_not_find_the_glands() -> None:
    aucs = []
    for seed in range(6):
        rgb, objects, _ = tissue_field(seed, 256)
        grey = rgb.mean(axis=-1).ravel()[::7]
        inside = (objects > 0).ravel()[::7]
        above = (grey[inside][:, None] > grey[~inside][None, :]).mean()
        aucs.append(max(above, 1 - above))
    assert np.mean(aucs) < 0.75


def test_a_field_of_256_samples_takes_less_than_half_a_second_even_on_a_busy_machine() -> None:
    tissue_field(0, 256)
    seconds = []
    for seed in range(1, 6):
        start = time.perf_counter()
        tissue_field(seed, 256)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.5
