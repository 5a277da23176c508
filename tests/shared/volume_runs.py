"""A run that learnt nothing, of volumes, and a study of DICOM that it can be asked about."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from dicom_files import series

from inklings.spec import Component, Volumes
from inklings.testing.runs import untrained_run

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
