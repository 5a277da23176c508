"""Batches in parts, for when memory ends: one part after the other, the same gradients.

The forward pass of a part keeps nothing for its gradients and is done again where they are needed
(Chen et al. 2016, sublinear memory cost), so that the memory of one part is enough for all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from inklings import progress
from inklings.errors import SpecError
from inklings.tensors import Batch

Step = Callable[[Batch], tuple[Tensor, Tensor]]
"""From a batch to its loss and its logits ``(B, ...)``."""

_SAYS = ("out of memory", "not enough memory", "can't allocate memory", "ALLOC_FAILED")


@dataclass
class Parts:
    """In how many parts batches are learnt, and what was said when that changed."""

    count: int = 1
    notes: list[str] = field(default_factory=list)

    def double(self, error: Exception, step: int, examples: int, least: int) -> None:
        """Half as many examples at once from now on.

        Args:
            error: That of the memory.
            step: Last of the optimiser.
            examples: Of a batch.
            least: Without which a loss can learn nothing.

        Raises:
            SpecError: If there is nothing left to halve.
        """
        if examples < 2 * self.count * least:
            raise SpecError(
                f"memory ended at step {step} with {examples // self.count} of {examples} examples "
                "of a batch at once, and no fewer are possible; take smaller crops or patches, or "
                "a smaller model.width"
            ) from error
        self.count *= 2
        self.notes.append(
            f"memory ended at step {step}: batches of {examples} are learnt in {self.count} parts "
            "since, with accumulated gradients; that batch was left out"
        )
        progress.note(f"train: {self.notes[-1]}")


def memory_ended(error: BaseException) -> bool:
    """Whether an error says that there is no memory left, of the processor or of a device."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _SAYS)


def in_parts(step: Step, batch: Batch, count: int) -> tuple[Tensor, Tensor]:
    """Loss and logits of a batch of which ``count`` parts are held in memory one by one.

    The loss is the mean over the parts by their examples, as with accumulated gradients.
    """
    if count == 1:
        return step(batch)
    losses, logits = [], []
    for part in _parts(batch, count):
        loss, said = checkpoint(partial(step, part), use_reentrant=False)
        losses.append(loss * (len(part.value) / len(batch.value)))
        logits.append(said)
    return torch.stack(losses).sum(), torch.cat(logits)


def _parts(batch: Batch, count: int) -> list[Batch]:
    """``count`` batches of as many examples as can be, in order."""
    split: dict[str, Sequence[Any]] = {
        name: values.tensor_split(count)
        for name, values in vars(batch).items()
        if isinstance(values, Tensor)
    }
    if batch.valid is not None and batch.valid.ndim == 2:  # bags: their instances in one row
        held = [int(rows.sum()) for rows in split["valid"]]
        split["inputs"] = torch.split(batch.inputs, held)
    return [replace(batch, **{name: of[i] for name, of in split.items()}) for i in range(count)]
