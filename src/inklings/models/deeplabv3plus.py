"""DeepLabv3+ on the encoders it is known with."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from inklings.errors import SpecError
from inklings.models.base import Model
from inklings.models.hrnet import OnHRNet
from inklings.models.smp import SMP
from inklings.tensors import Output

ENCODERS = {
    "mobilenet": "mobilenet_v2",
    "xception": "xception65",
    "hrnetv2_32": "hrnet_w32",
    "hrnetv2_48": "hrnet_w48",
}
"""Short names of the reference; any other name is one of segmentation_models_pytorch or timm."""


class DeepLabV3Plus(Model):
    """Atrous spatial pyramid pooling and one skip at a quarter of the resolution (Chen 2018).

    The encoder ends at ``1/output_stride`` of the resolution with dilated last stages; the
    pyramid has rates 6, 12, 18 at stride 16 and 12, 24, 36 at stride 8, as in the paper; the
    decoder joins its 256 channels with 48 of the encoder's at 1/4 and convolves once more.
    ``xception`` is the aligned Xception-65 of the paper, which dilates; the older one does not.
    HRNet (``hrnetv2_32``, ``hrnetv2_48``, any ``hrnet_w*`` of timm) has all its features at 1/4
    whatever the stride, and rates 12, 24, 36, as in the widely used code for DeepLab.

    The network itself is segmentation_models_pytorch's; what is ours are the paper's rates at
    both strides and sizes of any kind. Batches of one crop cannot be trained: the pooled branch
    is normalised over the batch.

    Attributes:
        backbone: Names of the parameters that may learn at their own rate begin so.
    """

    backbone = ("inner.network.encoder.",)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        encoder: str = "mobilenet",
        output_stride: Literal[8, 16] = 16,
        separable: bool = True,
        weights: str | None = None,
        prior: float | None = None,
    ) -> None:
        """Build the network.

        Args:
            in_channels: ``C``.
            out_channels: ``K``.
            encoder: ``mobilenet``, ``resnet50``, ``resnet101``, ``xception``, ``hrnetv2_32``,
                ``hrnetv2_48``, or any name of segmentation_models_pytorch or timm that can be
                dilated.
            output_stride: 16 is quicker, 8 a little finer.
            separable: Whether the pyramid's convolutions are depthwise separable.
            weights: Start of the encoder: None, ``imagenet``, or a local file.
            prior: Share of positive samples the untrained network shall predict.

        Raises:
            SpecError: If the stride is neither 8 nor 16, or the encoder cannot be dilated.
            ReaderError: If the weights cannot be had; the message says how.
        """
        super().__init__()
        if output_stride not in (8, 16):
            raise SpecError(
                f"model deeplabv3plus: expected output_stride 8 or 16, got {output_stride}"
            )
        name = ENCODERS.get(encoder, encoder)
        self.inner: Model
        if name.startswith("hrnet"):
            if output_stride != 16:
                raise SpecError(
                    f"model deeplabv3plus: {encoder} keeps 1/4 of the resolution, so output_stride "
                    f"{output_stride} does not apply; leave it out"
                )
            self.inner = OnHRNet(in_channels, out_channels, name, separable, weights, prior)
            self.divisor = self.inner.divisor
            return
        rate = 6 if output_stride == 16 else 12
        self.inner = SMP(
            in_channels,
            out_channels,
            "deeplabv3plus",
            name,
            weights,
            prior,
            encoder_output_stride=output_stride,
            decoder_atrous_rates=(rate, 2 * rate, 3 * rate),
            decoder_aspp_separable=separable,
        )
        self.divisor = self.inner.divisor

    def forward(self, inputs: Tensor, valid: Tensor | None = None) -> Output:
        """Logits ``(B, K, Y, X)`` of ``inputs`` ``(B, C, Y, X)``, of any size."""
        output: Output = self.inner(inputs, valid)
        return output
