"""Batches of bags: all their instances one after the other, and where each belongs.

The encoder sees only what exists: bags of 1 and of 1,000 instances share a batch, and nothing is
padded before the pooling. Like those of images, batch ``k`` is a function of the seed and ``k``.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.random import Generator, default_rng
from numpy.typing import NDArray
from torch import Tensor

from inklings.data.bag_examples import BagExamples
from inklings.data.batches import in_threads
from inklings.data.instance_augment import INSTANCE_AUGMENTS
from inklings.errors import SpecError
from inklings.spec import Bags
from inklings.tensors import Batch

_ORDER, _CONTENT = 0, 1


@dataclass(frozen=True)
class IndexedBagBatch:
    """A batch of bags and its place in the run.

    Attributes:
        number: Counts micro-batches from 0 over the whole run.
        inputs: ``(M, *shape)`` instances, one bag after the other.
        value: ``(B, K)`` float32.
        known: ``(B, K)`` bool.
        valid: ``(B, N)`` bool with ``M`` True places.
    """

    number: int
    inputs: Tensor
    value: Tensor
    known: Tensor
    valid: Tensor

    def to(self, device: torch.device) -> Batch:
        """The batch as models and losses know it, on ``device``."""
        return Batch(
            self.inputs.to(device, non_blocking=True),
            self.value.to(device, non_blocking=True),
            self.known.to(device, non_blocking=True),
            self.valid.to(device, non_blocking=True),
        )


class BagBatches:
    """All batches of a run, by number; see `inklings.data.batches.Source`.

    Args:
        examples: What to draw from.
        bags: Augmentation, and how many instances of a bag a step looks at.
        batch_size: Bags of a whole batch, over all devices.
        seed: With the number of the batch, all that it depends on.
        rank: Which slice of every batch this process takes.
        world: How many processes share a batch.

    Raises:
        SpecError: If there are no bags, or a batch cannot be shared evenly.
    """

    def __init__(
        self,
        examples: BagExamples,
        bags: Bags,
        batch_size: int,
        seed: int,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        if not len(examples):
            raise SpecError("expected at least one bag to train on, got none")
        if batch_size % world:
            raise SpecError(
                f"training.batch_size: expected a multiple of the {world} devices, got {batch_size}"
            )
        self.examples, self.bags = examples, bags
        self.batch_size, self.seed, self.rank, self.world = batch_size, seed, rank, world
        self._augments = [INSTANCE_AUGMENTS.build(a.name, a.options) for a in bags.augment]
        self._order = lru_cache(maxsize=4)(self._shuffled)

    def batch(self, number: int) -> IndexedBagBatch:
        """This process's slice of batch ``number``."""
        rng = default_rng([self.seed, _CONTENT, number, self.rank])
        chosen = [
            self._bag(number, place) for place in range(self.rank, self.batch_size, self.world)
        ]
        parts = [self._instances(index, rng) for index in chosen]
        inputs = torch.from_numpy(np.concatenate(parts))
        if self._augments:
            inputs = inputs.float()
            dice = torch.Generator().manual_seed(int(rng.integers(2**62)))
            for augment in self._augments:
                inputs = augment(inputs, dice)
        return IndexedBagBatch(
            number,
            inputs,
            torch.from_numpy(self.examples.value[chosen]),
            torch.from_numpy(self.examples.known[chosen]),
            places([len(part) for part in parts]),
        )

    def from_number(self, first: int, ahead: int = 3) -> Iterator[IndexedBagBatch]:
        """Batches ``first``, ``first + 1``, ... without end, made ``ahead`` of time in threads.

        What lies in memory and stays as it is is put together sooner than handed to a thread.
        """
        if self.examples.instances.in_memory and not self._augments:
            return map(self.batch, itertools.count(first))
        return in_threads(self.batch, first, ahead, self.world)

    def _bag(self, number: int, place: int) -> int:
        epoch, turn = divmod(number * self.batch_size + place, len(self.examples))
        return int(self._order(epoch)[turn])

    def _instances(self, index: int, rng: Generator) -> NDArray[Any]:
        count, most = self.examples.instances.counts[index], self.bags.sample
        if most is None or count <= most:
            return self.examples.instances.take(index)
        rows = np.sort(rng.choice(count, most, replace=False))
        return self.examples.instances.take(index, rows)

    def _shuffled(self, epoch: int) -> NDArray[np.int64]:
        return default_rng([self.seed, _ORDER, epoch]).permutation(len(self.examples))


def places(counts: Sequence[int]) -> Tensor:
    """``(B, N)`` bool: the first ``counts[b]`` places of row ``b`` are taken."""
    return torch.arange(max(counts))[None] < torch.tensor(list(counts))[:, None]
