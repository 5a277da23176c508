"""Corrections: annotated masks to cleaner ones, before training; one file each, one line here."""

from inklings.registry import Registry
from inklings.weak.correction.base import Corrected, Correction, Evidence

__all__ = ["CORRECTIONS", "Corrected", "Correction", "Evidence"]

CORRECTIONS: Registry[Correction] = Registry(
    "correction",
    {
        "auto": "inklings.weak.correction.auto:AutoCorrection",
        "none": "inklings.weak.correction.none:NoCorrection",
    },
)
