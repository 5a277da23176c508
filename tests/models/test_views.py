"""Several views of one picture."""

import pytest
import torch

from inklings.errors import SpecError
from inklings.models.bags import BagModel
from inklings.models.views import Affine, views

PICTURES = torch.rand((5, 2, 12, 10), generator=torch.Generator().manual_seed(1))


def test_a_view_depends_neither_on_place_nor_on_neighbours() -> None:
    every = views(PICTURES, 4, Affine(bend=0.03))
    assert every.shape == (4, 5, 2, 12, 10)
    assert torch.allclose(views(PICTURES[[3]], 4, Affine(bend=0.03))[:, 0], every[:, 3], atol=1e-6)
    assert not torch.allclose(every[0], every[1], atol=0.05)


def test_bending_moves_places_apart_by_its_share_of_the_side() -> None:
    grid = torch.arange(21.0)
    spots = torch.zeros((400, 1, 21, 21))
    spots[:, :, 10, 10] = 1
    moved = Affine(0, 0, 0, 0, bend=0.05)(spots, torch.Generator().manual_seed(0))
    centre = (moved[:, 0].sum(1) * grid).sum(1) / moved.sum((1, 2, 3)).clamp(min=1e-6)
    assert float((centre - 10).std()) == pytest.approx(0.05 * 21, rel=0.2)


def test_in_use_a_model_pools_the_mean_over_views_and_in_training_it_does_not() -> None:
    torch.manual_seed(0)
    net = BagModel(2, 1, (2, 12, 10), encoder="small_cnn", pooling="mean", views=4)
    net.eval()
    with torch.no_grad():
        apart = [net._through(view) for view in views(PICTURES, 4, Affine())]
        assert torch.allclose(net.encode(PICTURES), torch.stack(apart).mean(0), atol=1e-6)
        shuffled = net(PICTURES[[4, 2, 0, 1, 3]]).logits
        assert torch.allclose(net(PICTURES).logits, shuffled, atol=1e-5)
        net.train()
        torch.manual_seed(1)
        once = net.encode(PICTURES)
        torch.manual_seed(1)
        assert torch.allclose(once, net._through(PICTURES), atol=1e-6)


def test_features_have_no_views() -> None:
    with pytest.raises(SpecError, match="more with pictures"):
        BagModel(4, 1, (4,), views=8)
