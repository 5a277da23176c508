"""A bag model at work: bags through it in blocks, whatever their size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from inklings.bags.instances import Instances
from inklings.inference.device import device_of
from inklings.tensors import Output

BLOCK = 4096
"""Instances that are encoded at once: bounds memory, and costs nothing above a few hundred."""


def bag_logits(model: nn.Module, instances: Instances) -> NDArray[np.float64]:
    """``(B, K)`` logits of all bags; the model is left in the mode it was in."""
    rows = [output.logits.double().cpu().numpy() for output, _, _ in outputs(model, instances)]
    return np.concatenate(rows)


def outputs(
    model: nn.Module, instances: Instances
) -> Iterator[tuple[Output, list[int], list[Tensor]]]:
    """Output, numbers and encoded instances of a few bags at a time, as many as fit a block."""
    device = device_of(model)
    was = model.training
    model.eval()
    try:
        for chosen in _blocks(instances.counts):
            with torch.inference_mode():
                taken = [instances.take(i) for i in chosen]
                counts = torch.tensor([len(one) for one in taken])
                features = encode(model, np.concatenate(taken), device)
                valid = torch.arange(int(counts.max()))[None] < counts[:, None]
                output = pooled(model, features, valid.to(device))
            yield output, chosen, list(torch.split(features, counts.tolist()))
    finally:
        model.train(was)


def encode(model: Any, values: NDArray[Any], device: torch.device) -> Tensor:
    """Features ``(M, F)`` of instances ``(M, *shape)``, `BLOCK` at a time."""
    blocks = [values[first : first + BLOCK] for first in range(0, len(values), BLOCK)]
    found = [model.encode(torch.from_numpy(np.ascontiguousarray(b)).to(device)) for b in blocks]
    return torch.cat(found) if len(found) > 1 else found[0]


def alone(model: Any, output: Output, parts: Sequence[Tensor]) -> list[NDArray[np.float32]]:
    """Logits ``(n, C)`` of every instance of each bag, were it a bag of its own."""
    if output.instances is not None:
        rows = output.instances.float().cpu().numpy()
        return [rows[i, : len(part)] for i, part in enumerate(parts)]
    with torch.inference_mode():
        found = [torch.cat([model.alone(p) for p in torch.split(part, BLOCK)]) for part in parts]
    return [one.float().cpu().numpy() for one in found]


def pooled(model: Any, features: Tensor, valid: Tensor) -> Output:
    """Output of bags whose instances are encoded."""
    result: Output = model.pool(features, valid)
    return result


def _blocks(counts: tuple[int, ...]) -> Iterator[list[int]]:
    """Numbers of bags, together at most a block of instances; a larger bag goes alone."""
    block: list[int] = []
    taken = 0
    for index, count in enumerate(counts):
        if block and taken + count > BLOCK:
            yield block
            block, taken = [], 0
        block.append(index)
        taken += count
    if block:
        yield block
