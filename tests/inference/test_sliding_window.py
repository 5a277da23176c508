from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from inklings.inference.sliding_window import sliding_window
from inklings.predictions.numbers import quantise


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.float32) / 255


@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (1, 5, 300), (3, 64, 64), (2, 65, 63), (1, 129, 201), (2, 19, 33, 41)]
)
@pytest.mark.parametrize("flips", [False, True])
def test_a_network_that_returns_its_input_gives_the_image_back(
    shape: tuple[int, ...], flips: bool
) -> None:
    image = noise(*shape)
    result = sliding_window(
        lambda x: x, image, window=32, divisor=16, batch_size=3, mirroring=flips
    )
    np.testing.assert_array_equal(result, quantise(image))


@pytest.mark.parametrize("dimensions", [2, 3])
def test_seams_do_not_show(dimensions: int) -> None:
    torch.manual_seed(0)
    convolution = (nn.Conv2d if dimensions == 2 else nn.Conv3d)(1, 1, 5, padding=2)

    def forward(x: Tensor) -> Tensor:
        return convolution(x).sigmoid()

    image = noise(1, *(150, 97, 40)[:dimensions])
    window = 48 if dimensions == 2 else 24
    whole = sliding_window(forward, image, window=512).astype(int)
    pieces = sliding_window(forward, image, window=window, overlap=0.5).astype(int)
    assert np.abs(whole - pieces).max() <= 2
    assert np.abs(whole - pieces).mean() < 0.05


def calls(seen: list[tuple[int, ...]]) -> Callable[[Tensor], Tensor]:
    def forward(x: Tensor) -> Tensor:
        seen.append(tuple(x.shape))
        return x

    return forward


def test_an_image_that_fits_the_window_takes_one_pass() -> None:
    seen: list[tuple[int, ...]] = []
    sliding_window(calls(seen), noise(3, 250, 130), window=256, divisor=16)
    assert seen == [(1, 3, 256, 144)]


def test_windows_go_through_in_batches_of_one_size() -> None:
    seen: list[tuple[int, ...]] = []
    sliding_window(calls(seen), noise(1, 100, 100), window=48, overlap=0.25, batch_size=2)
    assert {shape[1:] for shape in seen} == {(1, 48, 48)}
    assert [shape[0] for shape in seen] == [2, 1] * 3


def test_flips_average_the_mirror_images() -> None:
    ramp = torch.linspace(0, 1, 8).repeat(8, 1)
    result = sliding_window(
        lambda x: ramp.expand_as(x), np.zeros((1, 8, 8), np.float32), window=8, mirroring=True
    )
    assert np.unique(result).tolist() == [128]
