"""Batches of crops; batch number ``k`` is a function of the seed and ``k`` alone.

Nothing here has a state that would have to be saved: to go on after batch 1000 is to ask for
batch 1001. Threads cut a few batches ahead, so that the model does not wait.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator, default_rng
from numpy.typing import NDArray
from torch import Tensor

from inklings.data import INTENSITIES, build_transforms
from inklings.data.crops import Sample, anywhere, centres, cut, holding
from inklings.data.examples import Examples
from inklings.data.intensity import Intensity
from inklings.data.sampler import Sampler
from inklings.data.transforms import Transform
from inklings.errors import SpecError
from inklings.spec import Component, Sampling
from inklings.tensors import Batch

# First word of the seeds, so that order and content of batches are drawn independently.
_CONTENT, _DRAWN = 1, 7


Crop = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]
"""Inputs ``(C, *S)``, value ``(K, *T)`` and known, which broadcasts against the value."""
Draw = Callable[[Generator], Crop]


@dataclass(frozen=True)
class IndexedBatch:
    """A batch and its place in the run.

    Attributes:
        number: Counts micro-batches from 0 over the whole run.
        inputs: ``(B, C, *S)`` float32, of images channels last in memory; of bags ``(M, *shape)``
            instances, one bag after the other.
        value: ``(B, K, *S)`` uint8 quantised probabilities, or float32 ones; of bags ``(B, K)``.
        known: ``(B, 1 or K, *S)`` bool; of bags ``(B, K)``.
        valid: ``(B, 1, *S)`` bool, None if nothing is padded; of bags ``(B, N)`` with ``M`` True
            places.
        assumed: ``(B, 1 or K, *S)`` bool, None where nothing is assumed.
        assumed_weight: Of the mean over what is assumed.
        objects: ``(B, K, *S)`` int32, None where no outline is coarse.
    """

    number: int
    inputs: Tensor
    value: Tensor
    known: Tensor
    valid: Tensor | None = None
    assumed: Tensor | None = None
    assumed_weight: float = 0.0
    objects: Tensor | None = None

    def to(self, device: torch.device) -> Batch:
        """The batch as models and losses know it, on ``device``; values in [0, 1]."""
        value = self.value.to(device, non_blocking=True)
        return Batch(
            inputs=self.inputs.to(device, non_blocking=True),
            value=value.float().div_(255) if value.dtype == torch.uint8 else value,
            known=self.known.to(device, non_blocking=True),
            valid=_to(self.valid, device),
            assumed=_to(self.assumed, device),
            assumed_weight=self.assumed_weight,
            objects=_to(self.objects, device),
        )


class BatchSource(ABC):
    """All batches of a run, by number.

    Args:
        batch_size: Crops or bags of a whole batch, over all devices.
        seed: With the number of the batch, all that it depends on.
        rank: Which slice of every batch this process takes.
        world: How many processes share a batch.

    Raises:
        SpecError: If a batch cannot be shared evenly.
    """

    def __init__(self, batch_size: int, seed: int, rank: int = 0, world: int = 1) -> None:
        if batch_size % world:
            raise SpecError(
                f"training.batch_size: expected a multiple of the {world} devices, got {batch_size}"
            )
        self.batch_size, self.seed, self.rank, self.world = batch_size, seed, rank, world

    @abstractmethod
    def batch(self, number: int) -> IndexedBatch:
        """This process's slice of batch ``number``."""

    @property
    def places(self) -> range:
        """What this process takes of every batch."""
        return range(self.rank, self.batch_size, self.world)

    def from_number(self, first: int, ahead: int = 3) -> Iterator[IndexedBatch]:
        """Batches ``first``, ``first + 1``, ... without end, made ``ahead`` of time in threads."""
        workers = max(1, min(4, (os.cpu_count() or 2) // max(1, self.world) - 1))
        pool = ThreadPoolExecutor(workers, thread_name_prefix="batches")
        queue: deque[Future[IndexedBatch]] = deque()
        try:
            while True:
                while len(queue) < ahead + workers:
                    queue.append(pool.submit(self.batch, first))
                    first += 1
                yield queue.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


class CropBatches(BatchSource):
    """Batches of crops that a function draws.

    Args:
        draw: Makes one crop; called from several threads.
        batch_size, seed, rank, world: As `BatchSource`.
    """

    def __init__(
        self, draw: Draw, batch_size: int, seed: int, rank: int = 0, world: int = 1
    ) -> None:
        super().__init__(batch_size, seed, rank, world)
        self.draw = draw

    def batch(self, number: int) -> IndexedBatch:
        """This process's slice of batch ``number``."""
        drawn = [self.draw(default_rng([self.seed, _DRAWN, number, at])) for at in self.places]
        inputs, value, known = zip(*drawn, strict=True)
        return IndexedBatch(
            number,
            torch.from_numpy(np.stack(inputs)),
            torch.from_numpy(np.stack(value)),
            torch.from_numpy(np.stack(known)),
        )


class Batches(BatchSource):
    """Batches cut from decoded images.

    Args:
        examples: What to cut from.
        sampling: Size of the crops, share of centred ones, augmentation.
        intensity: How samples become inputs.
        batch_size, seed, rank, world: As `BatchSource`.
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
        super().__init__(batch_size, seed, rank, world)
        if not len(examples):
            raise SpecError("expected at least one image to train on, got none")
        if batch_size // world % sampling.bag:
            raise SpecError(
                f"training.batch_size: expected a multiple of sampling.bag ({sampling.bag}) on "
                f"each of {world} devices, got {batch_size}"
            )
        self.examples, self.sampling = examples, sampling
        self._transforms: list[Transform] = build_transforms(
            sampling.augment, "patches" if examples.volumes else "pictures"
        )
        scaling: Intensity = INTENSITIES.build(intensity.name, intensity.options)
        self._scales = list(examples.scales) or [scaling.scale(i) for i in examples.images]
        self._patch = patch or (sampling.size,) * 3
        self._centres: list[NDArray[np.int32]] | None = (
            [centres(target) for target in examples.targets] if sampling.foreground else None
        )
        self._order = Sampler(examples, sampling, seed)

    @property
    def places(self) -> range:
        """What this process takes of every batch; bags of tiles stay whole."""
        if self.sampling.bag == 1:
            return super().places
        share = self.batch_size // self.world
        return range(self.rank * share, (self.rank + 1) * share)

    def batch(self, number: int) -> IndexedBatch:
        """This process's slice of batch ``number``."""
        samples = [self.sample(number, place) for place in self.places]
        return collate(number, samples, self.examples.assumed_weight)

    def sample(self, number: int, place: int) -> Sample:
        """The crop at ``place`` of batch ``number``."""
        rng = default_rng([self.seed, _CONTENT, number, place])
        sample = self._crop(self._order.at(number * self.batch_size + place), rng)
        for transform in self._transforms:
            sample = transform(sample, rng)
        return sample

    def _crop(self, index: int, rng: Generator) -> Sample:
        image, target = self.examples.images[index], self.examples.targets[index]
        shape = image.shape[1:]
        size = self._patch if len(shape) == 3 else (self.sampling.size,) * 2
        region = anywhere(shape, size, rng)
        if self._centres is not None and len(self._centres[index]):
            chance, pick = rng.random(2)
            if chance < self.sampling.foreground:
                flat = self._centres[index][int(pick * len(self._centres[index]))]
                place = [int(i) for i in np.unravel_index(flat, shape)]
                region = holding(place, shape, size, rng)
        scale = self._scales[index]
        return cut(image, target, region, scale)


def collate(number: int, samples: Sequence[Sample], assumed_weight: float = 0.0) -> IndexedBatch:
    """Stack samples."""
    assumed = [sample.assumed for sample in samples if sample.assumed is not None]
    objects = [sample.objects for sample in samples if sample.objects is not None]
    padded = not all(sample.valid.all() for sample in samples)
    return IndexedBatch(
        number,
        _channels_last([sample.inputs for sample in samples]),
        torch.from_numpy(np.stack([s.value for s in samples])),
        _masks([s.known for s in samples]),
        torch.from_numpy(np.stack([s.valid for s in samples])[:, None]) if padded else None,
        _masks(assumed) if assumed else None,
        assumed_weight,
        torch.from_numpy(np.stack(objects)) if objects else None,
    )


def _masks(masks: Sequence[NDArray[np.bool_]]) -> Tensor:
    """``(B, k, *S)`` of masks ``(1, *S)`` or ``(K, *S)``; ``k`` is 1 where all of them have one."""
    channels = max(len(mask) for mask in masks)
    return torch.from_numpy(
        np.stack([np.broadcast_to(mask, (channels, *mask.shape[1:])) for mask in masks])
    )


def _to(tensor: Tensor | None, device: torch.device) -> Tensor | None:
    return None if tensor is None else tensor.to(device, non_blocking=True)


def _channels_last(inputs: Sequence[NDArray[np.float32]]) -> Tensor:
    """``(B, C, *S)`` laid out channels last, which is how convolutions are fastest."""
    channels, *sides = inputs[0].shape
    stacked = np.empty((len(inputs), *sides, channels), np.float32)
    for i, one in enumerate(inputs):
        stacked[i] = np.moveaxis(one, 0, -1)
    return torch.from_numpy(stacked).movedim(-1, 1)
