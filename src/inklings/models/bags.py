"""A network for bags: encoder of instances, pooling, head."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from inklings.errors import SpecError
from inklings.models.base import BagNetwork, Evidence
from inklings.models.instances import INSTANCE_ENCODERS
from inklings.models.members import agreed
from inklings.models.pooling import POOLINGS
from inklings.models.pooling.base import Attending
from inklings.models.scanning import scanning
from inklings.models.uneven import alike, pool_groups
from inklings.models.views import Affine, views
from inklings.spec import Component
from inklings.tensors import Output

_LEAST_SPREAD = 1e-6  # a feature that never varies is centred and otherwise left alone


class BagModel(BagNetwork):
    """Encodes all instances of all bags at once, then pools each bag.

    Args:
        in_channels: Of the instances: ``C``, or ``D`` of features.
        out_channels: ``K``.
        shape: Of an instance; given by the trainer.
        encoder: Name and options in the table of instance encoders.
        pooling: Name and options in the table of poolings.
        head: ``linear``, or ``{name: mlp, hidden: 1024, dropout: .2}``; for poolings that take one.
        chunk: Instances that are encoded at once, so that memory does not grow with a bag. The
            activations are made again on the way back: gradients are exact, the time is a third
            more (normalisation over a batch then sees a chunk at a time).
        views: In use, the mean over so many fixed views of every picture is what is pooled
            (`models.views`); 1 for the picture itself. Training sees views of its own.
        members: Networks that learn from the same batches, each for itself; in use their mean
            answers.
    """

    centre: Tensor
    spread: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        shape: Sequence[int] = (),
        encoder: Any = "identity",
        pooling: Any = "gated_attention",
        head: Any = None,
        chunk: int | None = None,
        views: int = 1,
        members: int = 1,
    ) -> None:
        super().__init__()
        shape = tuple(shape) or (in_channels,)
        self.chunk, self.views, self.shape = chunk, views, shape
        if views < 1 or (views > 1 and len(shape) != 3):
            raise SpecError(
                f"model.views: expected 1, or more with pictures (C, H, W), got {views} with "
                f"instances of shape {shape}"
            )
        wanted = Component.model_validate(encoder)
        built: Any = INSTANCE_ENCODERS.build(wanted.name, {**wanted.options, "shape": shape})
        # Small pictures go through twice as fast with their channels last.
        self.encoder: Any = built.to(memory_format=torch.channels_last)
        how = Component.model_validate(pooling)
        options = {**how.options, "features": self.encoder.features, "channels": out_channels}
        if head is not None:
            options["head"] = head
        self.pooling: Any = POOLINGS.build(how.name, options)
        # Pictures are scaled by channel, features one by one.
        size = (shape[0], *[1] * (len(shape) - 1))
        self.register_buffer("centre", torch.zeros(size))
        self.register_buffer("spread", torch.ones(size))
        if members > 1 and how.name in ("clam_sb", "clam_mb"):
            raise SpecError(f"model.members: expected 1 with pooling {how.name}, got {members}")
        same = (in_channels, out_channels, shape, encoder, pooling, head, chunk, views)
        self.others = nn.ModuleList(BagModel(*same) for _ in range(members - 1))
        # Not in chunks, with members, or with attention between instances (slow in stacks), nor
        # with classifiers of instances, which the loss must see.
        self.stackable = (
            chunk is None
            and members == 1
            and self.evidence != "context"
            and not any(name.endswith("clusters") for name, _ in self.named_modules())
        )

    @property
    def evidence(self) -> Evidence:
        """What the number of an instance means; see `Pooling`."""
        said: Evidence = self.pooling.evidence
        # A mean of answers follows from no single set of instance probabilities.
        return "score" if said == "probability" and len(self.others) else said

    def standardise(self, instances: Tensor) -> None:
        """Fit the scaling of the inputs to ``(M, *shape)`` training instances."""
        axes = [axis for axis in range(instances.ndim) if axis != 1]
        values = instances.double()
        self.centre.copy_(values.mean(axes).view_as(self.centre))
        spread = values.std(axes, correction=0)
        spread[spread < _LEAST_SPREAD] = 1.0
        self.spread.copy_(spread.view_as(self.spread))
        for other in self.others:
            other.standardise(instances)  # type: ignore[operator]

    def answer_instances(self, wanted: bool) -> None:
        """Whether instances are answered for while it learns; in use they always are."""
        for part in self.modules():
            if isinstance(part, Attending):
                part.answers = wanted

    def forward(self, inputs: Tensor, valid: Tensor | None = None) -> Output:
        """Instances ``(M, *shape)``, one bag after the other, to logits ``(B, K)``.

        Args:
            inputs: All instances.
            valid: ``(B, N)`` with ``M`` True places, row by row; None for a single bag.
        """
        if valid is None:
            valid = torch.ones((1, len(inputs)), dtype=torch.bool, device=inputs.device)
        return self.pool(self.encode(inputs), valid)

    def encode(self, inputs: Tensor) -> Tensor:
        """``(M, *shape)`` to ``(M, F)``, in chunks where asked for; members side by side."""
        mine = self._in_chunks(inputs)
        if not self.others:
            return mine
        every = [mine, *(o.encode(inputs) for o in self.others)]  # type: ignore[operator]
        return torch.cat(every, 1)

    def scanner(self, stride: int) -> Callable[[Tensor], Tensor] | None:
        """All patches of a picture in one pass, members side by side."""
        every = [self, *self.others]
        found = [scanning(one.encoder, self.shape, stride) for one in every]
        passes = [one for one in found if one is not None]
        if self.views > 1 or len(passes) < len(found):
            return None

        def scan(picture: Tensor) -> Tensor:
            parts = []
            for one, scanned in zip(every, passes, strict=True):
                scaled = (picture.float() - one.centre) / one.spread
                inputs = scaled[None].contiguous(memory_format=torch.channels_last)
                parts.append(scanned(inputs)[0])
            return torch.cat(parts)

        return scan

    def _in_chunks(self, inputs: Tensor) -> Tensor:
        if self.chunk is None or len(inputs) <= self.chunk:
            return self._encoded(inputs)
        parts = torch.split(inputs, self.chunk)
        if not torch.is_grad_enabled():
            return torch.cat([self._encoded(part) for part in parts])
        remade = (checkpoint(self._encoded, part, use_reentrant=False) for part in parts)
        return torch.cat([part for part in remade if isinstance(part, Tensor)])

    def pool(self, features: Tensor, valid: Tensor) -> Output:
        """``(M, F)`` features to logits, in full precision: sums run over thousands of them."""
        if int(valid.sum()) != len(features):
            raise SpecError(f"expected {int(valid.sum())} instances, got {len(features)}")
        parts = torch.split(features.float(), int(self.encoder.features), 1)
        poolings = [self.pooling, *(other.pooling for other in self.others)]
        # One bag after the other is fastest for a processor; a GPU would wait between them.
        width = parts[0].shape[1] if features.device.type == "cpu" else 0
        groups = alike(valid, width)
        with torch.autocast(features.device.type, enabled=False):
            said = [
                pool_groups(pooling, part, valid, groups)
                for pooling, part in zip(poolings, parts, strict=True)
            ]
        return agreed(said, self.training)

    def alone(self, features: Tensor) -> Tensor:
        """Logits ``(M, K)`` of bags of one instance each, whatever the pooling."""
        valid = torch.ones((len(features), 1), dtype=torch.bool, device=features.device)
        return self.pool(features, valid).logits

    def _encoded(self, inputs: Tensor) -> Tensor:
        scaled = (inputs.float() - self.centre).div_(self.spread)
        if self.training and len(scaled) == 1:  # normalisation over a batch of one is undefined
            return self._through(torch.cat([scaled, scaled]))[:1]
        if self.training or self.views == 1:
            return self._through(scaled)
        every = [self._through(view) for view in views(scaled, self.views, Affine())]
        return torch.stack(every).mean(0)

    def _through(self, scaled: Tensor) -> Tensor:
        if scaled.ndim == 4:
            scaled = scaled.contiguous(memory_format=torch.channels_last)
        result: Tensor = self.encoder(scaled)
        return result
