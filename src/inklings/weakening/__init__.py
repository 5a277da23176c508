"""Weakening: full masks made into the labels people can afford; one file per kind, one line here.

What the labels lost is kept aside as the truth of the evaluation (`inklings.evaluation.truth`).
"""

from inklings.registry import Registry
from inklings.weakening.base import Weakening

WEAKENINGS: Registry[Weakening] = Registry(
    "weakening",
    {
        "bag": "inklings.weakening.bag:Bag",
        "box": "inklings.weakening.box:Box",
        "dilate": "inklings.weakening.dilate:Dilate",
        "drop": "inklings.weakening.drop:Drop",
        "erode": "inklings.weakening.erode:Erode",
        "hull": "inklings.weakening.hull:Hull",
        "jitter": "inklings.weakening.jitter:Jitter",
        "points": "inklings.weakening.points:Points",
        "scribble": "inklings.weakening.scribble:Scribble",
        "slices": "inklings.weakening.slices:Slices",
    },
)
