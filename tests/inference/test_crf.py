import time

import numpy as np
import pytest

from inklings.errors import DataError, SpecError
from inklings.inference.crf import CRF, energies_of_labels, energies_of_probabilities, sharpen

SIZE = (22, 26)


def scene(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A bright ellipse on grey with noise, ``(3, H, W)`` uint8, and where it is."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    inside = ((y - 11) / 7) ** 2 + ((x - 12) / 8) ** 2 < 1
    image = 110 + 60 * inside + rng.normal(0, 8, (3, *SIZE))
    return np.clip(image, 0, 255).astype(np.uint8), inside


def brute_force(image, energies, crf: CRF) -> np.ndarray:
    """Mean field with whole kernel matrices, every pixel against every pixel."""
    y, x = (axis.ravel().astype(float) for axis in np.mgrid[: SIZE[0], : SIZE[1]])
    near = (y[:, None] - y) ** 2 + (x[:, None] - x) ** 2
    colour = image.reshape(len(image), -1).T.astype(float)
    unlike = ((colour[:, None] - colour) ** 2).sum(-1)
    kernels = [
        (crf.smooth_weight, np.exp(-near / (2 * crf.smooth_sigma**2))),
        (
            crf.appearance_weight,
            np.exp(-near / (2 * crf.position_sigma**2) - unlike / (2 * crf.colour_sigma**2)),
        ),
    ]
    unary = energies.reshape(len(energies), -1).T.astype(float)

    def softmax(a):
        e = np.exp(a - a.max(1, keepdims=True))
        return e / e.sum(1, keepdims=True)

    beliefs = softmax(-unary)
    for _ in range(crf.iterations):
        total = -unary
        for weight, kernel in kernels:
            scale = 1 / np.sqrt(kernel.sum(1))
            total = total + weight * (scale[:, None] * (kernel @ (scale[:, None] * beliefs)))
        beliefs = softmax(total)
    return beliefs.T.reshape(energies.shape)


@pytest.mark.parametrize(
    "crf",
    [
        CRF(),
        CRF(position_sigma=6, colour_sigma=25, iterations=3),
        CRF(smooth_weight=0.5, appearance_weight=1, position_sigma=8, iterations=2),
    ],
)
@pytest.mark.parametrize("count", [2, 3])
def test_agrees_with_every_pixel_against_every_pixel(crf, count):
    image, inside = scene()
    labels = inside.astype(int) * (count - 1)
    rng = np.random.default_rng(1)
    labels = np.where(rng.random(SIZE) < 0.2, rng.integers(0, count, SIZE), labels)
    energies = energies_of_labels(labels, count)
    ours, exact = crf.refine(image, energies), brute_force(image, energies, crf)
    assert np.abs(ours.sum(0) - 1).max() < 1e-5
    assert np.abs(ours - exact).mean() < 0.02
    assert (ours.argmax(0) == exact.argmax(0)).mean() > 0.985


def test_the_smoothness_kernel_alone_is_exact():
    image, inside = scene()
    crf = CRF(appearance_weight=0)
    energies = energies_of_probabilities(np.stack([0.7 - 0.4 * inside, 0.3 + 0.4 * inside]))
    assert np.abs(crf.refine(image, energies) - brute_force(image, energies, crf)).max() < 1e-3


def test_a_shifted_outline_moves_to_the_edge_of_the_image():
    image, inside = scene()
    shifted = np.where(np.roll(inside, 2, axis=1), 0.8, 0.2)
    refined = sharpen(image, shifted, CRF(position_sigma=10, colour_sigma=20)) >= 0.5
    assert ((shifted >= 0.5) == inside).mean() < 0.96
    assert (refined == inside).mean() > 0.985


@pytest.mark.parametrize("label", [0, 1])
def test_an_image_of_one_label_keeps_it_instead_of_becoming_all_foreground(label):
    # The reference caught every error around its CRF and returned a mask of 255 everywhere.
    image, _ = scene()
    labels = np.full(SIZE, label)
    refined = CRF().refine(image, energies_of_labels(labels, 2))
    assert (refined.argmax(0) == label).all()


def test_what_does_not_fit_is_an_error_and_not_a_mask():
    image, _ = scene()
    with pytest.raises(DataError, match="on one grid"):
        CRF().refine(image[:, 1:], np.zeros((2, *SIZE)))
    with pytest.raises(DataError, match="finite energies"):
        CRF().refine(image, np.full((2, *SIZE), np.nan))
    with pytest.raises(DataError, match="two or more"):
        CRF().refine(image, np.zeros((1, *SIZE)))
    with pytest.raises(DataError, match="labels below 2, got 3"):
        energies_of_labels(np.full(SIZE, 3), 2)
    with pytest.raises(SpecError, match="certainty"):
        energies_of_labels(np.zeros(SIZE, int), 2, certainty=0.5)
    with pytest.raises(SpecError, match="positive widths"):
        CRF(colour_sigma=0)


def test_label_energies_are_those_of_the_reference():
    energies = energies_of_labels(np.array([[0, 2, -1]]), 3, certainty=0.8)
    expected = np.array([[0.8, 0.1, 0.1], [0.1, 0.1, 0.8], [1 / 3, 1 / 3, 1 / 3]])
    assert np.allclose(np.exp(-energies[:, 0]).T, expected)


def test_no_iteration_gives_back_the_probabilities():
    image, _ = scene()
    probability = np.random.default_rng(0).uniform(0.05, 0.95, SIZE)
    assert sharpen(image, probability, CRF(iterations=0)) == pytest.approx(probability, abs=1e-5)


def test_half_a_thousand_pixels_a_side_take_seconds():
    image = np.random.default_rng(0).integers(90, 130, (3, 512, 512)).astype(np.uint8)
    started = time.process_time()
    sharpen(image, np.full((512, 512), 0.5))
    assert time.process_time() - started < 20
