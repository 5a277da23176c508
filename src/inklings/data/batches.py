"""Batches cut from decoded images; batch number ``k`` is a function of the seed and ``k`` alone.

Nothing here has a state that would have to be saved: to go on after batch 1000 is to ask for
batch 1001. Threads cut a few batches ahead, so that the model does not wait.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, TypeVar

import numpy as np
import torch
from numpy.random import Generator, default_rng
from numpy.typing import NDArray
from torch import Tensor

from inklings.data import AUGMENTS, INTENSITIES
from inklings.data.augment import Augment
from inklings.data.crops import Sample, anywhere, centres, cut, holding
from inklings.data.examples import Examples
from inklings.data.intensity import Intensity
from inklings.data.sampler import Sampler
from inklings.errors import SpecError
from inklings.spec import Component, Sampling
from inklings.tensors import Batch

# First word of the seeds, so that order and content of batches are drawn independently.
_CONTENT = 1

T = TypeVar("T")


class Delivered(Protocol):
    """A batch and its place in the run."""

    @property
    def number(self) -> int:
        """Counts micro-batches from 0 over the whole run."""

    def to(self, device: torch.device) -> Batch:
        """The batch as models and losses know it, on ``device``."""


class Source(Protocol):
    """All batches of a run, by number.

    Attributes:
        batch_size: Images or bags of a whole batch, over all devices.
        seed: With the number of the batch, all that it depends on.
        rank: Which slice of every batch this process takes.
    """

    batch_size: int
    seed: int
    rank: int

    def from_number(self, first: int) -> Iterator[Delivered]:
        """Batches ``first``, ``first + 1``, ... without end."""


@dataclass(frozen=True)
class IndexedBatch:
    """A batch and its place in the run.

    Attributes:
        number: Counts micro-batches from 0 over the whole run.
        inputs: ``(B, C, *S)`` float32, channels last in memory.
        value: ``(B, K, *S)`` uint8 quantised probabilities.
        known: ``(B, 1, *S)`` bool.
        valid: ``(B, 1, *S)`` bool; None if nothing is padded.
    """

    number: int
    inputs: Tensor
    value: Tensor
    known: Tensor
    valid: Tensor | None

    def to(self, device: torch.device) -> Batch:
        """The batch as models and losses know it, on ``device``; values in [0, 1]."""
        return Batch(
            inputs=self.inputs.to(device, non_blocking=True),
            value=self.value.to(device, non_blocking=True).float().div_(255),
            known=self.known.to(device, non_blocking=True),
            valid=None if self.valid is None else self.valid.to(device, non_blocking=True),
        )


class Batches:
    """All batches of a run, by number.

    Args:
        examples: What to cut from.
        sampling: Size of the crops, share of centred ones, augmentation.
        intensity: How samples become inputs.
        batch_size: Crops of a whole batch, over all devices.
        seed: With the number of the batch, all that it depends on.
        rank: Which slice of every batch this process takes.
        world: How many processes share a batch.
        patch: Samples of a patch of a volume; None for ``sampling.size`` on every side.

    Raises:
        SpecError: If there are no examples, or a batch cannot be shared evenly.
    """

    def __init__(
        self,
        examples: Examples,
        sampling: Sampling,
        intensity: Component,
        batch_size: int,
        seed: int,
        rank: int = 0,
        world: int = 1,
        patch: tuple[int, ...] | None = None,
    ) -> None:
        if not len(examples):
            raise SpecError("expected at least one image to train on, got none")
        if batch_size % world:
            raise SpecError(
                f"training.batch_size: expected a multiple of the {world} devices, got {batch_size}"
            )
        if batch_size // world % sampling.bag:
            raise SpecError(
                f"training.batch_size: expected a multiple of sampling.bag ({sampling.bag}) on "
                f"each of {world} devices, got {batch_size}"
            )
        self.examples, self.sampling = examples, sampling
        self.batch_size, self.seed = batch_size, seed
        self.rank, self.world = rank, world
        self._augments: list[Augment] = [
            AUGMENTS.build(a.name, a.options) for a in sampling.augment
        ]
        scaling: Intensity = INTENSITIES.build(intensity.name, intensity.options)
        self._scales = list(examples.scales) or [scaling.scale(i) for i in examples.images]
        self._patch = patch or (sampling.size,) * 3
        self._centres: list[NDArray[np.int32]] | None = (
            [centres(t.value, t.known) for t in examples.targets] if sampling.positives else None
        )
        order = Sampler(examples, sampling, seed)
        self._length = order.length
        self._order = lru_cache(maxsize=4)(order.epoch)

    def batch(self, number: int) -> IndexedBatch:
        """This process's slice of batch ``number``."""
        if self.sampling.bag > 1:  # bags stay whole
            share = self.batch_size // self.world
            places = range(self.rank * share, (self.rank + 1) * share)
        else:
            places = range(self.rank, self.batch_size, self.world)
        return collate(number, [self.sample(number, place) for place in places])

    def sample(self, number: int, place: int) -> Sample:
        """The crop at ``place`` of batch ``number``."""
        epoch, turn = divmod(number * self.batch_size + place, self._length)
        rng = default_rng([self.seed, _CONTENT, number, place])
        sample = self._crop(int(self._order(epoch)[turn]), rng)
        for augment in self._augments:
            sample = augment(sample, rng)
        return sample

    def from_number(self, first: int, ahead: int = 3) -> Iterator[IndexedBatch]:
        """Batches ``first``, ``first + 1``, ... without end, cut ``ahead`` of time in threads."""
        return in_threads(self.batch, first, ahead, self.world)

    def _crop(self, index: int, rng: Generator) -> Sample:
        image, target = self.examples.images[index], self.examples.targets[index]
        shape = image.shape[1:]
        size = self._patch if len(shape) == 3 else (self.sampling.size,) * 2
        region = anywhere(shape, size, rng)
        if self._centres is not None and len(self._centres[index]):
            chance, pick = rng.random(2)
            if chance < self.sampling.positives:
                flat = self._centres[index][int(pick * len(self._centres[index]))]
                place = [int(i) for i in np.unravel_index(flat, shape)]
                region = holding(place, shape, size, rng)
        return cut(image, target.value, target.known, region, self._scales[index])


