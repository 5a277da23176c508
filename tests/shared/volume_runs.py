"""A run that learnt nothing, of volumes, and a study of DICOM that it can be asked about."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from dicom_files import series

from inklings.runs.run import RunRecord, write_model
from inklings.spec import Component, Volumes
from inklings.spec.detection import DetectionExperiment
from inklings.testing.runs import model_config, untrained_run

NAME, NUMBER = "Doe^Jane Secret", "PID-4711"


def volume_run(folder: Path, seed: int = 0, window: int = 32) -> Path:
    """A network of one class in volumes, by slices."""
    return untrained_run(
        folder,
        seed,
        {"instances": None, "window": window, "components": "all"},
        in_channels=1,
        channels=("liver",),
        classes=("liver",),
        volumes=Volumes(),
        orientation="LPS",
        intensity=Component(name="zscore"),
    )


def study(folder: Path, uid: str = "1.2.3", shape: tuple[int, int, int] = (6, 24, 20)) -> Path:
    """One series of MR, with a name that must not get anywhere."""
    rng = np.random.default_rng(len(uid))
    pixels = rng.integers(0, 1000, shape, dtype=np.uint16)

    def change(file: object, index: int) -> None:
        file.StudyInstanceUID = uid  # type: ignore[attr-defined]
        file.SOPInstanceUID = file.file_meta.MediaStorageSOPInstanceUID = f"{uid}.1.{index + 1}"  # type: ignore[attr-defined]

    return series(
        folder, change, pixels=pixels, uid=f"{uid}.1", PatientName=NAME, PatientID=NUMBER,
        SeriesDescription="t1 axial",
    )  # fmt: skip


def finding_run(folder: Path) -> Path:
    """A detector that has learnt nothing, and calls all that it sees."""
    record = {
        "task": "detection",
        "cohort": "cohort",
        "model": {"name": "centre_point", "width": 2, "blocks": 1, "prior": 0.3},
        "loss": "centre_point",
        "training": {"steps": 1},
        "detection": {"side": 16, "spacing_mm": 2.0, "reference_mm": 12.0, "max_candidates": 3},
    }
    options = {"width": 2, "blocks": 1, "prior": 0.3}
    model = Component(name="centre_point", options=options)
    config = model_config(
        model=model,
        in_channels=1,
        channels=("lesion", "z", "y", "x", "size"),
        classes=("lesion",),
        orientation="LPS",
    )
    torch.manual_seed(0)
    write_model(folder, config.build(), config)
    DetectionExperiment.check(record, "finding_run").write(folder / "experiment.yaml")
    RunRecord((0.01,), trained_on=("p1",)).write(folder)
    return folder
