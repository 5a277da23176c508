"""What is common to all cases of a folder of predictions: ``predictions.yaml``."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from inklings.errors import DataError
from inklings.files import read_yaml, write_yaml
from inklings.records import as_record
from inklings.renamed import renamed

FILE = "predictions.yaml"

Kind = Literal["dense", "bags", "findings"]
"""What is said of a case: of each pixel or voxel, of a bag and its instances, of places."""

CROSS_VALIDATED = "cross_validated"
"""In the settings: each case was predicted by the run of its fold, which has not seen it."""

VALUES = "values"
"""In the settings: names of the numbers predicted of a bag, where there is nothing to call."""

MEMBERS = "members"
"""In the settings: the runs whose probabilities were averaged. Each case then has a spread, the
standard deviation over them: in its file, or as a map of a slide."""

CALIBRATION = "calibration"
"""In the settings: what the probabilities of each run were mapped by, class by class
(`inklings.calibration`); None where they are those of the network."""

BY_PRIOR = "by_prior"
"""In the settings: the prior of each class that the share predicted of all cases agrees with."""

RESTS_ON = "thresholds_rest_on"
"""In the settings: how many cases such thresholds rest on; 0 while they are being put."""


GUARANTEES = "guarantees"
"""In the settings: what was promised of these predictions (`inklings.predictions.guarantee`)."""


@dataclass(frozen=True)
class Provenance:
    """Enough to make the same prediction again.

    Attributes:
        run: Folder of the run.
        weights_sha256: Of its weights; of a cascade one hash over those of all stages.
        split_hash: Of the cohort's split that it was trained on.
        version: Of inklings.
    """

    run: str
    weights_sha256: str
    split_hash: str | None
    version: str


@dataclass(frozen=True)
class Head:
    """What is common to all cases of a folder of predictions.

    Attributes:
        classes: Names of the ``K`` predicted classes.
        thresholds: Probability at and above which something belongs to each class.
        provenance: Which run predicted.
        trained_on: Patients that the run was trained or tuned on (train and val), of every stage
            of a cascade; None where nobody knows, in findings of 0.1.0 whose run is gone.
        settings: Window, overlap, mirroring, instance options: whatever was used.
        kind: What is said of each case.
    """

    classes: tuple[str, ...]
    thresholds: tuple[float, ...]
    provenance: Provenance
    trained_on: tuple[str, ...] | None = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    kind: Kind = "dense"

    def write(self, folder: Path) -> None:
        """Write ``predictions.yaml``."""
        record = dataclasses.asdict(self)
        for key in ("classes", "thresholds", "trained_on"):
            record[key] = None if record[key] is None else list(record[key])
        write_yaml(folder / FILE, {"kind": self.kind, **record, "settings": dict(self.settings)})

    @classmethod
    def read(cls, folder: Path) -> Head:
        """Read ``predictions.yaml``; one of 0.1.0 says the kind in its settings.

        Raises:
            DataError: If the folder holds no predictions.
        """
        path, again = folder / FILE, "delete the folder and predict again"
        value = read_yaml(path, "predictions written by 'inklings predict'")
        if isinstance(value, dict) and isinstance(settings := value.get("settings"), dict):
            value.setdefault("kind", settings.pop("kind", "dense"))
            value["settings"] = renamed({"inference": settings})["inference"]
            if "volumes" in settings:
                value["settings"] |= renamed({"volumes": settings["volumes"]})
        head = as_record(cls, value, path, again)
        least = 0 if VALUES in head.settings else len(head.classes)
        if len(head.thresholds) < least or not np.isfinite(head.thresholds).all():
            raise DataError(f"{path} is damaged (thresholds {list(head.thresholds)}); {again}")
        return head
