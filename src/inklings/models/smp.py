"""The architectures of segmentation_models_pytorch."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from inklings.errors import MissingExtraError, SpecError
from inklings.models import encoders
from inklings.models.base import crop, multiples, pad, start_at
from inklings.tensors import Output

try:
    import segmentation_models_pytorch
except ImportError as error:
    raise MissingExtraError(
        f"model smp needs {error.name}: pip install inklings[networks]"
    ) from None


class SMP(nn.Module):
    """Any architecture of segmentation_models_pytorch on any encoder it or timm has.

    Inputs whose sides are no multiples of the encoder's stride are padded by zeros at their end
    and the logits cropped back.
    """

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
            options: Passed on to the architecture (``decoder_channels``, ``encoder_depth``, ...).

        Raises:
            SpecError: If a name or an option is not known.
            ReaderError: If the weights cannot be had; the message says how.
        """
        super().__init__()
        known = segmentation_models_pytorch.MODEL_ARCHITECTURES_MAPPING
        if architecture.lower() not in known:
            raise SpecError(
                f"model smp: no architecture named {architecture!r}; known: {', '.join(known)}"
            )
        name = encoders.resolve(encoder)
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
            reason = " ".join(str(error).split())
            raise SpecError(f"model smp: {architecture} on {encoder}: {reason}") from None
        if state is not None and not foreign:
            encoders.start_encoder(self.network.encoder, name, state, in_channels)
        self.divisor = int(self.network.encoder.output_stride)
        if prior is not None:
            start_at(self.network.segmentation_head[0], prior)

    def forward(self, inputs: Tensor, valid: Tensor | None = None) -> Output:  # noqa: ARG002
        """Logits ``(B, K, Y, X)`` of ``inputs`` ``(B, C, Y, X)``, of any size."""
        size = inputs.shape[2:]
        return Output(crop(self.network(pad(inputs, multiples(size, self.divisor))), size))
