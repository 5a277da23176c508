"""A moving average of the weights, which predicts better and more steadily than the last ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """Exponential moving average of every floating-point tensor of a model's state.

    ``average += (1 - d) (weights - average)`` with ``d = min(decay, (1 + t) / (10 + t))``, so
    that the first, random weights do not linger. Running statistics of normalisation layers are
    averaged like weights; counters are copied.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self._live = {k: v.detach() for k, v in model.state_dict(keep_vars=False).items()}
        self.state = {k: v.clone() for k, v in self._live.items()}

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights as they are now."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        names = [k for k, v in self.state.items() if v.is_floating_point()]
        torch._foreach_lerp_(
            [self.state[k] for k in names], [self._live[k] for k in names], 1 - decay
        )
        for k, v in self.state.items():
            if not v.is_floating_point():
                v.copy_(self._live[k])

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Within the block the model holds the average; afterwards its own weights again."""
        kept = {k: v.clone() for k, v in self._live.items()}
        self._fill(self.state)
        try:
            yield
        finally:
            self._fill(kept)

    def load(self, state: dict[str, Tensor], updates: int) -> None:
        """Continue from a checkpoint."""
        self.updates = updates
        for k, v in self.state.items():
            v.copy_(state[k])

    @torch.no_grad()
    def _fill(self, state: dict[str, Tensor]) -> None:
        for k, v in self._live.items():
            v.copy_(state[k])
