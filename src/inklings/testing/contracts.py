"""What every loss and every model must pass; plug-ins inherit these tests and say what to build.

    class TestMyLoss(LossContract):
        def build(self) -> nn.Module:
            return MyLoss()

Tests compare a component with itself or with a number; they need no data and no GPU.
"""

# ruff: noqa: D102 - the names of the tests are the claims.

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_model, save_model
from torch import Tensor, nn

from inklings.losses.base import Loss
from inklings.models.base import Model
from inklings.tensors import Batch, Output

SHAPES = [(2, 3, 7, 5), (2, 3, 3, 4, 5), (6, 3)]


class LossContract(ABC):
    """A loss is a finite float32 scalar that looks only where it may.

    It may look at known samples and, if ``reads_unlabelled``, at the logits of valid ones.
    """

    @abstractmethod
    def build(self) -> nn.Module:
        """The loss, freshly built."""

    def test_is_a_loss_that_says_what_it_reads(self) -> None:
        assert isinstance(self.build(), Loss)

    @pytest.mark.parametrize("shape", SHAPES, ids=["image", "volume", "bags"])
    def test_is_a_finite_float32_scalar_with_a_gradient(self, shape: tuple[int, ...]) -> None:
        loss = self.build()
        logits, batch = example(loss, shape)
        value = loss(Output(logits), batch)
        value.backward()
        assert value.shape == ()
        assert value.dtype == torch.float32
        assert torch.isfinite(value)
        assert logits.grad is not None
        assert torch.isfinite(logits.grad).all()
        assert logits.grad.abs().sum() > 0

    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
    def test_computes_in_float32_when_the_network_does_not(self, dtype: torch.dtype) -> None:
        loss = self.build()
        logits, batch = example(loss)
        low = logits.detach().to(dtype)
        with torch.autocast("cpu", torch.bfloat16):
            value = loss(Output(low), batch)
        assert value.dtype == torch.float32
        assert value.item() == pytest.approx(loss(Output(low.float()), batch).item(), abs=1e-6)

    @pytest.mark.parametrize("size", [20.0, 1e4])
    def test_stays_finite_for_huge_logits_right_and_wrong(self, size: float) -> None:
        loss = self.build()
        _, batch = example(loss)
        for sign in (1, -1):
            logits = (sign * size * (2 * batch.value - 1)).requires_grad_()
            value = loss(Output(logits), batch)
            value.backward()
            assert torch.isfinite(value)
            assert logits.grad is not None
            assert torch.isfinite(logits.grad).all()

    def test_right_answers_cost_less_than_wrong_ones(self) -> None:
        loss = self.build()
        _, batch = example(loss)
        batch = Batch(batch.inputs, batch.value, torch.ones_like(batch.known))
        right = loss(Output(4 * (2 * batch.value - 1)), batch)
        wrong = loss(Output(4 * (1 - 2 * batch.value)), batch)
        assert right < wrong

    def test_values_of_unknown_samples_are_placeholders(self) -> None:
        loss = self.build()
        logits, batch = example(loss)
        other = torch.where(batch.known, batch.value, 1 - batch.value)
        changed = Batch(batch.inputs, other, batch.known, batch.valid)
        assert loss(Output(logits), changed) == loss(Output(logits), batch)

    def test_is_blind_to_unknown_samples_unless_it_declares_to_read_them(self) -> None:
        loss: Any = self.build()
        logits, batch = example(loss)
        before = loss(Output(logits), batch)
        before.backward()
        assert logits.grad is not None
        at_unknown = logits.grad * ~batch.known
        if loss.reads_unlabelled:
            assert at_unknown.abs().sum() > 0
        else:
            assert at_unknown.abs().sum() == 0
            moved = torch.where(batch.known, logits.detach(), torch.tensor(50.0))
            assert loss(Output(moved), batch) == before

    def test_padding_adds_exactly_nothing(self) -> None:
        loss = self.build()
        logits, batch = example(loss)
        valid = torch.rand(batch.known.shape, generator=_generator(9)) < 0.7
        padded = Batch(batch.inputs, batch.value, batch.known, valid)
        before = loss(Output(logits), padded)
        before.backward()
        assert logits.grad is not None
        assert (logits.grad * ~valid).abs().sum() == 0
        moved = torch.where(valid, logits.detach(), torch.tensor(-50.0))
        other = torch.where(valid, batch.value, 1 - batch.value)
        known = torch.where(valid, batch.known, ~batch.known)
        assert loss(Output(moved), Batch(batch.inputs, other, known, valid)) == before

    def test_cutting_padding_off_changes_nothing(self) -> None:
        loss = self.build()
        logits, batch = example(loss)
        valid = torch.zeros_like(batch.known)
        valid[..., :3] = True
        padded = Batch(batch.inputs, batch.value, batch.known, valid)
        cut = Batch(batch.inputs[..., :3], batch.value[..., :3], batch.known[..., :3])
        expected = loss(Output(logits[..., :3]), cut).item()
        assert loss(Output(logits), padded).item() == pytest.approx(expected, abs=1e-6)

    def test_all_valid_is_the_same_as_no_padding_given(self) -> None:
        loss = self.build()
        logits, batch = example(loss)
        whole = Batch(batch.inputs, batch.value, batch.known, torch.ones_like(batch.known))
        expected = loss(Output(logits), batch).item()
        assert loss(Output(logits), whole).item() == pytest.approx(expected, abs=1e-6)

    def test_nothing_known_gives_no_reason_to_move(self) -> None:
        loss: Any = self.build()
        logits, batch = example(loss)
        nothing = Batch(batch.inputs, batch.value, torch.zeros_like(batch.known), batch.valid)
        value = loss(Output(logits), nothing)
        value.backward()
        assert torch.isfinite(value)
        assert logits.grad is not None
        assert torch.isfinite(logits.grad).all()
        if not loss.reads_unlabelled:
            assert value == 0
            assert (logits.grad == 0).all()

    def test_nothing_valid_gives_no_reason_to_move(self) -> None:
        loss = self.build()
        logits, batch = example(loss)
        nothing = Batch(batch.inputs, batch.value, batch.known, torch.zeros_like(batch.known))
        value = loss(Output(logits), nothing)
        value.backward()
        assert value == 0
        assert logits.grad is not None
        assert (logits.grad == 0).all()

    def test_a_batch_without_positives_is_finite(self) -> None:
        loss: Any = self.build()
        logits, batch = example(loss)
        value = torch.zeros_like(batch.value)
        value[:, 0] = float(loss.exclusive)
        empty = Batch(batch.inputs, value, batch.known, batch.valid)
        result = loss(Output(logits), empty)
        result.backward()
        assert torch.isfinite(result)
        assert logits.grad is not None
        assert torch.isfinite(logits.grad).all()


