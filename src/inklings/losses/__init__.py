"""Losses: one file each, one line here.

Channels are questions of their own (sigmoid) and are averaged, except in ``cross_entropy`` and
where ``exclusive`` is asked for. Labelled positives are known samples with a value above 0.5.
"""

from __future__ import annotations

from inklings.losses.base import Loss
from inklings.registry import Registry

LOSSES: Registry[Loss] = Registry(
    "loss",
    {
        "alpha_beta": "inklings.losses.alpha_beta:AlphaBeta",
        "bag": "inklings.losses.bag:BagLoss",
        "bce": "inklings.losses.bce:BCE",
        "bce_dice": "inklings.losses.bce_dice:BCEDice",
        "box": "inklings.losses.box:BoxLoss",
        "centre_point": "inklings.losses.centre_point:CentrePointLoss",
        "cox": "inklings.losses.cox:Cox",
        "cross_entropy": "inklings.losses.cross_entropy:CrossEntropy",
        "dice": "inklings.losses.dice:Dice",
        "focal": "inklings.losses.focal:Focal",
        "gce": "inklings.losses.gce:GCE",
        "huber": "inklings.losses.huber:Huber",
        "luna_dice": "inklings.losses.luna_dice:LunaDice",
        "max_min": "inklings.losses.max_min:MaxMin",
        "mse": "inklings.losses.mse:MSE",
        "nnpu": "inklings.losses.nnpu:NNPU",
        "pnu": "inklings.losses.pnu:PNU",
        "tversky": "inklings.losses.tversky:Tversky",
        "upu": "inklings.losses.upu:UPU",
        "vpu": "inklings.losses.vpu:VPU",
        "weighted": "inklings.losses.weighted:Weighted",
    },
)
