"""Batches of bags: all their instances one after the other, and where each belongs.

The encoder sees only what exists: bags of 1 and of 1,000 instances share a batch, and nothing is
padded before the pooling. Like those of images, batch ``k`` is a function of the seed and ``k``.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.random import Generator, default_rng
from numpy.typing import NDArray
from torch import Tensor

from inklings.data import build_transforms
from inklings.data.bag_examples import BagExamples
from inklings.data.batches import BatchSource, IndexedBatch
from inklings.data.sampler import Shuffle
from inklings.errors import SpecError
from inklings.spec import Bags

_CONTENT = 1


class BagBatches(BatchSource):
    """Batches of bags.

    Args:
        examples: What to draw from.
        bags: Augmentation, and how many instances of a bag a step looks at.
        batch_size, seed, rank, world: As `inklings.data.batches.BatchSource`.

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
        super().__init__(batch_size, seed, rank, world)
        if not len(examples):
            raise SpecError("expected at least one bag to train on, got none")
        self.examples, self.bags = examples, bags
        self._transforms = build_transforms(bags.augment, "instances")
        self._order = Shuffle(len(examples), seed)

    def batch(self, number: int) -> IndexedBatch:
        """This process's slice of batch ``number``."""
        rng = default_rng([self.seed, _CONTENT, number, self.rank])
        chosen = [self._order.at(number * self.batch_size + place) for place in self.places]
        parts = [self._instances(index, rng) for index in chosen]
        inputs = torch.from_numpy(np.concatenate(parts))
        if self._transforms:
            inputs = inputs.float()
            dice = torch.Generator().manual_seed(int(rng.integers(2**62)))
            for transform in self._transforms:
                inputs = transform(inputs, dice)
        return IndexedBatch(
            number,
            inputs,
            torch.from_numpy(self.examples.value[chosen]),
            torch.from_numpy(self.examples.known[chosen]),
            taken([len(part) for part in parts]),
        )

    def from_number(self, first: int, ahead: int = 3) -> Iterator[IndexedBatch]:
        """Batches ``first``, ``first + 1``, ... without end, made ``ahead`` of time in threads.

        What lies in memory and stays as it is is put together sooner than handed to a thread.
        """
        if self.examples.instances.in_memory and not self._transforms:
            return map(self.batch, itertools.count(first))
        return super().from_number(first, ahead)

    def _instances(self, index: int, rng: Generator) -> NDArray[Any]:
        count, most = self.examples.instances.counts[index], self.bags.max_instances
        if most is None or count <= most:
            return self.examples.instances.take(index)
        drawn = rng.choice(count, most, replace=self.bags.replacement)
        rows, places = np.unique(drawn, return_inverse=True)
        return self.examples.instances.take(index, rows)[places]


def taken(counts: Sequence[int]) -> Tensor:
    """``(B, N)`` bool: the first ``counts[b]`` places of row ``b`` are taken."""
    return torch.arange(max(counts))[None] < torch.tensor(list(counts))[:, None]
