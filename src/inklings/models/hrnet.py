"""HRNet below the head of DeepLabv3+: every resolution at a quarter of the picture's."""

from __future__ import annotations

from typing import Any

import segmentation_models_pytorch as smp
import timm
import torch
from segmentation_models_pytorch.decoders.deeplabv3.decoder import DeepLabV3PlusDecoder
from torch import Tensor, nn
from torch.nn import functional as F

from inklings.errors import SpecError
from inklings.models import encoders
from inklings.models.base import Model, crop, multiples, pad, start_at
from inklings.tensors import Output

_RATES = (12, 24, 36)
_CLASSIFIER = ("incre_modules.", "downsamp_modules.", "final_layer.", "classifier.")


class HRNetEncoder(nn.Module):
    """HRNetV2 (Wang 2020): four branches at 1/4 to 1/32, brought to 1/4 and stacked.

    Reference:
        Wang et al., *Deep High-Resolution Representation Learning for Visual Recognition*, PAMI
        2020. https://arxiv.org/abs/1908.07919

    Attributes:
        channels: Of the first stage at 1/4, and of the four branches together.
    """

    def __init__(self, name: str, in_channels: int, weights: str | None) -> None:
        super().__init__()
        if not timm.is_model(name):
            known = ", ".join(timm.list_models("hrnet_w*"))
            raise SpecError(f"model deeplabv3plus: no encoder named {name!r}; known: {known}")
        net: Any = timm.create_model(
            name, features_only=True, feature_location="", in_chans=in_channels
        )
        if weights:
            state = encoders.pretrained(encoders.PREFIX + name, weights)
            kept = {k: v for k, v in state.items() if not k.startswith(_CLASSIFIER)}
            encoders.fit_encoder(net, kept, name, in_channels)
        self.first = net.layer1
        net.layer1 = nn.Identity()
        self.net = net
        branches = net.feature_info.channels()[1:]
        self.channels = (int(self.first[-1].conv3.out_channels), int(sum(branches)))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features of the first stage and of all branches, both ``(B, _, Y/4, X/4)``."""
        net: Any = self.net
        x = net.act1(net.bn1(net.conv1(images)))
        first: Tensor = self.first(net.act2(net.bn2(net.conv2(x))))
        finest, *coarser = net.stages(first)
        size = finest.shape[-2:]
        raised = [F.interpolate(x, size, mode="bilinear", align_corners=False) for x in coarser]
        return first, torch.cat([finest, *raised], 1)


class HRNetDeepLab(nn.Module):
    """Encoder, pyramid and decoder; nothing is enlarged between them, as all lie at 1/4."""

    def __init__(self, encoder: HRNetEncoder, out_channels: int, separable: bool) -> None:
        super().__init__()
        low, high = encoder.channels
        self.encoder = encoder
        self.decoder: Any = DeepLabV3PlusDecoder(
            (3, 64, low, high), 4, 256, _RATES, 8, separable, 0.5
        )
        self.decoder.up = nn.Identity()
        self.segmentation_head: Any = smp.base.SegmentationHead(
            256, out_channels, kernel_size=1, upsampling=4
        )

    def forward(self, images: Tensor) -> Tensor:
        """Logits ``(B, K, Y, X)`` of sides that are multiples of 32."""
        low, high = self.encoder(images)
        logits: Tensor = self.segmentation_head(self.decoder([images, images, low, high]))
        return logits


class OnHRNet(Model):
    """DeepLabv3+ on HRNet, for pictures of any size."""

    divisor = 32
    backbone = ("network.encoder.",)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        encoder: str,
        separable: bool,
        weights: str | None = None,
        prior: float | None = None,
    ) -> None:
        super().__init__()
        inner = HRNetEncoder(encoder, in_channels, weights)
        self.network = HRNetDeepLab(inner, out_channels, separable)
        if prior is not None:
            start_at(self.network.segmentation_head[0], prior)

    def forward(self, inputs: Tensor, valid: Tensor | None = None) -> Output:  # noqa: ARG002
        """Logits ``(B, K, Y, X)`` of ``inputs`` ``(B, C, Y, X)``, of any size."""
        size = inputs.shape[2:]
        return Output(crop(self.network(pad(inputs, multiples(size, self.divisor))), size))