def collate(number: int, samples: Sequence[Sample]) -> IndexedBatch:
    """Stack samples; inputs are laid out channels last, which is how convolutions are fastest."""
    channels, *sides = samples[0].inputs.shape
    inputs = np.empty((len(samples), *sides, channels), np.float32)
    for i, sample in enumerate(samples):
        inputs[i] = np.moveaxis(sample.inputs, 0, -1)
    padded = not all(sample.valid.all() for sample in samples)
    return IndexedBatch(
        number,
        torch.from_numpy(inputs).movedim(-1, 1),
        torch.from_numpy(np.stack([s.value for s in samples])),
        torch.from_numpy(np.stack([s.known for s in samples])[:, None]),
        torch.from_numpy(np.stack([s.valid for s in samples])[:, None]) if padded else None,
    )


def in_threads(
    batch: Callable[[int], T], first: int, ahead: int = 3, world: int = 1
) -> Iterator[T]:
    """``batch(first)``, ``batch(first + 1)``, ... without end, made ``ahead`` of time.

    Args:
        batch: Makes the batch of a number; called from several threads.
        first: Number to begin with.
        ahead: Batches that wait, besides those being made.
        world: Processes that share the cores.
    """
    workers = max(1, min(4, (os.cpu_count() or 2) // max(1, world) - 1))
    pool = ThreadPoolExecutor(workers, thread_name_prefix="batches")
    queue: deque[Future[T]] = deque()
    try:
        while True:
            while len(queue) < ahead + workers:
                queue.append(pool.submit(batch, first))
                first += 1
            yield queue.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
