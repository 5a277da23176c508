import pytest
import torch

from inklings.errors import SpecError
from inklings.inference.lattice import Lattice


@pytest.mark.parametrize("dimensions", [1, 2, 3, 5])
def test_weights_of_the_corners_are_a_partition_of_one(dimensions):
    points = torch.randn(200, dimensions, generator=torch.Generator().manual_seed(0)) * 3
    lattice = Lattice(points)
    assert lattice.weights.min() > -1e-5
    assert torch.allclose(lattice.weights.sum(1), torch.ones(200), atol=1e-5)


@pytest.mark.parametrize("dimensions", [2, 5])
def test_filters_like_the_gaussian_up_to_a_constant(dimensions):
    points = torch.rand(1500, dimensions, generator=torch.Generator().manual_seed(1)) * 2.5
    signal = torch.rand(1500, 2, generator=torch.Generator().manual_seed(2))
    ours = Lattice(points).filter(signal)
    exact = torch.exp(-0.5 * torch.cdist(points, points) ** 2) @ signal
    ratio = ours / exact
    assert ratio.std() / ratio.mean() < 0.12


def test_far_points_do_not_meet():
    points = torch.tensor([[0.0, 0.0], [50.0, 0.0]])
    assert Lattice(points).filter(torch.eye(2))[0, 1] == 0


def test_points_beyond_the_numbers_are_refused():
    with pytest.raises(SpecError, match="widen the kernel"):
        Lattice(torch.tensor([[0.0] * 5, [1e6] * 5]))
