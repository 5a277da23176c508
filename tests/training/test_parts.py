"""Where memory ends, a training goes on with parts of its batches; gradients stay the same."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from inklings.data.examples import Examples
from inklings.errors import SpecError
from inklings.models.unet import UNet
from inklings.spec import Experiment
from inklings.tasks import pixels
from inklings.tensors import Batch
from inklings.training.parts import in_parts, memory_ended

Spec = Callable[..., Experiment]


def pictures() -> Batch:
    return Batch(
        torch.randn(5, 2, 6, 6), torch.rand(5, 1, 6, 6), torch.ones(5, 1, 6, 6, dtype=torch.bool)
    )


def bags() -> Batch:
    valid = torch.arange(4) < torch.tensor([[3], [1], [4], [2], [2]])
    value, known = torch.rand(5, 1), torch.ones(5, 1, dtype=torch.bool)
    return Batch(torch.randn(12, 2), value, known, valid)


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("kind", [pictures, bags])
def test_parts_have_the_loss_logits_and_gradients_of_the_whole(
    kind: Callable[[], Batch], count: int
) -> None:
    batch = kind()
    network: nn.Module = nn.Linear(2, 1) if kind is bags else nn.Conv2d(2, 1, 3, padding=1)
    seen = []

    def step(one: Batch) -> tuple[Tensor, Tensor]:
        seen.append(len(one.value))
        logits = network(one.inputs)
        if one.valid is not None:
            owner = one.valid.nonzero()[:, 0]
            logits = torch.zeros(len(one.value), 1).index_add(0, owner, logits)
        return (torch.sigmoid(logits) - one.value).square().mean(), logits.detach()

    found = []
    for parts in (1, count):
        network.zero_grad()
        loss, logits = in_parts(step, batch, parts)
        loss.backward()
        found.append((loss.detach(), logits, *(p.grad for p in network.parameters())))
    for whole, parted in zip(*found, strict=True):
        torch.testing.assert_close(whole, parted)
    assert sum(seen[1 : 1 + count]) == 5
    assert max(seen[1:]) - min(seen[1:]) <= 1


class Fails(torch.autograd.Function):
    """Takes more memory for the gradients than there is."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor) -> Tensor:  # noqa: ARG004
        return inputs.clone()

    @staticmethod
    def backward(ctx: Any, *_: Tensor) -> Tensor:  # noqa: ARG004
        raise torch.OutOfMemoryError("CUDA out of memory")


def limit(monkeypatch: pytest.MonkeyPatch, most: int, error: Exception | None) -> list[int]:
    """No more than ``most`` pictures at once; without ``error`` it is the gradients that fail."""
    original, sizes = UNet.forward, []

    def limited(self: UNet, inputs: Tensor, valid: Tensor | None = None) -> Any:
        if not self.training:
            return original(self, inputs, valid)
        if len(inputs) > most:
            if error is not None:
                raise error
            inputs = Fails.apply(inputs.requires_grad_())
        else:
            sizes.append(len(inputs))
        return original(self, inputs, valid)

    monkeypatch.setattr(UNet, "forward", limited)
    return sizes


@pytest.mark.parametrize("error", [MemoryError("Unable to allocate"), None])
def test_a_training_goes_on_with_less_where_memory_ends_and_says_so(
    monkeypatch: pytest.MonkeyPatch, spec: Spec, discs: Examples, error: Exception | None,
    tmp_path: Path, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    sizes = limit(monkeypatch, 1, error)
    trained = pixels.learn(spec(steps=3), discs, out=tmp_path)
    assert trained.steps == 3
    assert set(sizes) == {1}
    assert trained.skipped == 0
    told = [line for line in trained.warnings if "memory ended" in line]
    assert "at step 0: batches of 4 are learnt in 2 parts" in told[0]
    assert "at step 1: batches of 4 are learnt in 4 parts" in told[1]
    assert f"train: {told[1]}" in capsys.readouterr().err
    further = pixels.learn(spec(steps=4), discs, out=tmp_path)
    assert further.steps == 4
    assert [line for line in further.warnings if "memory" in line] == told  # and no other


def test_where_nothing_is_left_to_halve_it_is_said_what_to_change(
    monkeypatch: pytest.MonkeyPatch, spec: Spec, discs: Examples
) -> None:
    limit(monkeypatch, 0, MemoryError())
    with pytest.raises(SpecError, match=r"with 1 of 4 examples .* smaller model\.width"):
        pixels.learn(spec(steps=6), discs)


@pytest.mark.parametrize(
    ("error", "ended"),
    [
        (MemoryError("Unable to allocate 9 GiB"), True),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_what_says_that_memory_ended_is_told_from_other_errors(
    error: Exception, ended: bool
) -> None:
    assert memory_ended(error) is ended
