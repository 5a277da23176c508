"""TransUNet: a transformer between the encoder and the decoder of a U-Net."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from inklings.errors import SpecError
from inklings.models import encoders
from inklings.models.base import Model, crop, multiples, pad, start_at
from inklings.models.hybrid import HybridViT, Norm, from_timm
from inklings.models.weights import fit_weights
from inklings.tensors import Output


@dataclass(frozen=True)
class Vit:
    """A vision transformer by the name that the reference gives it.

    Attributes:
        pretrained: Name of its weights in timm; empty where there are none.
        layers: Blocks of the stages of the residual network below it; none for a plain one.
        patch: Side of its patches.
        dim, depth, heads, hidden: As of `TransUNet`.
    """

    pretrained: str
    layers: tuple[int, ...] = (3, 4, 9)
    patch: int = 16
    dim: int = 768
    depth: int = 12
    heads: int = 12
    hidden: int = 3072


_LARGE = Vit("vit_large_patch16_224.augreg_in21k", (), dim=1024, depth=24, heads=16, hidden=4096)

VITS = {
    "R50-ViT-B_16": Vit("vit_base_r50_s16_224.orig_in21k"),
    "R50-ViT-L_16": replace(_LARGE, pretrained="", layers=Vit.layers),
    "ViT-B_16": Vit("vit_base_patch16_224.augreg_in21k", ()),
    "ViT-B_32": Vit("vit_base_patch32_224.augreg_in21k", (), 32),
    "ViT-L_16": _LARGE,
}


class TransUNet(Model):
    """TransUNet (Chen 2021) with the R50-ViT-B/16 hybrid and the cascaded upsampler.

    At ``H x W`` and the defaults:

    ==============  ===================  ======================================================
    part            size                 channels
    ==============  ===================  ======================================================
    stem            ``H/2 x W/2``        64
    stages          1/4, 1/8, 1/16       256, 512, 1024 with 3, 4 and 9 blocks
    tokens          ``H/16 * W/16``      768, 12 layers of 12 heads and 3072 hidden units
    first decoding  1/16                 512
    upsampler       1/8, 1/4, 1/2, 1     256, 128, 64, 16 joined with 512, 256, 64 and no skip
    head            ``H x W``            ``K``, 3 x 3
    ==============  ===================  ======================================================

    105.3 M parameters, as published. ``n_skip`` counts the skips from the coarsest on.
    Differences from the published code: position embeddings are resized to the image at hand;
    sides that are no multiples of 16 are padded by zeros and cropped back; the weights come from
    timm, for the addresses the paper gave are gone, or from a copy of Google's ``.npz``.

    Other sizes have the names of the reference (`VITS`): ``R50-ViT-L_16``, and ``ViT-B_16``,
    ``ViT-B_32`` and ``ViT-L_16``, which have no residual network and so no skips.

    Reference:
        Chen et al., *TransUNet: Transformers Make Strong Encoders for Medical Image
        Segmentation*, 2021. https://arxiv.org/abs/2102.04306

    Attributes:
        backbone: Names of the parameters that may learn at their own rate begin so.
    """

    divisor = 16
    backbone = ("encoder.",)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        width: int = 64,
        layers: Sequence[int] | None = None,
        dim: int | None = None,
        depth: int | None = None,
        heads: int | None = None,
        hidden: int | None = None,
        dropout: float = 0.1,
        image_size: int = 224,
        norm: Norm = "group",
        first: int = 512,
        decoder: Sequence[int] = (256, 128, 64, 16),
        n_skip: int | None = None,
        vit: str = "R50-ViT-B_16",
        weights: str | None = None,
        prior: float | None = None,
    ) -> None:
        """Build the network.

        Args:
            in_channels: ``C``.
            out_channels: ``K``.
            width: Channels of the stem; the stages have 4, 8 and 16 times as many.
            layers: Blocks of the three stages; these and the next four are those of ``vit``
                where they are not given.
            dim: Of the tokens.
            depth: Layers of the transformer.
            heads: Of each attention.
            hidden: Units between the two linear maps of a layer.
            dropout: After the embedding and in the perceptrons.
            image_size: Side for which position embeddings are kept.
            norm: ``group`` with standardised weights as in the paper, or ``batch``.
            first: Channels of the first decoding.
            decoder: Channels of the four steps of the upsampler.
            n_skip: 0 to 3; 3 for a hybrid, 0 for a plain one, which has none.
            vit: ``R50-ViT-B_16``, ``R50-ViT-L_16``, ``ViT-B_16``, ``ViT-B_32`` or ``ViT-L_16``.
            weights: Start of the encoder: None, ``imagenet`` (timm's, ImageNet-21k), or a local
                file: timm's, or one of Google's ``.npz``.
            prior: Share of positive samples the untrained network shall predict.

        Raises:
            SpecError: If an option is impossible, or the weights are of another network.
            ReaderError: If the weights cannot be had; the message says how.
        """
        super().__init__()
        if vit not in VITS:
            raise SpecError(f"model transunet: expected vit {', '.join(VITS)}, got {vit!r}")
        named = VITS[vit]
        layers = named.layers if layers is None else layers
        most = 3 if layers else 0
        n_skip = most if n_skip is None else n_skip
        if not 0 <= n_skip <= most or len(decoder) != 4 or norm not in ("group", "batch"):
            raise SpecError(
                f"model transunet: expected n_skip 0 to {most}, four decoder widths and norm group "
                f"or batch, got {n_skip}, {list(decoder)} and {norm!r}"
            )
        self.n_skip = n_skip
        dim = dim or named.dim
        self.divisor = named.patch
        self.encoder = HybridViT(
            in_channels,
            width,
            layers,
            dim,
            depth or named.depth,
            heads or named.heads,
            hidden or named.hidden,
            dropout,
            image_size,
            norm,
            named.patch,
        )
        self.first = Convolved(dim, first)
        skips = [8 * width, 4 * width, width, 0]
        before = [first, *decoder[:-1]]
        self.up = nn.ModuleList(
            Step(b, skips[i] if i < n_skip else 0, after)
            for i, (b, after) in enumerate(zip(before, decoder, strict=True))
        )
        self.head = nn.Conv2d(decoder[-1], out_channels, 3, padding=1)
        if weights:
            if weights == "imagenet" and not named.pretrained:
                raise SpecError(
                    f"model transunet: timm has no weights of {vit}; take weights: null, or a copy "
                    f"of Google's {vit.replace('R50-', 'R50+')}.npz"
                )
            source = encoders.pretrained(encoders.PREFIX + named.pretrained, weights)
            state = from_timm(source, self.encoder)
            fit_weights(self.encoder, state, f"transunet weights {weights}")
        if prior is not None:
            start_at(self.head, prior)

    def forward(self, inputs: Tensor, valid: Tensor | None = None) -> Output:  # noqa: ARG002
        """Logits ``(B, K, Y, X)`` of ``inputs`` ``(B, C, Y, X)``, of any size."""
        size = inputs.shape[2:]
        x, skips = self.encoder(pad(inputs, multiples(size, self.divisor)))
        x = self.first(x)
        for i, step in enumerate(self.up):
            x = step(x, skips[i] if i < self.n_skip else None)
        logits = self.head(x)
        if self.divisor > 16:  # four steps of two do not reach the size of the image
            logits = F.interpolate(logits, scale_factor=self.divisor // 16, mode="bilinear")
        return Output(crop(logits, size))


class TransUNetSmall(TransUNet):
    """A TransUNet that learns on a processor: the same plan, 1.1 M parameters.

    Batch normalisation instead of standardised weights, one block a stage, four layers of 128.
    Any option of `TransUNet` may be given.
    """

    def __init__(self, in_channels: int, out_channels: int, **options: Any) -> None:
        small: dict[str, Any] = {
            "width": 16,
            "layers": (1, 1, 1),
            "dim": 128,
            "depth": 4,
            "heads": 4,
            "hidden": 256,
            "dropout": 0.0,
            "image_size": 128,
            "norm": "batch",
            "first": 128,
            "decoder": (64, 32, 16, 16),
        }
        super().__init__(in_channels, out_channels, **{**small, **options})


class Convolved(nn.Sequential):
    """3 x 3 convolution, batch normalisation, ReLU."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__(
            nn.Conv2d(before, after, 3, padding=1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(inplace=True),
        )


class Step(nn.Module):
    """Enlarge twofold, stack on the skip, convolve twice."""

    def __init__(self, before: int, skip: int, after: int) -> None:
        super().__init__()
        self.convolve = nn.Sequential(Convolved(before + skip, after), Convolved(after, after))

    def forward(self, coarse: Tensor, skip: Tensor | None) -> Tensor:
        """``(B, after, 2 Y, 2 X)`` from ``coarse`` ``(B, before, Y, X)``."""
        x = F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=True)
        out: Tensor = self.convolve(x if skip is None else torch.cat([x, skip], 1))
        return out
