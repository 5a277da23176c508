"""Probabilities on the grid of a picture or volume: ``cases/<id>.npz``."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.arrays import read_npz
from inklings.files import parse_json, written
from inklings.geometry import Geometry
from inklings.predictions.head import Head
from inklings.predictions.stored import AGAIN, case_file, damaged, missing
from inklings.records import as_record


@dataclass(frozen=True)
class DensePrediction:
    """Everything predicted for one case.

    Attributes:
        case: Identifier of the case.
        image: The file that was read.
        dense: ``(K, *S)`` uint8 quantised probabilities, 255 is certainty.
        instances: ``(*S)`` uint16 or uint32 numbers of objects of the first class, 0 is
            background; None where instances were not asked for.
        geometry: The grid, which is that of the image; None where it was not kept (pictures).
        series: Words that chose one of several DICOM series.
        spread: ``(K, *S)`` uint8 standard deviation over the runs that were averaged, 255 is one;
            None of a single run.
        statistics: ``(F + D,)`` float32 that say how like the training images this one is
            (`inklings.predictions.likeness`); None where the run does not know these.
    """

    case: str
    image: Path
    dense: NDArray[np.uint8]
    instances: NDArray[Any] | None = None
    geometry: Geometry | None = None
    series: str | None = None
    spread: NDArray[np.uint8] | None = None
    statistics: NDArray[np.float32] | None = None

    def mask(self, head: Head, channel: int = 0) -> NDArray[np.bool_]:
        """Where ``channel`` reaches its threshold, ``(*S)``."""
        mask: NDArray[np.bool_] = self.dense[channel] >= np.float32(head.thresholds[channel] * 255)
        return mask

    def write(self, folder: Path) -> None:
        """Write ``cases/<id>.npz``."""
        arrays: dict[str, Any] = {"dense": self.dense}
        for name in ("instances", "spread", "statistics"):
            if getattr(self, name) is not None:
                arrays[name] = getattr(self, name)
        if self.geometry is not None:
            arrays["geometry"] = np.array(json.dumps(dataclasses.asdict(self.geometry)))
        if self.series is not None:
            arrays["series"] = np.array(self.series)
        with written(case_file(folder, self.case)) as path, path.open("wb") as file:
            np.savez_compressed(file, image=np.array(str(self.image)), **arrays)

    @classmethod
    def read(cls, folder: Path, case: str) -> DensePrediction:
        """Read the prediction of one case.

        Raises:
            DataError: If there is none or it is damaged.
        """
        path = case_file(folder, case)
        try:
            file = read_npz(path)
            instances, dense, spread = file.get("instances"), file["dense"], file.get("spread")
            image = Path(str(file["image"]))
            series = str(file["series"]) if "series" in file else None
        except FileNotFoundError:
            raise missing(case, path) from None
        except (ValueError, KeyError) as error:
            raise damaged(path, error) from None
        geometry = _geometry(str(file["geometry"]), path) if "geometry" in file else None
        sizes = (dense.shape[1:], (dense if instances is None else instances[None]).shape[1:])
        fits = dense.dtype == np.uint8 and dense.ndim in (3, 4) and sizes[0] == sizes[1]
        if spread is not None:
            fits = fits and spread.dtype == np.uint8 and spread.shape == dense.shape
        if not fits or (geometry is not None and geometry.shape != sizes[0]):
            raise damaged(path, "its arrays do not fit together")
        statistics = file.get("statistics")
        return cls(case, image, dense, instances, geometry, series, spread, statistics)


def _geometry(text: str, path: Path) -> Geometry:
    try:
        return as_record(Geometry, parse_json(text), path, AGAIN)
    except ValueError as error:
        raise damaged(path, error) from None
