"""What several networks say of the same bags, as one answer."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from inklings.tensors import Output


def agreed(outputs: Sequence[Output], learning: bool) -> Output:
    """One output of several.

    In use it is their mean. Learning, each is told of its own answer: the first is ``logits``, the
    others are further ways to the bag (``second``), so that none leans on another.

    Args:
        outputs: Of the same bags.
        learning: Whether they are trained.
    """
    first = outputs[0]
    if len(outputs) == 1:
        return first
    if learning:
        return Output(
            first.logits, second=torch.stack([way for o in outputs for way in _ways(o)][1:], 1)
        )
    return Output(
        torch.stack([o.logits for o in outputs]).mean(0),
        *(
            None
            if getattr(first, name) is None
            else torch.stack([getattr(o, name) for o in outputs]).mean(0)
            for name in ("attention", "instances", "contributions")
        ),
    )


def _ways(output: Output) -> list[torch.Tensor]:
    return [output.logits] if output.second is None else [output.logits, output.second]
