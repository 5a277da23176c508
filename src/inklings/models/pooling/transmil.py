"""A transformer over the instances."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from inklings.models.pooling.base import build_head
from inklings.tensors import Output


class _Block(nn.Module):
    """Self-attention and a network for each token, both added to what came in (pre-norm)."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.after = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Dropout(dropout), nn.Linear(2 * width, width)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, there: Tensor | None) -> tuple[Tensor, Tensor]:
        """Tokens ``(B, 1 + N, W)`` and the first one's attention ``(B, 1 + N)``."""
        batch, count, width = tokens.shape
        qkv = self.qkv(self.before(tokens)).view(batch, count, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        mask = None if there is None else there[:, None, None, :]
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        tokens = tokens + self.dropout(self.out(mixed.transpose(1, 2).flatten(2)))
        tokens = tokens + self.dropout(self.mlp(self.after(tokens)))
        scores = (q[:, :, :1] @ k.transpose(-1, -2))[:, :, 0] / q.shape[-1] ** 0.5
        if there is not None:
            scores = scores.masked_fill(~there[:, None], -torch.inf)
        return tokens, scores.softmax(-1).mean(1)


class TransMIL(nn.Module):
    """Instances attend to one another, a class token reads the bag (after Shao 2021).

    The original lays the instances out on a square and convolves it, and approximates attention
    by landmarks: both make the answer depend on the order of the instances. Here attention is
    exact and there is no place to know. The attention that is returned is the class token's in
    the last layer; it is no evidence (measured: it can rank the positive instance last).
    """

    evidence = "context"

    def __init__(
        self,
        features: int,
        channels: int,
        head: Any = "linear",
        width: int = 64,
        heads: int = 4,
        layers: int = 2,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.enter = nn.Linear(features, width)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.blocks = nn.ModuleList(_Block(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = build_head(head, width, channels)

    def forward(self, features: Tensor, valid: Tensor) -> Output:
        """``(B, N, D)`` and ``(B, N)`` to logits ``(B, K)``."""
        token = self.token.expand(len(features), -1, -1)
        tokens = torch.cat([token, self.enter(features)], 1)
        # Attention without a mask takes a faster way, and bags of one size need none.
        there = None if bool(valid.all()) else F.pad(valid, (1, 0), value=True)
        attention = tokens
        for block in self.blocks:
            tokens, attention = block(tokens, there)
        weights = attention[:, 1:]
        weights = weights / weights.sum(1, keepdim=True).clamp(min=1e-12)
        return Output(self.head(self.norm(tokens[:, 0])), weights)
