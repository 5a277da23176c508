import pytest
import torch
from torch import nn

from inklings.errors import SpecError
from inklings.models.base import crop, multiples, pad, start_at


def test_padding_appends_zeros_and_cropping_takes_them_off():
    images = torch.ones(1, 1, 2, 3, 5)
    size = multiples(images.shape[2:], 4)
    padded = pad(images, size)
    assert size == [4, 4, 8]
    assert padded.shape == (1, 1, 4, 4, 8)
    assert padded.sum() == images.sum()
    assert torch.equal(crop(padded, (2, 3, 5)), images)


def test_what_fits_is_not_copied():
    images = torch.ones(1, 1, 4, 8)
    assert pad(images, (4, 8)) is images


def test_a_layer_without_bias_cannot_start_at_a_prior():
    with pytest.raises(SpecError, match="last layer with a bias"):
        start_at(nn.Conv2d(1, 1, 1, bias=False), 0.1)
