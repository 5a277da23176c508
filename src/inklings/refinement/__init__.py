"""From probabilities to masks and separate objects; one file each, one line here."""

from __future__ import annotations

from inklings.refinement.base import Refinement
from inklings.registry import Registry

REFINEMENTS: Registry[Refinement] = Registry(
    "refinement",
    {
        "components": "inklings.refinement.components:Components",
        "watershed": "inklings.refinement.watershed:Watershed",
    },
)
