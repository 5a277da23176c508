"""From instances to feature vectors: one file each, one line here.

Every encoder is built with ``shape``, ``(D,)`` of features or ``(C, H, W)`` of pictures, and its
own options; it has an attribute ``features``, the length of the vectors that it returns.
"""

from __future__ import annotations

from inklings.models.instances.base import InstanceEncoder
from inklings.registry import Registry

INSTANCE_ENCODERS: Registry[InstanceEncoder] = Registry(
    "encoder",
    {
        "auto": "inklings.models.instances.auto:auto",
        "identity": "inklings.models.instances.mlp:identity",
        "lenet": "inklings.models.instances.lenet:LeNet",
        "mlp": "inklings.models.instances.mlp:MLP",
        "small_cnn": "inklings.models.instances.small_cnn:SmallCNN",
        "timm": "inklings.models.instances.pretrained:Pretrained",
    },
)
