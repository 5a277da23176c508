"""Batches of crops that are drawn at random; batch ``k`` is a function of the seed and ``k``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator, default_rng
from numpy.typing import NDArray
from torch import Tensor

from inklings.data.batches import in_threads
from inklings.tensors import Batch

Crop = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]
"""Inputs ``(C, *S)``, value ``(K, *T)`` and known, which broadcasts against the value."""
Draw = Callable[[Generator], Crop]

_CONTENT = 7


@dataclass(frozen=True)
class IndexedCrops:
    """A batch of crops and its place in the run."""

    number: int
    inputs: Tensor
    value: Tensor
    known: Tensor

    def to(self, device: torch.device) -> Batch:
        """The batch as models and losses know it, on ``device``."""
        return Batch(self.inputs.to(device), self.value.to(device), self.known.to(device))


@dataclass
class Crops:
    """All batches of a run, by number; see `inklings.data.batches.Source`.

    Attributes:
        draw: Makes one crop; called from several threads.
        batch_size: Crops of a batch, over all devices.
        seed: With the number of the batch, all that it depends on.
        rank: Which slice of every batch this process takes.
        world: How many processes share a batch.
    """

    draw: Draw
    batch_size: int
    seed: int
    rank: int = 0
    world: int = 1

    def batch(self, number: int) -> IndexedCrops:
        """This process's slice of batch ``number``."""
        drawn = [
            self.draw(default_rng([self.seed, _CONTENT, number, place]))
            for place in range(self.rank, self.batch_size, self.world)
        ]
        inputs = np.stack([np.moveaxis(one[0], 0, -1) for one in drawn])  # channels last in memory
        return IndexedCrops(
            number,
            torch.from_numpy(inputs).movedim(-1, 1),
            torch.from_numpy(np.stack([one[1] for one in drawn])),
            torch.from_numpy(np.stack([one[2] for one in drawn])),
        )

    def from_number(self, first: int, ahead: int = 3) -> Iterator[IndexedCrops]:
        """Batches ``first``, ``first + 1``, ... without end, made ``ahead`` of time in threads."""
        return in_threads(self.batch, first, ahead, self.world)
