"""Networks: one file each, one line here.

Every model is built with ``in_channels``, ``out_channels`` and its own options.
"""

from __future__ import annotations

from inklings.models.base import Model
from inklings.registry import Registry

MODELS: Registry[Model] = Registry(
    "model",
    {
        "bags": "inklings.models.bags:BagModel",
        "centre_point": "inklings.models.centre_point:CentrePoint",
        "deeplabv3plus": "inklings.models.deeplabv3plus:DeepLabV3Plus",
        "luna_net": "inklings.models.nodule_net:LunaNet",
        "monai": "inklings.models.monai:Monai",
        "nodule_net": "inklings.models.nodule_net:NoduleNet",
        "smp": "inklings.models.smp:SMP",
        "transunet": "inklings.models.transunet:TransUNet",
        "transunet_small": "inklings.models.transunet:TransUNetSmall",
        "unet": "inklings.models.unet:UNet",
        "unet3d": "inklings.models.unet3d:UNet3D",
    },
)
