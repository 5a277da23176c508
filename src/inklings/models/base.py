"""What every network offers to the trainer, and what several networks share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from inklings.errors import SpecError
from inklings.tensors import Output

Evidence = Literal["probability", "score", "context"]


class Model(nn.Module):
    """Base of all networks: from ``inputs`` ``(B, C, *S)`` to logits ``(B, K, *S)``, or ``(B, K)``.

    What a network can do beyond that it says in these attributes; networks of other libraries
    are wrapped. An option called ``weights`` says where a training starts; a finished run is
    rebuilt without. Where the dimensions are an option, it is called ``dimensions``.

    Attributes:
        divisor: Input sides are best padded to multiples of it.
        divisors: The same axis by axis, where they differ; empty where they do not.
        smallest: Samples that a side has at least once it is padded.
        dimensions: Of the inputs: 2 or 3.
        takes_bags: Whether it pools instances, as `BagNetwork` says.
        backbone: Parameters whose names begin so may learn at a rate of their own.
    """

    divisor: int = 1
    divisors: tuple[int, ...] = ()
    smallest: int = 1
    dimensions: int = 2
    takes_bags: bool = False
    backbone: tuple[str, ...] = ()

    def forward(self, inputs: Tensor, valid: Tensor | None = None) -> Output:
        """Logits ``(B, K, *S)`` of ``inputs`` ``(B, C, *S)``."""
        raise NotImplementedError

    def last_layers(self, depth: int) -> Sequence[nn.Module]:  # noqa: ARG002
        """The layers that learn when a finished network is tuned: 1 the head, 2 one block more.

        Raises:
            SpecError: If the network does not say what these are.
        """
        raise SpecError(f"finetune: {type(self).__name__} has no such layers; leave it out")


class BagNetwork(Model):
    """Base of networks of bags: instances ``(M, *shape)`` to logits ``(B, K)``.

    Attributes:
        evidence: What the number of an instance means; see `Pooling`.
        stackable: Whether networks like it can be members of an `Ensemble`.
    """

    takes_bags = True
    stackable: bool = False

    @property
    def evidence(self) -> Evidence:
        """What the number of an instance means."""
        return "score"

    def standardise(self, instances: Tensor) -> None:
        """Fit the scaling of the inputs to ``(M, *shape)`` training instances; none by default."""

    def answer_instances(self, wanted: bool) -> None:
        """Whether instances are answered for while it learns; in use they always are."""

    def encode(self, inputs: Tensor) -> Tensor:
        """``(M, *shape)`` to ``(M, F)``."""
        raise NotImplementedError

    def scanner(self, stride: int) -> Callable[[Tensor], Tensor] | None:  # noqa: ARG002
        """What encodes all patches of a picture in one pass, ``(C, H, W)`` to ``(F, h, w)``.

        As `inklings.models.scanning.scanning` says; None where patches must go one by one.
        """
        return None

    def pool(self, features: Tensor, valid: Tensor) -> Output:
        """``(M, F)`` features, of which ``valid`` ``(B, N)`` says the places, to logits."""
        raise NotImplementedError

    def alone(self, features: Tensor) -> Tensor:
        """Logits ``(M, K)`` of bags of one instance each."""
        raise NotImplementedError


def pad(inputs: Tensor, size: Sequence[int]) -> Tensor:
    """Append zeros to ``inputs`` ``(B, C, *S)`` until ``S`` is ``size``."""
    amounts = [0] * (2 * len(size))
    for axis, (want, have) in enumerate(zip(size, inputs.shape[2:], strict=True)):
        amounts[2 * (len(size) - 1 - axis) + 1] = want - have
    return F.pad(inputs, amounts) if any(amounts) else inputs


def multiples(size: Sequence[int], divisor: int) -> list[int]:
    """The smallest multiples of ``divisor`` that are not below ``size``."""
    return [-(-side // divisor) * divisor for side in size]


def crop(logits: Tensor, size: Sequence[int]) -> Tensor:
    """The first ``size`` samples of ``logits`` ``(B, K, *S)``."""
    for axis, side in enumerate(size, start=2):
        logits = logits.narrow(axis, 0, side)
    return logits


def start_at(head: nn.Module, prior: float) -> None:
    """Set the bias of the last layer so that the untrained network predicts about ``prior``.

    Raises:
        SpecError: If ``prior`` is not between 0 and 1, or ``head`` has no bias.
    """
    if not 0 < prior < 1:
        raise SpecError(f"expected a prior between 0 and 1, got {prior}")
    bias = dict(head.named_parameters(recurse=False)).get("bias")
    if bias is None:
        raise SpecError(f"expected a last layer with a bias, got {head}; leave prior out")
    nn.init.constant_(bias, math.log(prior / (1 - prior)))
