"""From the instances of a bag to its logits: one file each, one line here.

Every pooling is built with ``features`` (``D``), ``channels`` (``K``) and its own options, ``head``
among them. It must not look at padding, nor care about the order of the instances.
"""

from __future__ import annotations

from inklings.models.pooling.base import Pooling
from inklings.registry import Registry

POOLINGS: Registry[Pooling] = Registry(
    "pooling",
    {
        "additive": "inklings.models.pooling.additive:Additive",
        "attention": "inklings.models.pooling.attention:Attention",
        "attention_softmax": "inklings.models.pooling.attention_softmax:AttentionSoftMax",
        "clam_mb": "inklings.models.pooling.clam:MultiBranch",
        "clam_sb": "inklings.models.pooling.clam:SingleBranch",
        "dsmil": "inklings.models.pooling.dsmil:DSMIL",
        "gated_attention": "inklings.models.pooling.gated_attention:GatedAttention",
        "generalised_mean": "inklings.models.pooling.generalised_mean:GeneralisedMean",
        "isr": "inklings.models.pooling.isr:ISR",
        "lse": "inklings.models.pooling.lse:LogSumExp",
        "max": "inklings.models.pooling.max:Max",
        "max_min": "inklings.models.pooling.max_min:MaxMin",
        "mean": "inklings.models.pooling.mean:Mean",
        "noisy_and": "inklings.models.pooling.noisy_and:NoisyAnd",
        "noisy_or": "inklings.models.pooling.noisy_or:NoisyOr",
        "softmax_mean": "inklings.models.pooling.softmax_mean:SoftMaxMean",
        "transmil": "inklings.models.pooling.transmil:TransMIL",
    },
)