class ModelContract(ABC):
    """A model maps images to logits of the same size, the same way every time.

    Attributes:
        dimensions: Of the images the model takes.
        side: Of the test images; a multiple of the model's ``divisor``.
    """

    dimensions: int = 2
    side: int = 32

    @abstractmethod
    def build(self, in_channels: int, out_channels: int) -> nn.Module:
        """The model, freshly built."""

    def inputs(self, channels: int = 3, batch: int = 2, extra: int = 0, seed: int = 0) -> Tensor:
        """Images of noise, ``(batch, channels, *S)``."""
        size = [self.side + extra] * self.dimensions
        return torch.randn(batch, channels, *size, generator=_generator(seed))

    def test_is_a_model_that_says_what_it_takes(self) -> None:
        model = self.build(1, 1)
        assert isinstance(model, Model)
        assert model.dimensions == self.dimensions

    def test_divisor_fits_the_side(self) -> None:
        divisor = self.build(1, 1).divisor
        assert isinstance(divisor, int)
        assert divisor >= 1
        assert self.side % divisor == 0

    @pytest.mark.parametrize(("before", "after"), [(1, 1), (3, 2), (5, 4)])
    def test_logits_have_the_size_of_the_image(self, before: int, after: int) -> None:
        model = self.build(before, after).eval()
        images = self.inputs(before)
        with torch.no_grad():
            output = model(images)
        assert isinstance(output, Output)
        assert output.logits.shape == (2, after, *images.shape[2:])
        assert torch.isfinite(output.logits).all()

    def test_takes_sizes_that_are_no_multiples_of_the_divisor(self) -> None:
        images = self.inputs(extra=3)
        with torch.no_grad():
            logits = self.build(3, 2).eval()(images).logits
        assert logits.shape == (2, 2, *images.shape[2:])

    def test_every_parameter_gets_a_finite_gradient(self) -> None:
        model = self.build(3, 2).train()
        logits = model(self.inputs()).logits
        (logits * torch.randn(logits.shape, generator=_generator(1))).sum().backward()
        lost = [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]
        assert lost == []
        assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)

    def test_in_evaluation_a_prediction_depends_on_nothing_but_its_image(self) -> None:
        model = self.build(3, 2).eval()
        images = self.inputs()
        with torch.no_grad():
            together = model(images).logits
            again = model(images).logits
            alone = model(images[1:]).logits
            valid = torch.ones_like(images[:, :1], dtype=torch.bool)
            told = model(images, valid).logits
        assert torch.equal(together, again)
        assert torch.allclose(together[1:], alone, atol=1e-4)
        assert torch.allclose(together, told, atol=1e-6)

    def test_half_precision_and_channels_last_agree_with_float32(self) -> None:
        model = self.build(3, 2).eval()
        images = self.inputs()
        with torch.no_grad():
            expected = model(images).logits
            if self.dimensions == 2:
                last = images.contiguous(memory_format=torch.channels_last)
                assert torch.allclose(model(last).logits, expected, atol=1e-4)
            with torch.autocast("cpu", torch.bfloat16):
                low = model(images).logits.float()
        assert torch.isfinite(low).all()
        assert (low - expected).abs().mean() < 0.1 * expected.std() + 1e-2

    def test_safetensors_bring_back_the_same_predictions(self, tmp_path: Path) -> None:
        model, other = self.build(3, 2), self.build(3, 2)
        model.train()(self.inputs(seed=3))
        save_model(model, str(tmp_path / "weights.safetensors"))
        load_model(other, str(tmp_path / "weights.safetensors"))
        images = self.inputs()
        with torch.no_grad():
            assert torch.equal(model.eval()(images).logits, other.eval()(images).logits)


def example(loss: Any, shape: tuple[int, ...] = SHAPES[0]) -> tuple[Tensor, Batch]:
    """Logits that ask for a gradient, and a batch in which half of the samples are known."""
    generator = _generator(0)
    logits = torch.randn(shape, generator=generator).requires_grad_()
    if loss.exclusive:
        index = torch.randint(shape[1], (shape[0], *shape[2:]), generator=generator)
        value = nn.functional.one_hot(index, shape[1]).movedim(-1, 1).float()
    else:
        value = (torch.rand(shape, generator=generator) < 0.5).float()
    known = torch.rand(shape[0], 1, *shape[2:], generator=generator) < 0.5
    known.view(-1)[:2] = torch.tensor([True, False])
    return logits, Batch(torch.zeros(shape[0], 1, *shape[2:]), value, known)


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
