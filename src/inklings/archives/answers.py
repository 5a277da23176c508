"""Predictions as the objects of DICOM that an archive keeps."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pydicom

from inklings.detection.predictor import DetectionPredictor
from inklings.errors import SpecError
from inklings.exports.export import export
from inklings.inference.predict import first_of, predictor_of
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.head import Kind
from inklings.readers.dicom_series import Series, series_in
from inklings.runs.bundle import opened
from inklings.runs.run import ModelConfig

OBJECTS: dict[Kind, tuple[str, ...]] = {
    "dense": ("dicom-seg", "dicom-labelmap", "rtstruct"),
    "findings": ("dicom-sr",),
}
"""Exports that archives keep; the first is the one by default."""


def kind_of(run: Path, to: Sequence[str] = ()) -> tuple[Kind, tuple[str, ...]]:
    """What a run says of a volume, and the exports of it that are sent.

    Args:
        run: The folder.
        to: Names of exports; empty for the first of `OBJECTS`.

    Raises:
        SpecError: If the run does not predict single volumes, or an export is none of these.
    """
    run = opened(run)
    kind: Kind = "findings" if issubclass(predictor_of(run), DetectionPredictor) else "dense"
    plan = ModelConfig.read(first_of(run))
    if plan.task is not None or (kind == "dense" and plan.volumes is None):
        raise SpecError(f"{run}: expected a run trained on volumes, for objects of DICOM")
    if len(plan.inputs) > 1:
        raise SpecError(
            f"{run}: expected a run of one image a case, got one of {', '.join(plan.inputs)}"
        )
    for name in to:
        if name not in OBJECTS[kind]:
            raise SpecError(f"--to {name}: expected {', '.join(OBJECTS[kind])}")
    return kind, tuple(dict.fromkeys(to)) or OBJECTS[kind][:1]


def volumes_in(folder: Path, words: str | None = None) -> list[Series]:
    """The volumes of a folder that could be predicted.

    Args:
        folder: With files of DICOM.
        words: Only those of these words (`Series.matches`).

    Raises:
        ReaderError: If there is no DICOM image.
    """
    there = [one for one in series_in(folder) if len(one.planes) > 1 and not one.is_scout()]
    return [one for one in there if words is None or one.matches(words)]


@dataclass(frozen=True)
class Answer:
    """What a case came to.

    Attributes:
        case: Its id.
        files: The objects; none where nothing was found.
    """

    case: str
    files: tuple[Path, ...]


def answer(predictions: Path, case: str, to: Sequence[str]) -> Answer:
    """The objects of one case, below ``exports`` of its predictions.

    Raises:
        DataError: If its series cannot be referred to.
    """
    files: list[Path] = []
    for name in to:
        export(predictions, name, cases=[case])
        folder = predictions / "exports" / name
        files += sorted((*folder.glob(f"{case}.dcm"), *folder.glob(f"{case}_*.dcm")))
    return Answer(case, tuple(files))


def as_of(predictions: Path, case: str, to: Sequence[str], when: datetime) -> Answer:
    """The same as if it had been predicted at another time, which is part of what it says."""
    path = PredictionFolder.open(predictions).where(case)
    os.utime(path, (when.timestamp(), when.timestamp()))
    return answer(predictions, case, to)


def uid_of(path: Path) -> str:
    """The UID of an object."""
    return str(pydicom.dcmread(path, specific_tags=["SOPInstanceUID"]).SOPInstanceUID)
