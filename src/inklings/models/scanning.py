"""A classifier of patches as one pass over a picture: its answer at every place, computed once.

Neighbouring patches overlap, so a loop over patches computes the same features again and again.
A network of convolutions without padding, poolings and layers on what is left of a patch is a
convolution itself. Where the loop would skip samples (pooling with a stride), the pass keeps
them all and spreads the taps of later layers apart instead (dilation), as far as the stride of the
scan asks for it: the same numbers as patch by patch.

References:
    Giusti et al., *Fast Image Scanning with Deep Max-Pooling CNNs*, ICIP 2013.
    Long, Shelhamer & Darrell, *Fully Convolutional Networks*, CVPR 2015.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from inklings.models.instances.base import Layers

_SAME = (
    nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Sigmoid, nn.Tanh, nn.Identity, nn.Dropout,
    nn.Dropout2d, nn.BatchNorm2d,
)  # fmt: skip


def scanning(encoder: nn.Module, shape: Sequence[int], stride: int) -> nn.Sequential | None:
    """The encoder at all places of a picture: ``(1, C, H, W)`` to ``(1, F, h, w)``.

    Place ``(i, j)`` answers for the patch whose first sample is ``(i * stride, j * stride)``. The
    weights are those of the encoder, which has to be in evaluation mode.

    Args:
        encoder: From patches ``(M, C, P, Q)`` to ``(M, F)``; one sequence, ``layers``.
        shape: ``(C, P, Q)`` of a patch.
        stride: Samples from one patch to the next.

    Returns:
        None where the network is no such sequence: where it pads patches, or is wired otherwise.
    """
    if not isinstance(encoder, Layers):
        return None
    spread, left = 1, stride  # between the taps of the next layer; samples still to skip
    size: tuple[int, ...] = tuple(shape)
    found: list[nn.Module] = []
    for layer in encoder.layers:
        if isinstance(layer, _SAME):
            found.append(layer)
        elif isinstance(layer, nn.Flatten) and len(size) == 3:
            continue
        elif isinstance(layer, nn.Conv2d | nn.MaxPool2d) and len(size) == 3:
            step = _valid(layer)
            if step is None:
                return None
            with torch.inference_mode():
                device = next(encoder.parameters()).device
                size = tuple(layer(torch.zeros(1, *size, device=device)).shape[1:])
            here = step if left % step == 0 else 1
            found.append(_spread(layer, here, spread))
            left //= here
            spread *= step // here
        elif isinstance(layer, nn.Linear):
            found.append(_of_linear(layer, size, spread, left))
            size, spread, left = (layer.out_features,), 1, 1
        elif isinstance(layer, nn.BatchNorm1d) and len(size) == 1:
            found.append(_as_2d(layer))
        else:
            return None
    return nn.Sequential(*found).eval() if len(size) == 1 else None


def _valid(layer: nn.Conv2d | nn.MaxPool2d) -> int | None:
    """The stride of a layer that sees nothing but the patch; None if it pads or is uneven."""
    uneven = isinstance(layer, nn.MaxPool2d) and layer.ceil_mode
    padded = uneven or layer.padding not in (0, (0, 0), "valid")
    step = layer.stride if isinstance(layer.stride, tuple) else (layer.stride,) * 2
    return None if padded or step[0] != step[1] else int(step[0])


def _spread(layer: nn.Conv2d | nn.MaxPool2d, stride: int, spread: int) -> nn.Module:
    """The layer with its taps ``spread`` times as far apart."""
    own = layer.dilation if isinstance(layer.dilation, tuple) else (layer.dilation,) * 2
    apart = (own[0] * spread, own[1] * spread)
    if isinstance(layer, nn.MaxPool2d):
        return nn.MaxPool2d(layer.kernel_size, stride, 0, apart)
    convolution = nn.Conv2d(
        layer.in_channels, layer.out_channels, (layer.kernel_size[0], layer.kernel_size[1]),
        stride, 0, apart, layer.groups, layer.bias is not None,
    )  # fmt: skip
    convolution.weight, convolution.bias = layer.weight, layer.bias
    return convolution


def _of_linear(layer: nn.Linear, size: tuple[int, ...], spread: int, stride: int) -> nn.Conv2d:
    """A layer on all that is left of a patch, ``size``, as a convolution."""
    channels, *sides = size if len(size) == 3 else (layer.in_features, 1, 1)
    kernel = (sides[0], sides[1])
    convolution = nn.Conv2d(
        channels, layer.out_features, kernel, stride, 0, spread, bias=layer.bias is not None
    )
    weight = layer.weight.detach().view(layer.out_features, channels, *kernel)
    convolution.weight = nn.Parameter(weight.contiguous(memory_format=torch.channels_last))
    convolution.bias = layer.bias
    return convolution


def _as_2d(layer: nn.BatchNorm1d) -> nn.BatchNorm2d:
    twin = nn.BatchNorm2d(layer.num_features, layer.eps, layer.momentum, layer.affine)
    twin.to(next(layer.buffers()).device).load_state_dict(layer.state_dict())
    return twin


def patches_of(inputs: Tensor, sides: Sequence[int], stride: int) -> Tensor:
    """All patches ``(h, w, C, P, Q)`` of a picture ``(C, H, W)``, as a view."""
    found = inputs.unfold(1, sides[0], stride).unfold(2, sides[1], stride)
    return found.permute(1, 2, 0, 3, 4)
