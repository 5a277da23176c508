"""Training: the one LightningModule, the one Trainer; the tables of what it is made of."""

from __future__ import annotations

from typing import Any

from inklings.registry import Registry
from inklings.training.schedules import Schedule

OPTIMISERS: Registry[Any] = Registry(
    "optimiser",
    {
        "adadelta": "inklings.training.optimisers:adadelta",
        "adam": "inklings.training.optimisers:adam",
        "adamw": "inklings.training.optimisers:adamw",
        "rmsprop": "inklings.training.optimisers:rmsprop",
        "sgd": "inklings.training.optimisers:sgd",
    },
)

SCHEDULES: Registry[Schedule] = Registry(
    "schedule",
    {
        "constant": "inklings.training.schedules:Constant",
        "cosine": "inklings.training.schedules:Cosine",
        "one_cycle": "inklings.training.schedules:OneCycle",
        "poly": "inklings.training.schedules:Poly",
        "reduce_on_plateau": "inklings.training.schedules:ReduceOnPlateau",
        "step": "inklings.training.schedules:Step",
    },
)
