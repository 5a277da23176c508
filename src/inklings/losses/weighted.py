"""A named, weighted sum of losses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from inklings.errors import SpecError
from inklings.losses import LOSSES
from inklings.losses.base import Loss
from inklings.tensors import Batch, Output


class Weighted(Loss):
    """``L = sum_i w_i L_i`` over named losses.

    In an experiment file a part is a weight, or a weight with the options of that loss::

        loss: {name: weighted, parts: {bce: 1, tversky: {weight: 0.5, beta: 0.8}}}

    Attributes:
        terms: Value of each part at the last call, without its weight, for the logs.

    Unknown samples and empty targets: as in the parts.
    """

    def __init__(self, parts: Mapping[str, float | Mapping[str, Any]]) -> None:
        """Build every part.

        Raises:
            SpecError: If there is no part, a weight is missing, or softmax and sigmoid meet.
        """
        super().__init__()
        built: dict[str, nn.Module] = {}
        self.weights: dict[str, float] = {}
        for name, entry in parts.items():
            options = dict(entry) if isinstance(entry, Mapping) else {"weight": entry}
            weight = options.pop("weight", None)
            if isinstance(weight, bool) or not isinstance(weight, int | float):
                raise SpecError(f"loss weighted: {name}: expected a number as weight, got {weight}")
            part = LOSSES.build(name, options)
            if not isinstance(part, nn.Module):
                raise SpecError(f"loss weighted: {name}: expected an nn.Module, got {type(part)}")
            built[name], self.weights[name] = part, float(weight)
        kinds = {bool(part.exclusive) for part in built.values()}
        if len(kinds) != 1:
            raise SpecError(
                "loss weighted: expected parts that agree on softmax or sigmoid, "
                f"got {', '.join(built) or 'none'}"
            )
        self.parts = nn.ModuleDict(built)
        self.exclusive = kinds.pop()
        self.reads_unlabelled = any(bool(part.reads_unlabelled) for part in built.values())
        self.reads_instances = any(bool(part.reads_instances) for part in built.values())
        self.reads_objects = any(bool(part.reads_objects) for part in built.values())
        self.terms: dict[str, Tensor] = {}

    def forward(self, output: Output, batch: Batch) -> Tensor:
        """Scalar loss of logits and values ``(B, K, *S)``."""
        values: dict[str, Tensor] = {name: part(output, batch) for name, part in self.parts.items()}
        self.terms = {name: value.detach() for name, value in values.items()}
        total = output.logits.new_zeros((), dtype=values[next(iter(values))].dtype)
        for name, value in values.items():
            total = total + self.weights[name] * value
        return total
