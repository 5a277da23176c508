"""Any encoder of timm, end to end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from inklings.models.encoders import pooled
from inklings.models.instances.base import picture


class Pretrained(nn.Module):
    """An encoder of timm, pooled to one vector a picture.

    Args:
        shape: ``(C, H, W)``.
        encoder: Name in timm.
        weights: ``imagenet``, a file of weights, or None for random ones.
        frozen: Whether its weights stay as they are.
        side: Side to which pictures are brought first, such as the 224 of its pretraining; None
            leaves them.
    """

    def __init__(
        self,
        shape: Sequence[int],
        encoder: str = "resnet18",
        weights: str | None = None,
        frozen: bool = False,
        side: int | None = None,
    ) -> None:
        super().__init__()
        channels, *_ = picture(shape, "timm")
        model: Any = pooled(encoder, channels, weights)
        self.encoder, self.features = model, int(model.head_hidden_size)
        self.frozen, self.side = frozen, side
        if frozen:
            self.encoder.requires_grad_(False)

    def train(self, mode: bool = True) -> Pretrained:
        """Normalisation of a frozen encoder keeps its statistics, too."""
        super().train(mode)
        if self.frozen:
            self.encoder.eval()
        return self

    def forward(self, inputs: Tensor) -> Tensor:
        """``(M, C, H, W)`` to ``(M, F)``."""
        if self.side is not None:
            size = (self.side, self.side)
            inputs = F.interpolate(inputs, size, mode="bilinear", antialias=True)
        if self.frozen:  # whoever set the mode module by module did not ask `train`
            self.encoder.eval()
        result: Tensor = self.encoder(inputs)
        return result
