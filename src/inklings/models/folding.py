"""A network for prediction: normalisations that have stopped learning, merged into convolutions.

In evaluation a batch normalisation is a scale and a shift for each channel, so a convolution
before it can do both: the same function with a pass over all samples less.

Reference:
    Jacob et al., CVPR 2018, section 3.2 (folding for quantisation).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, cast

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from inklings.models.base import Model

_CONVOLUTIONS: dict[type[nn.Module], type[nn.Module]] = {
    nn.Conv1d: nn.BatchNorm1d,
    nn.Conv2d: nn.BatchNorm2d,
    nn.Conv3d: nn.BatchNorm3d,
}


def folded(model: Model) -> Model:
    """Merge each normalisation that follows a convolution in a sequence into that, in place.

    What is wired in any other way is left as it is, for who calls whom cannot be seen there.

    Args:
        model: In evaluation mode; afterwards it cannot learn as before.

    Returns:
        ``model``; its parameters have other names and values than before.
    """
    users: dict[int, int] = {}
    for block in model.modules():
        for child in block.children():
            users[id(child)] = users.get(id(child), 0) + 1
    for block in model.modules():
        if not isinstance(block, nn.Sequential) or type(block).forward is not nn.Sequential.forward:
            continue
        for (name, first), (after, second) in pairwise(block.named_children()):
            if _mergeable(first, second) and users[id(first)] == users[id(second)] == 1:
                setattr(block, name, fuse_conv_bn_eval(cast(Any, first), cast(Any, second)))
                setattr(block, after, nn.Identity())
    return model


def _mergeable(first: nn.Module, second: nn.Module) -> bool:
    expected = _CONVOLUTIONS.get(type(first))
    if expected is None or type(second) is not expected:
        return False
    return not second.training and second.running_mean is not None
