"""Optimisers by name; fused implementations where torch has one, for they halve the cost."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch.nn import Parameter
from torch.optim import SGD, Adadelta, Adam, AdamW, Optimizer, RMSprop

from inklings.errors import SpecError
from inklings.models.base import Model

Parameters = Iterable[Parameter] | Iterable[dict[str, Any]]


def groups(model: Model, backbone_rate: float) -> list[dict[str, Any]]:
    """Parameters in groups with the ``factor`` of the learning rate that each gets.

    A model says in ``backbone`` how the names of its encoder's parameters begin.

    Raises:
        SpecError: If the backbone is to learn at another rate and there is none.
    """
    if backbone_rate == 1:
        return [{"params": list(model.parameters()), "factor": 1.0}]
    prefixes = model.backbone
    named = list(model.named_parameters())
    inside = [p for name, p in named if prefixes and name.startswith(prefixes)]
    if not inside:
        raise SpecError(
            f"training.backbone_rate {backbone_rate:g}: expected a model with an encoder of its "
            f"own (smp, deeplabv3plus, transunet), got {type(model).__name__}; leave it out"
        )
    rest = [p for name, p in named if not name.startswith(prefixes)]
    return [{"params": rest, "factor": 1.0}, {"params": inside, "factor": backbone_rate}]


def adamw(
    parameters: Parameters,
    learning_rate: float,
    fused: bool = True,
    weight_decay: float = 1e-2,
    beta1: float = 0.9,
    beta2: float = 0.999,
) -> Optimizer:
    """Adam with decoupled weight decay: Loshchilov & Hutter (2019)."""
    listed: Any = list(parameters)
    return AdamW(
        listed,
        learning_rate,
        (beta1, beta2),
        weight_decay=weight_decay,
        fused=fused and _fusible(listed),
    )


def adam(
    parameters: Parameters,
    learning_rate: float,
    fused: bool = True,
    weight_decay: float = 0.0,
    beta1: float = 0.9,
    beta2: float = 0.999,
) -> Optimizer:
    """Adam: Kingma & Ba (2015)."""
    listed: Any = list(parameters)
    return Adam(
        listed,
        learning_rate,
        (beta1, beta2),
        weight_decay=weight_decay,
        fused=fused and _fusible(listed),
    )


def sgd(
    parameters: Parameters,
    learning_rate: float,
    fused: bool = True,
    momentum: float = 0.9,
    weight_decay: float = 0.0,
    nesterov: bool = False,
) -> Optimizer:
    """Stochastic gradient descent with momentum."""
    listed: Any = list(parameters)
    return SGD(
        listed,
        learning_rate,
        momentum,
        weight_decay=weight_decay,
        nesterov=nesterov,
        fused=fused and _fusible(listed),
    )


def rmsprop(
    parameters: Parameters,
    learning_rate: float,
    fused: bool = True,  # noqa: ARG001
    momentum: float = 0.9,
    weight_decay: float = 1e-8,
    alpha: float = 0.99,
) -> Optimizer:
    """RMSprop: Tieleman & Hinton (2012); the defaults are those of the widely used U-Net code.

    There is no fused one, so ``fused`` does nothing.
    """
    return RMSprop(
        parameters, learning_rate, alpha, momentum=momentum, weight_decay=weight_decay, foreach=True
    )


def adadelta(
    parameters: Parameters,
    learning_rate: float,
    fused: bool = True,  # noqa: ARG001
    weight_decay: float = 0.0,
    rho: float = 0.9,
    eps: float = 1e-6,
) -> Optimizer:
    """Adadelta: Zeiler (2012), whose ``learning_rate`` is 1; there is no fused one either."""
    return Adadelta(parameters, learning_rate, rho, eps, weight_decay, foreach=True)


def _fusible(parameters: list[Parameter] | list[dict[str, Any]]) -> bool:
    flat = [
        p for entry in parameters for p in (entry["params"] if isinstance(entry, dict) else [entry])
    ]
    return all(p.device.type in ("cpu", "cuda") and p.is_floating_point() for p in flat)
