"""What a model said about the cases, and where that came from; no torch needed to read it.

A folder of predictions holds ``predictions.yaml`` (`Head`: classes, thresholds, provenance) and
``cases/<id>.npz``, one file a case, written atomically: a file that is there is complete. A slide
has a folder ``cases/<id>/`` instead (`inklings.heatmaps.record`).
"""

from __future__ import annotations

import dataclasses
import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.errors import DataError
from inklings.files import read_yaml, write_json, write_yaml, written
from inklings.geometry import Geometry

SLIDE_RECORD = "slide.json"
"""What the folder of a slide holds once it is complete."""


@dataclass(frozen=True)
class Provenance:
    """Enough to make the same prediction again."""

    run: str
    weights_sha256: str
    split_hash: str | None
    version: str


@dataclass(frozen=True)
class Head:
    """What is common to all cases of a folder of predictions.

    Attributes:
        classes: Names of the ``K`` predicted classes.
        thresholds: Probability at and above which a sample belongs to each class.
        provenance: Which run predicted.
        trained_on: Patients that the run learnt from (train and val).
        settings: Window, overlap, flips, instance options: whatever was used.
    """

    classes: tuple[str, ...]
    thresholds: tuple[float, ...]
    provenance: Provenance
    trained_on: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write ``predictions.yaml``."""
        record = dataclasses.asdict(self)
        for key in ("classes", "thresholds", "trained_on"):
            record[key] = list(record[key])
        write_yaml(folder / "predictions.yaml", {**record, "settings": dict(self.settings)})

    @classmethod
    def read(cls, folder: Path) -> Head:
        """Read ``predictions.yaml``.

        Raises:
            DataError: If the folder holds no predictions.
        """
        record = read_yaml(folder / "predictions.yaml", "predictions written by 'inklings predict'")
        return cls(
            classes=tuple(record["classes"]),
            thresholds=tuple(record["thresholds"]),
            provenance=Provenance(**record["provenance"]),
            trained_on=tuple(record["trained_on"]),
            settings=record["settings"],
        )


@dataclass(frozen=True)
class Prediction:
    """Everything predicted for one case.

    Attributes:
        case: Identifier of the case.
        image: The file that was read.
        dense: ``(K, *S)`` uint8 quantised probabilities, 255 is certainty.
        instances: ``(*S)`` uint16 or uint32 numbers of objects of the first class, 0 is
            background; None where instances were not asked for.
        geometry: The grid, which is that of the image; None where it was not kept (pictures).
        series: Words that chose one of several DICOM series.
    """

    case: str
    image: Path
    dense: NDArray[np.uint8]
    instances: NDArray[Any] | None = None
    geometry: Geometry | None = None
    series: str | None = None

    def mask(self, head: Head, channel: int = 0) -> NDArray[np.bool_]:
        """Where ``channel`` reaches its threshold, ``(*S)``."""
        mask: NDArray[np.bool_] = self.dense[channel] >= np.float32(head.thresholds[channel] * 255)
        return mask

    def write(self, folder: Path) -> None:
        """Write ``cases/<id>.npz``."""
        arrays: dict[str, Any] = {"dense": self.dense}
        if self.instances is not None:
            arrays["instances"] = self.instances
        if self.geometry is not None:
            arrays["geometry"] = np.array(json.dumps(dataclasses.asdict(self.geometry)))
        if self.series is not None:
            arrays["series"] = np.array(self.series)
        with written(folder / "cases" / f"{self.case}.npz") as path, path.open("wb") as file:
            np.savez_compressed(file, image=np.array(str(self.image)), **arrays)

    @classmethod
    def read(cls, folder: Path, case: str) -> Prediction:
        """Read the prediction of one case.

        Raises:
            DataError: If there is none or it is damaged.
        """
        path = folder / "cases" / f"{case}.npz"
        try:
            with np.load(path, allow_pickle=False) as file:
                instances = file.get("instances")
                image = Path(str(file["image"]))
                series = str(file["series"]) if "series" in file else None
                return cls(case, image, file["dense"], instances, _geometry(file), series)
        except FileNotFoundError:
            raise DataError(
                f"expected a prediction of case {case} at {path}, got no file"
            ) from None
        except (zipfile.BadZipFile, ValueError, KeyError, OSError) as error:
            raise DataError(f"{path} is damaged ({error}); delete it and predict again") from None


def _geometry(file: Any) -> Geometry | None:
    if "geometry" not in file:
        return None
    record = json.loads(str(file["geometry"]))
    for key in ("shape", "spacing", "origin"):
        record[key] = None if record[key] is None else tuple(record[key])
    if record["direction"] is not None:
        record["direction"] = tuple(tuple(row) for row in record["direction"])
    return Geometry(**record)


def predicted_cases(folder: Path) -> Iterator[str]:
    """Identifiers of the cases predicted in ``folder``, slides included, sorted."""
    pictures = {path.stem for path in (folder / "cases").glob("[!.]*.npz")}
    return iter(sorted(pictures | set(predicted_slides(folder))))


def predicted_slides(folder: Path) -> Iterator[str]:
    """Identifiers of the slides predicted in ``folder``, sorted."""
    records = (folder / "cases").glob(f"[!.]*/{SLIDE_RECORD}")
    return iter(sorted(path.parent.name for path in records))


def remember(run: Path, folder: Path) -> None:
    """Note in ``outputs.json`` of a run that it predicted into ``folder``, for the report."""
    known = remembered(run)
    if folder.resolve() not in known:
        paths = [*known, folder.resolve()]
        relative = [Path(os.path.relpath(path, run.resolve())).as_posix() for path in paths]
        write_json(run / "outputs.json", {"predictions": relative})


def remembered(run: Path) -> tuple[Path, ...]:
    """Folders of predictions made by a run, oldest first; some may be gone by now."""
    if not (run / "outputs.json").is_file():
        return ()
    record = read_yaml(run / "outputs.json", "what a run has written")
    return tuple((run.resolve() / path).resolve() for path in record["predictions"])
