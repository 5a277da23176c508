import pytest
import torch
from torch import nn

from inklings.training.ema import Average


def test_the_average_is_the_hand_worked_one() -> None:
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    average = Average(model, decay=0.5)
    expected = 0.0
    for step, value in enumerate([1.0, 2.0, 4.0]):
        with torch.no_grad():
            model.weight.fill_(value)
        average.update()
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
        assert average.state["weight"].item() == pytest.approx(expected)


def test_within_the_block_the_model_holds_the_average_and_afterwards_its_own_weights() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    average = Average(model, decay=0.9)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    model(torch.randn(2, 1, 8, 8))
    with torch.no_grad():
        model[0].weight.add_(1)
    average.update()
    live = {k: v.clone() for k, v in model.state_dict().items()}
    with average.applied():
        assert not torch.equal(model[0].weight, live["0.weight"])
        assert not torch.equal(model[0].weight, before["0.weight"])
    for name, value in model.state_dict().items():
        assert torch.equal(value, live[name]), name


def test_running_statistics_are_averaged_and_counters_copied() -> None:
    model = nn.BatchNorm2d(1)
    average = Average(model, decay=0.9)
    model(torch.full((2, 1, 4, 4), 10.0))
    average.update()
    assert average.state["running_mean"].item() == pytest.approx(0.9, rel=1e-4)  # 1.0 * (1 - 0.1)
    assert average.state["num_batches_tracked"].item() == 1
