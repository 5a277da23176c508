"""The loss of bags, with what single poolings add to it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from inklings.errors import SpecError
from inklings.losses.base import Loss, mean_of_ways
from inklings.tensors import Batch, Output


class BagLoss(Loss):
    r"""Cross-entropy of the bags; of both streams of DSMIL; instance clustering; elastic net.

    ``L = mean(CE(logits, y)) [averaged with CE(second, y)] (1 - c) + c CLUSTER
    + f ((1 - m) mean|w| + m mean(w^2))`` over every weight matrix ``w``.

    CLUSTER (CLAM, Lu 2021): of each bag the ``attended`` most and least attended instances get
    the answers yes and no of the classifier of a class that is present; of one that is absent the
    most attended get no. The paper uses a smoothed SVM there, this is cross-entropy.

    Unknown answers are not looked at. Nothing known: only the elastic net is left.

    Args:
        exclusive: Softmax over the classes; set by the trainer for ``multiclass``.
        clustering: ``c``; used where the pooling has instance classifiers.
        attended: How many instances at each end.
        elastic: ``f``, the reference's .005; 0 for none.
        mix: ``m``.
        positive_weight: Of the answer yes.
    """

    def __init__(
        self,
        exclusive: bool = False,
        clustering: float = 0.3,
        attended: int = 8,
        elastic: float = 0.0,
        mix: float = 0.5,
        positive_weight: float = 1.0,
    ) -> None:
        super().__init__()
        if not 0 <= clustering < 1 or attended < 1 or elastic < 0 or not 0 <= mix <= 1:
            raise SpecError(
                "loss bag: expected clustering in [0, 1), attended >= 1, elastic >= 0, mix in "
                f"[0, 1], got {clustering}, {attended}, {elastic}, {mix}"
            )
        self.exclusive = exclusive
        self.clustering, self.attended = clustering, attended
        self.elastic, self.mix, self.positive_weight = elastic, mix, positive_weight
        self._network: list[nn.Module] = []  # in a list, so that it is not one of our parts

    def attach(self, network: nn.Module) -> None:
        """The network whose weights the elastic net is about."""
        self._network = [network]

    def forward(self, output: Output, batch: Batch) -> Tensor:
        """Scalar loss of bags ``(B, K)``."""
        loss = mean_of_ways(output, lambda way: self._answers(way, batch))
        if output.clusters is not None and batch.valid is not None and self.clustering:
            clusters = _clustering(output, batch, self.attended)
            loss = (1 - self.clustering) * loss + self.clustering * clusters
        if self.elastic and self._network:
            loss = loss + self.elastic * _elastic_net(self._network[0], self.mix)
        return loss

    def _answers(self, logits: Tensor, batch: Batch) -> Tensor:
        logits, value = logits.float(), batch.value.float()
        known = batch.known.expand_as(value)
        if self.exclusive:
            terms = -(value * logits.log_softmax(1)).sum(1)
            weight = known.all(1).float()
        else:
            yes = torch.tensor(self.positive_weight, device=logits.device)
            terms = F.binary_cross_entropy_with_logits(
                logits, value, reduction="none", pos_weight=yes
            )
            weight = known.float()
        return (terms * weight).sum() / weight.sum().clamp(min=1)


def _clustering(output: Output, batch: Batch, attended: int) -> Tensor:
    """Mean cross-entropy of the extremes of each bag, over bags and known classes."""
    assert output.clusters is not None
    assert output.attention is not None
    assert batch.valid is not None
    terms = []
    for i in range(len(batch.value)):
        there = batch.valid[i]
        clusters, attention = output.clusters[i][there], output.attention[i][there]
        ends = max(1, min(attended, len(clusters) // 2))
        for k in torch.nonzero(batch.known.expand_as(batch.value)[i])[:, 0].tolist():
            order = (attention if attention.ndim == 1 else attention[:, k]).argsort()
            if batch.value[i, k] >= 0.5:
                rows = torch.cat([order[-ends:], order[:ends]])
                answers = torch.arange(2, device=rows.device).flip(0).repeat_interleave(ends)
            else:
                rows = order[-ends:]
                answers = torch.zeros_like(rows)
            terms.append(F.cross_entropy(clusters[rows, k], answers[: len(rows)]))
    return torch.stack(terms).mean() if terms else output.logits.sum() * 0


def _elastic_net(network: nn.Module, mix: float) -> Tensor:
    matrices = [p for p in network.parameters() if p.ndim > 1]
    total = [(1 - mix) * p.abs().mean() + mix * p.square().mean() for p in matrices]
    return torch.stack(total).sum()
