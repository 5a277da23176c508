"""The contracts catch what they promise to catch."""

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from inklings.losses.base import Loss
from inklings.models.base import Model
from inklings.tensors import Batch, Output
from inklings.testing.contracts import LossContract, ModelContract


class Careless(Loss):
    """A loss that looks at every sample, in the precision it is given."""

    def forward(self, output: Output, batch: Batch) -> torch.Tensor:
        p = torch.sigmoid(output.logits)
        return -(batch.value * p.log() + (1 - batch.value) * (1 - p).log()).mean()


class CarelessLoss(LossContract):
    def build(self) -> nn.Module:
        return Careless()


@pytest.mark.parametrize(
    "broken",
    [
        "test_is_blind_to_unknown_samples_unless_it_declares_to_read_them",
        "test_values_of_unknown_samples_are_placeholders",
        "test_padding_adds_exactly_nothing",
        "test_cutting_padding_off_changes_nothing",
        "test_nothing_known_gives_no_reason_to_move",
        "test_nothing_valid_gives_no_reason_to_move",
    ],
)
def test_a_loss_that_looks_everywhere_is_caught(broken):
    with pytest.raises(AssertionError):
        getattr(CarelessLoss(), broken)()


def test_a_loss_that_overflows_or_stays_in_half_precision_is_caught():
    with pytest.raises(AssertionError):
        CarelessLoss().test_stays_finite_for_huge_logits_right_and_wrong(1e4)
    with pytest.raises(AssertionError):
        CarelessLoss().test_computes_in_float32_when_the_network_does_not(torch.float16)


def test_a_loss_of_the_wrong_sign_is_caught():
    class Reward(CarelessLoss):
        def build(self) -> nn.Module:
            class Negated(Careless):
                def forward(self, output: Output, batch: Batch) -> torch.Tensor:
                    return -super().forward(output, batch)

            return Negated()

    CarelessLoss().test_right_answers_cost_less_than_wrong_ones()
    with pytest.raises(AssertionError):
        Reward().test_right_answers_cost_less_than_wrong_ones()


class Halving(Model):
    """A model that forgets to go back to full size, and whose answer depends on its batch."""

    divisor = 2

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.convolve = nn.Conv2d(in_channels, out_channels, 1)
        self.idle = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, inputs: torch.Tensor, valid: torch.Tensor | None = None) -> Output:
        del valid
        return Output(self.convolve(F.max_pool2d(inputs - inputs.mean(), 2)))


class HalvingModel(ModelContract):
    def build(self, in_channels: int, out_channels: int) -> nn.Module:
        return Halving(in_channels, out_channels)


def test_a_model_that_loses_size_gradients_or_independence_is_caught():
    contract = HalvingModel()
    with pytest.raises(AssertionError):
        contract.test_logits_have_the_size_of_the_image(3, 2)
    with pytest.raises(AssertionError):
        contract.test_every_parameter_gets_a_finite_gradient()
    with pytest.raises(AssertionError):
        contract.test_in_evaluation_a_prediction_depends_on_nothing_but_its_image()


def test_what_is_right_about_it_passes(tmp_path: Path):
    HalvingModel().test_divisor_fits_the_side()
    HalvingModel().test_safetensors_bring_back_the_same_predictions(tmp_path)
