"""The architectures of segmentation_models_pytorch."""

from __future__ import annotations

import inspect
from typing import Any

import segmentation_models_pytorch
from torch import Tensor

from inklings.errors import SpecError
from inklings.models import encoders
from inklings.models.base import Model, crop, multiples, pad, start_at
from inklings.tensors import Output

OURS = {"encoder_weights", "activation", "aux_params"}


class SMP(Model):
    """Any architecture of segmentation_models_pytorch on any encoder it or timm has.

    Inputs whose sides are no multiples of the encoder's stride are padded by zeros at their end
    and the logits cropped back.

    Attributes:
        backbone: Names of the parameters that may learn at their own rate begin so.
    """

    backbone = ("network.encoder.",)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        architecture: str = "unet",
        encoder: str = "resnet34",
        weights: str | None = None,
        prior: float | None = None,
        **options: Any,
    ) -> None:
        """Build the network.

        Args:
            in_channels: ``C``; pretrained first layers are fitted to it.
            out_channels: ``K``.
            architecture: ``unet``, ``fpn``, ``deeplabv3plus``, ``segformer``, ...
            encoder: A name of segmentation_models_pytorch or timm.
            weights: Start of the encoder: None for random, ``imagenet``, or a local
                ``.safetensors`` or torch file.
            prior: Share of positive samples the untrained network shall predict.
            options: Passed on to the architecture (``decoder_channels``, ``encoder_depth``, ...),
                and what it does not know to an encoder of timm.

        Raises:
            SpecError: If a name or an option is not known.
            ReaderError: If the weights cannot be had; the message says how.
        """
        super().__init__()
        name = encoders.resolve(encoder)
        _check(architecture, name, options)
        state = encoders.pretrained(name, weights) if weights else None
        foreign = name.startswith(encoders.PREFIX)
        if foreign and state is not None:
            # timm itself fits foreign first layers and drops classifiers.
            options["pretrained_cfg_overlay"] = {"state_dict": state}
        try:
            self.network = segmentation_models_pytorch.create_model(
                architecture,
                encoder_name=name,
                encoder_weights=True if foreign and state is not None else None,
                in_channels=in_channels,
                classes=out_channels,
                **options,
            )
        except (TypeError, ValueError, KeyError, RuntimeError, AssertionError) as error:
            reason = " ".join(str(error).split()) or "it does not take this encoder"
            raise SpecError(
                f"model smp: {architecture} on {encoder}: {type(error).__name__}, {reason}"
            ) from None
        if state is not None and not foreign:
            encoders.start_encoder(self.network.encoder, name, state, in_channels)
        # DPT halves the grid of patches once more, and PAN pools its coarsest level by 8.
        stride = int(self.network.encoder.output_stride)
        self.divisor = 2 * stride if architecture.lower() == "dpt" else stride
        self.smallest = 8 * stride if architecture.lower() == "pan" else self.divisor
        if prior is not None:
            start_at(self.network.segmentation_head[0], prior)

    def forward(self, inputs: Tensor, valid: Tensor | None = None) -> Output:  # noqa: ARG002
        """Logits ``(B, K, Y, X)`` of ``inputs`` ``(B, C, Y, X)``, of any size."""
        size = inputs.shape[2:]
        whole = multiples([max(side, self.smallest) for side in size], self.divisor)
        return Output(crop(self.network(pad(inputs, whole)), size))


def _check(architecture: str, encoder: str, options: dict[str, Any]) -> None:
    """Refuse unknown names; the library itself ignores a misspelt option of its own encoders."""
    known = segmentation_models_pytorch.MODEL_ARCHITECTURES_MAPPING
    if architecture.lower() not in known:
        raise SpecError(
            f"model smp: no architecture named {architecture!r}; known: {', '.join(known)}"
        )
    taken = set(inspect.signature(known[architecture.lower()].__init__).parameters)
    foreign = encoder.startswith(encoders.PREFIX)
    wrong = [o for o in options if o in OURS or not (foreign or o in taken)]
    if wrong:
        free = sorted(n for n in taken - OURS if n.startswith(("decoder_", "encoder_", "upsam")))
        raise SpecError(
            f"model smp: {architecture} has no option {wrong[0]!r}; it has {', '.join(free)}"
        )
