"""Optimisers by name; fused implementations where torch has one, for they halve the cost."""

from __future__ import annotations

from collections.abc import Iterable

from torch.nn import Parameter
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop

Parameters = Iterable[Parameter]


def adamw(
    parameters: Parameters,
    learning_rate: float,
    fused: bool = True,
    weight_decay: float = 1e-2,
    beta1: float = 0.9,
    beta2: float = 0.999,
) -> Optimizer:
    """Adam with decoupled weight decay: Loshchilov & Hutter (2019)."""
    parameters = list(parameters)
    return AdamW(
        parameters,
        learning_rate,
        (beta1, beta2),
        weight_decay=weight_decay,
        fused=fused and _fusible(parameters),
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
    parameters = list(parameters)
    return Adam(
        parameters,
        learning_rate,
        (beta1, beta2),
        weight_decay=weight_decay,
        fused=fused and _fusible(parameters),
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
    parameters = list(parameters)
    return SGD(
        parameters,
        learning_rate,
        momentum,
        weight_decay=weight_decay,
        nesterov=nesterov,
        fused=fused and _fusible(parameters),
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


def _fusible(parameters: list[Parameter]) -> bool:
    return all(p.device.type in ("cpu", "cuda") and p.is_floating_point() for p in parameters)
