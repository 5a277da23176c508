import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow

from inklings.cohorts.duplicates import exact_duplicates, near_duplicates, perceptual_hash
from inklings.cohorts.fingerprint import ImageStatistics, look
from inklings.geometry import Geometry
from inklings.simulation.phantoms.chest import chest
from inklings.simulation.phantoms.nuclei import Microscope, nuclei_field

Picture = NDArray[np.uint8]


def seen(picture: Picture, name: str = "a") -> ImageStatistics:
    array = np.moveaxis(picture, -1, 0)
    return look(name, "image", Geometry(array.shape[1:]), array)


def jpeg(picture: Picture) -> Picture:
    file = io.BytesIO()
    Pillow.fromarray(picture).save(file, "JPEG", quality=60)
    return np.asarray(Pillow.open(file))


def half(picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    return np.asarray(Pillow.fromarray(picture).resize((width // 2, height // 2)))


def brighter(picture: Picture) -> Picture:
    return np.clip(picture * 1.4 + 12, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("microscope", ["fluorescence", "stained", "bright-field"])
@pytest.mark.parametrize("change", [jpeg, half, brighter, np.rot90, np.fliplr])
def test_a_changed_copy_is_a_near_duplicate(change, microscope: Microscope) -> None:
    picture = nuclei_field(3, 192, microscope)[0]
    looks = [seen(picture), seen(nuclei_field(4, 192, microscope)[0]), seen(change(picture))]
    assert [pair[:2] for pair in near_duplicates(looks)] == [(0, 2)]


def test_exact_copies_are_not_near_duplicates_too() -> None:
    picture = nuclei_field(3, 128)[0]
    looks = [seen(picture), seen(picture.copy())]
    assert exact_duplicates(looks) == [[0, 1]]
    assert near_duplicates(looks) == []


def test_almost_black_images_do_not_collapse_into_one_group() -> None:
    looks = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        dark = rng.poisson(4, (96, 96, 1)).repeat(3, 2)
        y, x = rng.integers(8, 80, 2)
        dark[y : y + 8, x : x + 8] += 30
        looks.append(seen(dark.astype(np.uint8)))
    assert near_duplicates(looks) == []


def test_shared_vignetting_is_not_a_shared_picture() -> None:
    y, x = np.mgrid[-1:1:96j, -1:1:96j]
    light = 200 - 120 * (x**2 + y**2) / 2
    grain = [np.random.default_rng(seed).normal(0, 3, (96, 96)) for seed in range(6)]
    pictures = [(light + one)[..., None].repeat(3, 2).astype(np.uint8) for one in grain]
    assert near_duplicates([seen(picture) for picture in pictures]) == []


def test_blank_pictures_are_not_duplicates_of_each_other() -> None:
    looks = [seen(np.full((64, 64, 3), 7, np.uint8)) for _ in range(3)]
    assert exact_duplicates(looks) == []
    assert near_duplicates(looks) == []


def test_the_hash_does_not_see_brightness_or_contrast() -> None:
    stack = np.random.default_rng(0).normal(size=(2, 64, 64)).astype(np.float32)
    assert (perceptual_hash(stack) == perceptual_hash(3 * stack + 50)).all()
    assert perceptual_hash(stack).shape == (2, 63)


def test_chests_of_two_patients_are_no_duplicates_but_a_noisier_copy_is() -> None:
    scans = [chest(seed, (3, 96, 96), (40.0, 3.4, 3.4)) for seed in (1, 8, 9)]
    rng = np.random.default_rng(0)
    noisy = (scans[0].image + rng.normal(0, 15, scans[0].image.shape)).astype(np.int16)
    arrays = [*(scan.image for scan in scans), noisy]
    looks = [look(str(k), "ct", scans[0].geometry, a[None]) for k, a in enumerate(arrays)]
    assert [pair[:2] for pair in near_duplicates(looks)] == [(0, 3)]
