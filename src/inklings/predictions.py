"""What a model said about the cases, and where that came from; no torch needed to read it.

A folder of predictions holds ``predictions.yaml`` (`Head`: classes, thresholds, provenance) and
``cases/<id>.npz``, one file a case, written atomically: a file that is there is complete. A slide
has a folder ``cases/<id>/`` instead (`inklings.heatmaps.record`).
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inklings.arrays import read_npz
from inklings.errors import DataError
from inklings.files import parse_json, write_json, write_yaml, written
from inklings.geometry import Geometry
from inklings.records import as_record, read_record

SLIDE_RECORD = "slide.json"
"""What the folder of a slide holds once it is complete."""

_AGAIN = "delete it and predict again"


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
        path = folder / "predictions.yaml"
        again = "delete the folder and predict again"
        head = read_record(cls, path, "predictions written by 'inklings predict'", again)
        if len(head.thresholds) < len(head.classes) or not np.isfinite(head.thresholds).all():
            raise DataError(f"{path} is damaged (thresholds {list(head.thresholds)}); {again}")
        return head


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
            file = read_npz(path)
            instances, dense = file.get("instances"), file["dense"]
            image = Path(str(file["image"]))
            series = str(file["series"]) if "series" in file else None
        except FileNotFoundError:
            raise DataError(
                f"expected a prediction of case {case} at {path}, got no file"
            ) from None
        except (ValueError, KeyError) as error:
            raise DataError(f"{path} is damaged ({error}); {_AGAIN}") from None
        geometry = _geometry(str(file["geometry"]), path) if "geometry" in file else None
        sizes = (dense.shape[1:], (dense if instances is None else instances[None]).shape[1:])
        fits = dense.dtype == np.uint8 and dense.ndim in (3, 4) and sizes[0] == sizes[1]
        if not fits or (geometry is not None and geometry.shape != sizes[0]):
            raise DataError(f"{path} is damaged (its arrays do not fit together); {_AGAIN}")
        return cls(case, image, dense, instances, geometry, series)


def _geometry(text: str, path: Path) -> Geometry:
    try:
        return as_record(Geometry, parse_json(text), path, _AGAIN)
    except ValueError as error:
        raise DataError(f"{path} is damaged ({error}); {_AGAIN}") from None


def quantise(probability: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Probabilities in [0, 1] to the nearest of 0..255: how they are stored.

    Raises:
        DataError: If one is no number.
    """
    require_numbers(probability)
    stored: NDArray[np.uint8] = np.rint(np.clip(probability, 0, 1) * 255).astype(np.uint8)
    return stored


def require_numbers(*said: ArrayLike | None) -> None:
    """Refuse what a network said where it is NaN or infinite: nothing of it is ever written.

    Raises:
        DataError: With what usually makes it so.
    """
    for values in said:
        if values is None:
            continue
        finite = np.isfinite(np.asarray(values))  # tensors answer NumPy's functions with a warning
        if not finite.all():
            count = int(finite.size - np.count_nonzero(finite))
            raise DataError(
                f"the network's answer is no number in {count} places, so nothing was written; its "
                "input holds values far beyond what it learnt from ('inklings show' tells their "
                "range), or the run is broken"
            )


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
    path = run / "outputs.json"
    record = read_record(dict[str, list[str]], path, "what a run has written", "delete it")
    return tuple((run.resolve() / path).resolve() for path in record.get("predictions", ()))
