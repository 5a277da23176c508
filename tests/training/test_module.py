"""What happens in a step: batches that are not finite, clipping, gradients."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from inklings.data.examples import Examples
from inklings.errors import DataError
from inklings.losses.base import Loss
from inklings.losses.bce import BCE
from inklings.spec import Experiment
from inklings.tasks import pixels as learning
from inklings.tensors import Batch, Output
from inklings.training import module
from inklings.training.module import Learner

Spec = Callable[..., Experiment]


class Poisoned(Loss):
    """Binary cross-entropy that is spoilt in chosen steps."""

    def __init__(self, bad: set[int], how: str) -> None:
        super().__init__()
        self.bad, self.how, self.calls = bad, how, 0
        self.inner = BCE()

    def forward(self, output: Output, batch: Batch) -> Tensor:
        loss = self.inner(output, batch)
        self.calls += 1
        if self.calls - 1 not in self.bad:
            return loss
        if self.how == "loss":
            return loss * torch.nan
        return loss + torch.sqrt(output.logits.sum() * 0)  # finite value, infinite gradient


def run(
    monkeypatch: pytest.MonkeyPatch, experiment: Experiment, discs: Examples, loss: nn.Module
) -> Any:
    class Table:
        def build(self, *_: Any) -> nn.Module:
            return loss

    monkeypatch.setattr(learning, "LOSSES", Table())
    return learning.learn(experiment, discs)


@pytest.mark.parametrize("how", ["loss", "gradient"])
def test_steps_that_are_not_finite_are_left_out_and_counted(
    monkeypatch: pytest.MonkeyPatch, spec: Spec, discs: Examples, how: str
) -> None:
    trained = run(monkeypatch, spec(steps=6), discs, Poisoned({1, 3}, how))
    assert trained.skipped == 2
    assert all(torch.isfinite(v).all() for v in trained.model.state_dict().values())
    assert "2 of 6 steps had a loss or gradients that were not finite" in trained.warnings[0]


@pytest.mark.parametrize("how", ["loss", "gradient"])
def test_a_run_of_nothing_but_bad_steps_leaves_weights_and_statistics_as_they_were(
    monkeypatch: pytest.MonkeyPatch, spec: Spec, discs: Examples, how: str
) -> None:
    experiment = spec(steps=3)
    monkeypatch.setattr(Learner, "require_steps", lambda _: None)
    torch.manual_seed(experiment.training.seed)
    trained = run(monkeypatch, experiment, discs, Poisoned({0, 1, 2}, how))
    torch.manual_seed(experiment.training.seed)
    fresh = trained.model_config.build().state_dict()
    for name, value in trained.model.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            assert torch.equal(value, fresh[name]), name


@pytest.mark.parametrize("how", ["loss", "gradient"])
def test_a_run_of_nothing_but_bad_steps_is_no_run(
    monkeypatch: pytest.MonkeyPatch, spec: Spec, discs: Examples, how: str
) -> None:
    with pytest.raises(DataError, match=r"none of the steps counted: .* in 3 of 3 batches"):
        run(monkeypatch, spec(steps=3), discs, Poisoned({0, 1, 2}, how))


def test_a_hopeless_run_is_given_up_before_its_end(
    monkeypatch: pytest.MonkeyPatch, spec: Spec, discs: Examples
) -> None:
    monkeypatch.setattr(module, "_HOPELESS", 4)
    with pytest.raises(DataError, match="in 4 of 4 batches"):
        run(monkeypatch, spec(steps=1000), discs, Poisoned(set(range(1000)), "loss"))


def test_gradients_are_clipped_to_the_norm_of_the_experiment(
    monkeypatch: pytest.MonkeyPatch, spec: Spec, discs: Examples
) -> None:
    norms = []
    original = Learner.configure_gradient_clipping

    def watched(self: Any, optimizer: Any, *args: Any, **options: Any) -> None:
        original(self, optimizer, *args, **options)
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
        norms.append(float(torch.nn.utils.get_total_norm(gradients)))

    monkeypatch.setattr(Learner, "configure_gradient_clipping", watched)
    learning.learn(spec(steps=4, clip_gradient=0.01), discs)
    assert norms == pytest.approx([0.01] * 4, rel=1e-3)


def test_dropout_depends_on_the_step_and_not_on_what_came_before(
    spec: Spec, discs: Examples
) -> None:
    states = []
    for disturb in (0, 5):
        torch.rand(disturb)
        states.append(learning.learn(spec(steps=3), discs).model.head.weight.clone())
    assert torch.equal(*states)


class Broken(Loss):
    """A loss with a mistake in its code that shows in the third step."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.calls = BCE(), 0

    def forward(self, output: Output, batch: Batch) -> Tensor:
        self.calls += 1
        if self.calls == 3:
            raise ValueError("a mistake")
        return self.inner(output, batch)


def test_an_error_in_a_step_ends_the_training(
    monkeypatch: pytest.MonkeyPatch, spec: Spec, discs: Examples
) -> None:
    loss = Broken()
    with pytest.raises(ValueError, match="a mistake"):
        run(monkeypatch, spec(steps=6), discs, loss)
    assert loss.calls == 3
