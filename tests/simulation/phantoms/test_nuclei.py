import numpy as np
import pytest
from skimage.filters import threshold_otsu

from inklings.datasets.modality import modality
from inklings.simulation.phantoms.nuclei import MICROSCOPES, Microscope, nuclei_field


@pytest.mark.parametrize("microscope", MICROSCOPES)
def test_a_seed_decides_every_sample(microscope: Microscope) -> None:
    first, second = nuclei_field(5, 128, microscope), nuclei_field(5, 128, microscope)
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])
    assert first[2] == microscope


@pytest.mark.parametrize("microscope", MICROSCOPES)
def test_nuclei_are_numbered_without_gaps_and_none_is_a_speck(microscope: Microscope) -> None:
    for seed in range(3):
        _, nuclei, _ = nuclei_field(seed, (192, 256), microscope)
        assert nuclei.shape == (192, 256)
        numbers, areas = np.unique(nuclei[nuclei > 0], return_counts=True)
        assert numbers.tolist() == list(range(1, len(numbers) + 1))
        assert len(numbers) >= 5
        assert areas.min() >= 4


def test_fluorescence_is_grey_and_otsu_finds_its_foreground() -> None:
    dices = []
    for seed in range(5):
        rgb, nuclei, _ = nuclei_field(seed, 256, "fluorescence")
        assert (rgb[..., 0] == rgb[..., 1]).all()
        found, true = rgb[..., 0] > threshold_otsu(rgb[..., 0]), nuclei > 0
        dices.append(2 * (found & true).sum() / (found.sum() + true.sum()))
    assert np.mean(dices) > 0.85


def test_some_nuclei_touch() -> None:
    touching = 0
    for seed in range(5):
        _, nuclei, _ = nuclei_field(seed, 256)
        a, b = nuclei[:, :-1], nuclei[:, 1:]
        touching += int(((a > 0) & (b > 0) & (a != b)).any())
    assert touching >= 3


def test_the_importer_tells_fluorescence_from_stain() -> None:
    for seed in range(5):
        assert modality(nuclei_field(seed, 128, "fluorescence")[0]) == "fluorescence"
        assert modality(nuclei_field(seed, 128, "stained")[0]) == "stained"
