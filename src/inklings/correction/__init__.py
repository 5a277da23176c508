"""Corrections: annotated masks to cleaner ones, before training; one file each, one line here."""

from inklings.correction.base import Corrected, Correction, Evidence
from inklings.registry import Registry

__all__ = ["CORRECTIONS", "Corrected", "Correction", "Evidence"]

CORRECTIONS: Registry[Correction] = Registry(
    "correction",
    {
        "auto": "inklings.correction.auto:AutoCorrection",
        "none": "inklings.correction.none:NoCorrection",
    },
)
