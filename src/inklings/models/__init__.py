"""Networks: one file each, one line here.

Every model is built with ``in_channels``, ``out_channels`` and its own options.
"""

from __future__ import annotations

from inklings.models.base import Model
from inklings.registry import Registry

MODELS: Registry[Model] = Registry(
    "model",
    {
        "monai": "inklings.models.monai:Monai",
        "smp": "inklings.models.smp:SMP",
        "unet": "inklings.models.unet:UNet",
    },
)
