"""Loss of a survival: the partial likelihood of who of a batch has the event first."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from inklings.errors import SpecError
from inklings.losses.base import Loss, mean_of_ways
from inklings.tensors import Batch, Output


class Cox(Loss):
    r"""Negative log partial likelihood (Cox 1972) of the bags of a batch, as Katzman 2018 does.

    For each event ``i``: ``log sum(exp(r_j), j at risk at t_i) - r_i``, and their mean over the
    events of the batch. Of ``d`` events at one time Efron (1977) takes a growing share of the
    others out of the sum, ``l / d`` for the ``l``-th; Breslow (1974) takes none. Bags are only
    compared with others of their batch, so batches should be large and hold several events; one
    without an event teaches nothing.

    Args:
        ties: ``efron`` or ``breslow``.
    """

    target = "survival"
    least_batch = 2

    def __init__(self, ties: Literal["efron", "breslow"] = "efron") -> None:
        super().__init__()
        if ties not in ("efron", "breslow"):
            raise SpecError(f"loss cox: expected ties efron or breslow, got {ties!r}")
        self.ties = ties

    def forward(self, output: Output, batch: Batch) -> Tensor:
        """Of log hazards ``(B, 1)`` and labels ``(B, 2)``: time, and 1 for an event."""
        known = batch.known.all(1)
        time, event = batch.value[:, 0].float(), (batch.value[:, 1] > 0.5) & known

        def of(logits: Tensor) -> Tensor:
            return self._negative(logits[:, 0].float(), time, event, known)

        return mean_of_ways(output, of)

    def _negative(self, risk: Tensor, time: Tensor, event: Tensor, known: Tensor) -> Tensor:
        top = risk.detach().max()
        hazard = (risk - top).exp()
        at_risk = ((time[None] >= time[:, None]) & known[None]).float() @ hazard
        if self.ties == "efron":
            tied = (time[None] == time[:, None]) & event[None]  # (B, B): events at my time
            before = tied.tril(-1).sum(1)
            share = before / tied.sum(1).clamp(min=1)
            at_risk = at_risk - share * (tied.float() @ hazard)
        # What is no event is not looked at; its sum may be empty.
        terms = torch.where(event, at_risk, 1.0).clamp(min=1e-30).log() + top - risk
        weight = event.float()
        return (terms * weight).sum() / weight.sum().clamp(min=1)
