"""A residual network that feeds a vision transformer: the encoder of TransUNet.

Names of parameters are those of timm's ``vit_base_r50_s16``, so that its weights fit.

Reference:
    Dosovitskiy et al., *An Image is Worth 16x16 Words*, ICLR 2021 (the hybrid of its appendix);
    Kolesnikov et al., *Big Transfer*, ECCV 2020 (the residual network: group normalisation and
    standardised weights). https://arxiv.org/abs/2010.11929, https://arxiv.org/abs/1912.11370
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from inklings.errors import SpecError

Norm = Literal["group", "batch"]


class Convolution(nn.Conv2d):
    """Convolution without bias, padded at the end as TensorFlow's SAME does.

    ``standardised``: each filter has mean 0 and variance 1 before it is applied.
    """

    def __init__(
        self, before: int, after: int, side: int, stride: int = 1, standardised: bool = False
    ) -> None:
        super().__init__(before, after, side, stride, bias=False)
        self.standardised = standardised

    def forward(self, x: Tensor) -> Tensor:
        """``(B, after, ceil(Y / stride), ceil(X / stride))``."""
        weight = self.weight
        if self.standardised:
            flat = weight.flatten(1)
            variance, mean = torch.var_mean(flat, 1, correction=0, keepdim=True)
            weight = ((flat - mean) * torch.rsqrt(variance + 1e-8)).view_as(weight)
        x = same(x, self.kernel_size[0], self.stride[0])
        return F.conv2d(x, weight.to(x.dtype), None, self.stride)


def same(x: Tensor, side: int, stride: int, fill: float = 0.0) -> Tensor:
    """Pad ``x`` so that a window of ``side`` gives ``ceil(size / stride)`` samples."""
    amounts = []
    for size in (x.shape[-1], x.shape[-2]):
        total = max((-(-size // stride) - 1) * stride + side - size, 0)
        amounts += [total // 2, total - total // 2]
    return F.pad(x, amounts, value=fill) if any(amounts) else x


def normalisation(channels: int, norm: Norm) -> nn.Module:
    """Group normalisation in 32 groups, or batch normalisation."""
    return (
        nn.GroupNorm(min(32, channels), channels) if norm == "group" else nn.BatchNorm2d(channels)
    )


class Shortcut(nn.Module):
    """The projection beside the first block of a stage."""

    def __init__(self, before: int, after: int, stride: int, norm: Norm) -> None:
        super().__init__()
        self.conv = Convolution(before, after, 1, stride, norm == "group")
        self.norm = normalisation(after, norm)

    def forward(self, x: Tensor) -> Tensor:
        """``x`` on the grid and with the channels of the block's result."""
        projected: Tensor = self.norm(self.conv(x))
        return projected


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3, 1 x 1 convolutions around a shortcut; a quarter of the width between."""

    def __init__(self, before: int, after: int, stride: int, norm: Norm) -> None:
        super().__init__()
        between, standardised = after // 4, norm == "group"
        self.conv1 = Convolution(before, between, 1, 1, standardised)
        self.norm1 = normalisation(between, norm)
        self.conv2 = Convolution(between, between, 3, stride, standardised)
        self.norm2 = normalisation(between, norm)
        self.conv3 = Convolution(between, after, 1, 1, standardised)
        self.norm3 = normalisation(after, norm)
        plain = before == after and stride == 1
        self.downsample = nn.Identity() if plain else Shortcut(before, after, stride, norm)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, after, Y / stride, X / stride)``."""
        y = F.relu(self.norm1(self.conv1(x)))
        y = F.relu(self.norm2(self.conv2(y)))
        return F.relu(self.norm3(self.conv3(y)) + self.downsample(x))


