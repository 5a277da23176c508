import hashlib
import time

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from inklings.errors import SpecError
from inklings.simulation.phantoms.chest import Chest, Patient, chest
from inklings.simulation.phantoms.chest_anatomy import Anatomy
from inklings.simulation.phantoms.nodules import looks, ratings

SMALL = (48, 96, 96)


@pytest.fixture(scope="module")
def scan() -> Chest:
    return chest(1)


def test_a_chest_is_the_same_to_the_last_bit_whenever_it_is_drawn() -> None:
    one, two = chest(7, SMALL), chest(7, SMALL)
    assert hashlib.sha256(one.image.tobytes()).digest() == hashlib.sha256(two.image).digest()
    assert (one.lungs == two.lungs).all()
    assert one.nodules == two.nodules
    assert (chest(8, SMALL).image != one.image).any()


def test_nodules_have_the_volume_of_their_diameter_at_their_place(scan: Chest) -> None:
    voxel = np.prod(scan.geometry.require_spacing())
    for number, nodule in enumerate(scan.nodules, 1):
        where = np.argwhere(scan.objects == number)
        diameter = (6 * len(where) * voxel / np.pi) ** (1 / 3)
        assert diameter == pytest.approx(nodule.diameter_mm, abs=0.6)
        middle = scan.geometry.to_points(where.mean(0))
        assert np.linalg.norm(middle - nodule.centre_mm) < 1.0


def test_a_patient_on_two_grids_has_the_same_nodules_and_lungs() -> None:
    patient = Patient(2)
    thick, thin = patient.render((40, 96, 96)), patient.render((80, 128, 128))
    assert thick.nodules == thin.nodules == patient.nodules
    volumes = [c.lungs.sum() * np.prod(c.geometry.require_spacing()) for c in (thick, thin)]
    assert volumes[0] == pytest.approx(volumes[1], rel=0.02)
    assert 2e6 < volumes[1] < 8e6  # cubic millimetres: 2 to 8 litres


def test_places_come_back_as_drawn() -> None:
    patient = Patient(2)
    point = np.array([[3.0, -20.0, 41.0]])
    x, y, z = patient.placed(point)[0]
    assert patient.drawn((x, y, z)) == pytest.approx(point[0])


def test_grey_values_are_those_of_a_chest(scan: Chest) -> None:
    assert scan.image.dtype == np.int16
    assert -920 < np.median(scan.image[scan.lungs]) < -780
    assert np.median(scan.image[:, :3, :3]) == pytest.approx(-1000, abs=5)
    body = (scan.image > 0) & ~scan.lungs
    assert 20 < np.median(scan.image[body]) < 90
    assert (scan.image > 250).mean() > 0.002
    for number, nodule in enumerate(scan.nodules, 1):
        inside = np.median(scan.image[scan.objects == number])
        assert (inside > -300) == (nodule.kind in ("solid", "calcified"))


def test_the_noise_has_no_slow_waves() -> None:
    quiet, loud = Patient(1).render(SMALL, noise_hu=0.0), Patient(1).render(SMALL, noise_hu=30.0)
    noise = (loud.image - quiet.image)[20:28, 30:70, 30:70].astype(float)
    spectrum = np.abs(np.fft.fft2(noise - noise.mean((1, 2), keepdims=True))).mean(0)
    assert spectrum[0, 1] < 0.6 * spectrum[5:12, 5:12].mean()
    assert 10 < noise.std() < 60


def test_diameter_alone_gives_an_auc_near_88() -> None:
    rng = np.random.default_rng(0)
    sizes = {m: np.array([looks(rng, m).diameter_mm for _ in range(2000)]) for m in (True, False)}
    auc = mannwhitneyu(sizes[True], sizes[False]).statistic / 2000**2
    assert auc == pytest.approx(0.88, abs=0.015)
    both = np.concatenate(list(sizes.values()))
    assert both.min() >= 4
    assert both.max() <= 30


def test_two_readers_say_4_or_more_exactly_where_a_nodule_is_malignant() -> None:
    rng = np.random.default_rng(1)
    for malignant in (True, False) * 100:
        said = ratings(rng, looks(rng, malignant))
        assert (sum(r >= 4 for r in said) >= 2) == malignant


def test_all_kinds_and_places_occur() -> None:
    found = [nodule for seed in range(40) for nodule in Patient(seed).nodules]
    assert {n.kind for n in found} == {"solid", "part-solid", "ground-glass", "calcified"}
    assert {n.place for n in found} == {"isolated", "juxta-vascular", "juxta-pleural"}
    assert sum(n.spiculation > 0.5 for n in found) > 5
    assert 0.25 < np.mean([n.malignant for n in found]) < 0.55


def test_bumps_of_the_pleura_are_no_knobs() -> None:
    """A knob of 5 mm and more on the pleura is what a reader calls a nodule."""
    points = np.random.default_rng(0).uniform(-100, 100, (3000, 3))
    heights = [Anatomy(seed).bump(points).max() for seed in range(4)]
    assert min(heights) > 0.5
    assert max(heights) <= 3


def test_impossible_numbers_are_refused() -> None:
    with pytest.raises(SpecError, match="0 to 255 nodules"):
        chest(0, nodules=300)


@pytest.mark.slow
def test_a_chest_of_96_by_192_by_192_takes_at_most_two_seconds() -> None:
    chest(0)
    start = time.process_time()
    chest(1)
    assert time.process_time() - start < 2
