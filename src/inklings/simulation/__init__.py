"""Weakening: full masks made into the labels people can afford; one file per kind, one line here.

What the labels lost is kept aside as the truth of the evaluation (`inklings.evaluation.truth`).
"""

from inklings.registry import Registry
from inklings.simulation.base import Weakening

WEAKENINGS: Registry[Weakening] = Registry(
    "weakening",
    {
        "bag": "inklings.simulation.bag:BagWeakening",
        "box": "inklings.simulation.box:Box",
        "dilate": "inklings.simulation.dilate:Dilate",
        "drop": "inklings.simulation.drop:Drop",
        "erode": "inklings.simulation.erode:Erode",
        "hull": "inklings.simulation.hull:Hull",
        "jitter": "inklings.simulation.jitter:Jitter",
        "points": "inklings.simulation.points:Points",
        "scribble": "inklings.simulation.scribble:Scribble",
        "slice_box": "inklings.simulation.box:SliceBox",
        "slices": "inklings.simulation.slices:Slices",
    },
)
