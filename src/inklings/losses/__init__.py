"""Losses: one file each, one line here."""

from __future__ import annotations

from inklings.losses.base import Loss
from inklings.registry import Registry

LOSSES: Registry[Loss] = Registry(
    "loss",
    {
        "bce": "inklings.losses.bce:BCE",
        "bce_dice": "inklings.losses.bce_dice:BCEDice",
        "dice": "inklings.losses.dice:Dice",
    },
)
