"""The networks of MONAI, through one door."""

from __future__ import annotations

import inspect
import math
from typing import Any

from torch import Tensor, nn

from inklings.errors import MissingExtraError, SpecError
from inklings.models.base import Model, crop, multiples, pad
from inklings.tensors import Output

try:
    from monai.networks import nets
except ImportError as error:
    raise MissingExtraError(
        f"model monai needs {error.name}: pip install inklings[monai]"
    ) from None

_LEVELS: dict[str, Any] = {"channels": (16, 32, 64, 128, 256), "strides": (2, 2, 2, 2)}
# What MONAI has no default for; all others are built from their own.
DEFAULTS: dict[str, dict[str, Any]] = {
    "UNet": {**_LEVELS, "num_res_units": 2},
    "AttentionUnet": _LEVELS,
    "DynUNet": {
        "kernel_size": (3, 3, 3, 3, 3),
        "strides": (1, 2, 2, 2, 2),
        "upsample_kernel_size": (2, 2, 2, 2),
    },
    "FlexibleUNet": {"backbone": "efficientnet-b0"},
}
DIVISORS = {"BasicUNet": 16, "BasicUNetPlusPlus": 16, "SegResNet": 8, "VNet": 16, "HighResNet": 1}


class Monai(Model):
    """A segmentation network of MONAI that maps ``(B, C, *S)`` to ``(B, K, *S)``.

    Inputs whose sides are no multiples of ``divisor`` are padded by zeros at their end and the
    logits cropped back.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        network: str = "UNet",
        dimensions: int = 2,
        divisor: int | None = None,
        **options: Any,
    ) -> None:
        """Build the network.

        Args:
            in_channels: ``C``.
            out_channels: ``K``.
            network: Class name in ``monai.networks.nets``: ``UNet``, ``DynUNet``, ``SegResNet``,
                ``SwinUNETR``, ``BasicUNet``, ...
            dimensions: 2 for ``(Y, X)``, 3 for ``(Z, Y, X)``.
            divisor: What input sides must be multiples of; by default from ``strides`` or the
                network, and 32 where neither says.
            options: Passed on to the network.

        Raises:
            SpecError: If the name or an option is not known or does not fit.
            MissingExtraError: If this network needs a package that is not installed.
        """
        super().__init__()
        if not inspect.isclass(vars(nets).get(network)):
            raise SpecError(
                f"model monai: no network named {network!r}; known: those of monai.networks.nets, "
                "such as UNet, DynUNet, SegResNet, SwinUNETR, BasicUNet"
            )
        if dimensions not in (2, 3):
            raise SpecError(f"model monai: expected dimensions to be 2 or 3, got {dimensions}")
        if options.get("deep_supervision"):
            raise SpecError(
                "model monai: the losses look at one output; leave deep_supervision out"
            )
        chosen = {**DEFAULTS.get(network, {}), **options}
        sizes = {
            "spatial_dims": dimensions,
            "in_channels": in_channels,
            "out_channels": out_channels,
        }
        try:
            self.network: nn.Module = vars(nets)[network](**sizes, **chosen)
        except ImportError as error:
            reason = str(error).split("\n")[0]
            raise MissingExtraError(
                f"model monai: {network}: {reason} pip install inklings[monai]"
            ) from None
        except (TypeError, ValueError, AssertionError, KeyError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise SpecError(f"model monai: {network}: {reason}") from None
        self.dimensions = dimensions
        self.divisor = divisor or _divisor(network, chosen)

    def forward(self, inputs: Tensor, valid: Tensor | None = None) -> Output:  # noqa: ARG002
        """Logits ``(B, K, *S)`` of ``inputs`` ``(B, C, *S)``, of any size.

        Raises:
            SpecError: If the network returns something else than a map.
        """
        size = inputs.shape[2:]
        logits = self.network(pad(inputs, multiples(size, self.divisor)))
        if isinstance(logits, list | tuple) and len(logits) == 1:
            logits = logits[0]
        if not isinstance(logits, Tensor) or logits.ndim != inputs.ndim:
            raise SpecError(
                f"model monai: expected {type(self.network).__name__} to return one map, "
                f"got {type(logits).__name__}; choose a segmentation network"
            )
        return Output(crop(logits, size))


def _divisor(network: str, options: dict[str, Any]) -> int:
    if "strides" in options:
        return math.prod(max(s) if isinstance(s, list | tuple) else s for s in options["strides"])
    return DIVISORS.get(network, 32)
