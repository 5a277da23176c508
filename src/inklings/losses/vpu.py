"""Variational positive-unlabelled loss, which needs no class prior."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from inklings.errors import SpecError
from inklings.losses.base import Loss
from inklings.losses.risk import Unlabelled, check_choices, class_mean, groups
from inklings.tensors import Batch, Output


class VPU(Loss):
    """Variational principle for positive-unlabelled learning (Chen 2020).

    ``L = log E_U[Phi] - E_P[log Phi]`` with ``Phi = sigmoid(f)``, per channel: the divergence of
    the positives' density from the one that ``Phi`` implies. ``Phi`` is found up to a factor, so
    the threshold has to be calibrated.

    With ``consistency`` (the paper uses 0.03) a MixUp term keeps ``Phi`` smooth:
    ``E[(log Phi~ - log Phi(x~))^2]`` with ``x~ = t x + (1 - t) x_p``,
    ``Phi~ = t Phi(x) + (1 - t)`` and ``t ~ Beta(alpha, alpha)``. Here ``x_p`` is another image of
    the batch, and the mean is over the samples where that one is labelled positive. The term
    needs a second pass of the network, so the trainer must have called `attach`; it is left out
    in evaluation mode.

    Unknown samples: read, as unlabelled. Invalid ones: in no mean. No labelled positive in the
    batch: ``log E_U[Phi]``.
    """

    reads_unlabelled = True

    def __init__(
        self, consistency: float = 0.0, alpha: float = 0.3, unlabelled: Unlabelled = "all"
    ) -> None:
        super().__init__()
        check_choices("vpu", "sigmoid", unlabelled)
        if consistency < 0 or not alpha > 0:
            raise SpecError(
                f"loss vpu: expected consistency >= 0 and alpha > 0, got {consistency} and {alpha}"
            )
        self.consistency, self.alpha = consistency, alpha
        self.unlabelled: Unlabelled = unlabelled
        self._predict: Callable[[Tensor], Output] | None = None

    def attach(self, predict: Callable[[Tensor], Output]) -> None:
        """Tell the loss which network it trains, for the second pass of ``consistency``."""
        # Wrapped, so that the network does not become a part of the loss with all its weights.
        self._predict = lambda inputs: predict(inputs)

    def forward(self, output: Output, batch: Batch) -> Tensor:
        """Scalar loss of logits and values ``(B, K, *S)``."""
        logs = F.logsigmoid(output.logits.float())
        who = groups(output, batch, self.unlabelled)
        loss = (_log_mean_exp(logs, who.unlabelled) - class_mean(logs, who.positive)).mean()
        if self.training and self.consistency > 0:
            loss = loss + self.consistency * self._disagreement(logs, batch, who.positive)
        return loss

    def _disagreement(self, logs: Tensor, batch: Batch, positive: Tensor) -> Tensor:
        if self._predict is None:
            raise SpecError("loss vpu: consistency needs the network; call attach(network) first")
        partner = torch.randperm(len(logs), device=logs.device)
        share = torch.distributions.Beta(self.alpha, self.alpha).sample().to(logs.device)
        mixed = share * batch.inputs + (1 - share) * batch.inputs[partner]
        mixed_logs = F.logsigmoid(self._predict(mixed).logits.float())
        target = (share * logs.exp() + (1 - share)).clamp(min=1e-8)
        chosen = positive[partner]
        if batch.valid is not None and logs.ndim > 2:
            chosen = chosen & batch.valid
        return class_mean((target.log() - mixed_logs) ** 2, chosen).mean()


def _log_mean_exp(logs: Tensor, mask: Tensor | None) -> Tensor:
    """``log E[exp(logs)]`` per channel ``(K,)``; zero, and still differentiable, where empty."""
    axes = (0, *range(2, logs.ndim))
    if mask is None:
        return torch.logsumexp(logs, axes) - math.log(logs[:, 0].numel())
    count = mask.sum(axes)
    total = torch.logsumexp(logs.masked_fill(~mask, -1e30), axes)
    return torch.where(count > 0, total - count.clamp(min=1).log(), torch.zeros_like(total))