class Stem(nn.Module):
    """A 7 x 7 convolution to half the resolution."""

    def __init__(self, before: int, after: int, norm: Norm) -> None:
        super().__init__()
        self.conv = Convolution(before, after, 7, 2, norm == "group")
        self.norm = normalisation(after, norm)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, after, Y / 2, X / 2)``."""
        return F.relu(self.norm(self.conv(x)))


class Stage(nn.Module):
    """Residual blocks of one width, the first of which may halve the grid."""

    def __init__(self, before: int, after: int, count: int, stride: int, norm: Norm) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            *(
                Bottleneck(after if i else before, after, 1 if i else stride, norm)
                for i in range(count)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """``(B, after, Y / stride, X / stride)``."""
        out: Tensor = self.blocks(x)
        return out


class Backbone(nn.Module):
    """Stem and three stages; with a width of 64 and (3, 4, 9) blocks the paper's ResNet-50."""

    def __init__(self, channels: int, width: int, layers: Sequence[int], norm: Norm) -> None:
        super().__init__()
        self.stem = Stem(channels, width, norm)
        widths = [width, *(4 * width * 2**i for i in range(len(layers)))]
        self.stages = nn.ModuleList(
            Stage(widths[i], widths[i + 1], count, 1 if i == 0 else 2, norm)
            for i, count in enumerate(layers)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """Features at 1/2, 1/4, 1/8 and 1/16 of the resolution."""
        features = [self.stem(x)]
        x = F.max_pool2d(same(features[0], 3, 2, fill=-torch.inf), 3, 2)
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features


class Embedding(nn.Module):
    """The backbone, and a linear map of every sample of its coarsest grid to a token."""

    def __init__(self, backbone: Backbone, channels: int, dim: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.proj = nn.Conv2d(channels, dim, 1)


class Attention(nn.Module):
    """Multi-head self-attention."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, N, D)``."""
        batch, count, dim = x.shape
        split = self.qkv(x).view(batch, count, 3, self.heads, dim // self.heads)
        q, k, v = split.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v)
        out: Tensor = self.proj(mixed.transpose(1, 2).reshape(batch, count, dim))
        return out


class Perceptron(nn.Module):
    """Two linear layers with a GELU between."""

    def __init__(self, dim: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(dim, hidden), nn.Linear(hidden, dim)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, N, D)``."""
        return self.drop(self.fc2(self.drop(F.gelu(self.fc1(x)))))  # type: ignore[no-any-return]


class Block(nn.Module):
    """``x + attention(norm(x))``, then ``x + mlp(norm(x))``."""

    def __init__(self, dim: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim, eps=1e-6), nn.LayerNorm(dim, eps=1e-6)
        self.attn = Attention(dim, heads)
        self.mlp = Perceptron(dim, hidden, dropout)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, N, D)``."""
        x = x + self.attn(self.norm1(x))
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class Patches(nn.Module):
    """A linear map of every patch of the image to a token: a transformer without a backbone."""

    def __init__(self, before: int, dim: int, side: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(before, dim, side, side)


class HybridViT(nn.Module):
    """From an image to tokens on its grid at 1/``patch``, and the finer features beside.

    Position embeddings belong to an image of ``image_size``; on any other grid they are resized
    bicubically, so that one set of weights serves all sizes. Without ``layers`` of a backbone it
    is a plain vision transformer, and there are no finer features.
    """

    def __init__(
        self,
        in_channels: int,
        width: int,
        layers: Sequence[int],
        dim: int,
        depth: int,
        heads: int,
        hidden: int,
        dropout: float,
        image_size: int,
        norm: Norm,
        patch: int = 16,
    ) -> None:
        super().__init__()
        if dim % heads or image_size % patch or len(layers) not in (0, 3):
            raise SpecError(
                f"model transunet: expected dim a multiple of heads, image_size of {patch} and "
                f"three numbers of layers, got {dim}, {heads}, {image_size} and {list(layers)}"
            )
        self.patch_embed: Embedding | Patches
        if layers:
            backbone = Backbone(in_channels, width, layers, norm)
            self.patch_embed = Embedding(backbone, 16 * width, dim)
        else:
            self.patch_embed = Patches(in_channels, dim, patch)
        side = image_size // patch
        self.pos_embed = nn.Parameter(torch.zeros(1, side * side, dim))
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        self.drop = nn.Dropout(dropout)
        self.blocks = nn.Sequential(*(Block(dim, heads, hidden, dropout) for _ in range(depth)))
        self.norm = nn.LayerNorm(dim, eps=1e-6)

    def forward(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Tokens ``(B, D, Y/16, X/16)`` and features at 1/8, 1/4 and 1/2, coarsest first."""
        embed, finer = self.patch_embed, list[Tensor]()
        if isinstance(embed, Embedding):
            *finer, images = embed.backbone(images)
        x = embed.proj(images)
        rows, columns = x.shape[-2:]
        tokens = x.flatten(2).transpose(1, 2) + self.positions(rows, columns).to(x.dtype)
        tokens = self.norm(self.blocks(self.drop(tokens)))
        return tokens.transpose(1, 2).reshape(len(x), -1, rows, columns), finer[::-1]

    def positions(self, rows: int, columns: int) -> Tensor:
        """Position embeddings ``(1, rows * columns, D)``."""
        side = round(self.pos_embed.shape[1] ** 0.5)
        if (rows, columns) == (side, side):
            return self.pos_embed
        grid = self.pos_embed.transpose(1, 2).reshape(1, -1, side, side)
        size = (rows, columns)
        resized = F.interpolate(grid.float(), size, mode="bicubic", antialias=True)
        return resized.flatten(2).transpose(1, 2)


def from_timm(state: dict[str, Tensor], encoder: HybridViT) -> dict[str, Tensor]:
    """Weights of timm as those of ``encoder``: no class token, any number of channels.

    Raises:
        SpecError: If one of the two has a residual network below the transformer and the other
            none.
    """
    own = encoder.state_dict()
    dropped = ("cls_token", "head.")
    fitted = {k: v for k, v in state.items() if k in own or not k.startswith(dropped)}
    root = "patch_embed.backbone.stem.conv.weight"
    kinds = {True: "a hybrid with a residual network", False: "a plain vision transformer"}
    if "patch_embed.proj.weight" in state and (root in state) != (root in own):
        raise SpecError(
            f"expected weights of {kinds[root in own]}, got those of {kinds[root in state]}; "
            "choose the model with vit: R50-ViT-B_16, ViT-B_16, ..."
        )
    stem = root if root in own else "patch_embed.proj.weight"
    channels = own[stem].shape[1]
    if stem in fitted and fitted[stem].shape[1] != channels:
        repeated = fitted[stem][:, torch.arange(channels) % fitted[stem].shape[1]]
        fitted[stem] = repeated * (fitted[stem].shape[1] / channels)
    if "pos_embed" in fitted:
        grid = fitted["pos_embed"]
        # A square number of positions has none for the class token.
        grid = grid if round(grid.shape[1] ** 0.5) ** 2 == grid.shape[1] else grid[:, 1:]
        was, now = round(grid.shape[1] ** 0.5), round(own["pos_embed"].shape[1] ** 0.5)
        image = grid.transpose(1, 2).reshape(1, -1, was, was)
        if was != now:
            image = F.interpolate(image.float(), (now, now), mode="bicubic", antialias=True)
        fitted["pos_embed"] = image.flatten(2).transpose(1, 2).contiguous()
    return fitted
