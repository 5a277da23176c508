"""What a run says of one case as a program takes it, and of many, one at a time."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from inklings.bags.sets import set_of
from inklings.cohorts.case import Case
from inklings.cohorts.opening import image_of_file, open_case
from inklings.errors import DataError, InklingsError
from inklings.exports.bags import called_of, numbers_of, scores_of
from inklings.exports.scan import codes
from inklings.findings.finding import Finding
from inklings.geometry import Geometry
from inklings.labels.files import write_mask
from inklings.predictions.bags import BagPrediction
from inklings.predictions.dense import DensePrediction
from inklings.predictions.findings import Findings
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.guarantee import guaranteed, promises_masks
from inklings.predictions.head import Head
from inklings.predictions.slides import SlidePrediction


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a run says of one picture, volume, slide or bag, or of the findings in one scan.

    Attributes:
        case: Name of the case.
        classes: Names of the ``K`` classes.
        thresholds: Probability from which each class is there.
        probability: float32, ``(K, *S)``: of each class in each pixel or voxel of the input, in
            array order, in steps of 1/255; of a slide on the grid of its map. Of a bag, and of
            findings, ``(K,)``: of each class in the whole case.
        mask: uint8, ``(*S)`` on the grid of the input: 0 for background, k for the k-th class;
            where several classes reach their thresholds, the most probable. Of a bag, and of
            findings, ``(K,)`` of 0 and 1.
        geometry: Grid of ``S``, in mm of the patient; None of a bag, and of findings.
        objects: ``(*S)`` numbers of the objects of the first class, 0 for background; None where
            the run does not separate objects.
        findings: Of detectors: centres and diameters in mm, the most probable first.
        instances: Of bags: float32 ``(N, C)``, the probability of each class in a bag of this
            instance alone, or the number; None elsewhere.
        attention: Of bags: weight of each instance, ``(N,)`` or ``(N, C)``, where the model has it.
        values: Of bags with a number, which have no probability: by name, the value in the unit of
            the label, or the log hazard and the survival at each time.
        guaranteed: bool, ``(K, *S)``: masks that hold the promise of `inklings calibrate`, at least
            as large as the best ones; of a bag ``(K,)``, the classes in its set of diagnoses. None
            where nothing was promised, and of slides and findings.
        spread: float32, ``(K, *S)``: where several runs were averaged, the standard deviation of
            the probability over them; None of a single run.
        folder: The folder of predictions that it lies in; a temporary one goes with its
            predictions.
    """

    case: str
    classes: tuple[str, ...]
    thresholds: tuple[float, ...]
    probability: NDArray[np.float32]
    mask: NDArray[np.uint8]
    geometry: Geometry | None
    folder: Path
    objects: NDArray[np.unsignedinteger[Any]] | None = None
    findings: tuple[Finding, ...] = ()
    instances: NDArray[np.float32] | None = None
    attention: NDArray[np.float32] | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    guaranteed: NDArray[np.bool_] | None = None
    spread: NDArray[np.float32] | None = None
    _home: Temporary | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        """One line: the largest probability of each class, the grid, where it lies."""
        best = [f"{one.max(initial=0):.2f}" for one in self.probability]
        said = ", ".join(
            [f"{k} up to {v}" for k, v in zip(self.classes, best, strict=False)]
            + [f"{name} {value:.3g}" for name, value in self.values.items()]
        )
        found = f", {len(self.findings)} findings" if self.findings else ""
        shape = "" if self.geometry is None else f", mask {self.mask.shape}"
        return f"<Prediction of {self.case}: {said}{found}{shape}; {self.folder}>"

    def save(self, path: str | Path) -> Path:
        """Write the mask: ``.nii.gz`` of a volume, ``.png`` of a picture, ``.npy`` of either.

        Raises:
            DataError: If it has no mask of pixels or voxels, or the format cannot hold it.
        """
        if self.geometry is None:
            raise DataError(f"case {self.case}: expected a mask of pixels, got one of the case")
        write_mask(Path(path), self.mask, self.geometry)
        return Path(path)


class Predictions(Sequence[Prediction]):
    """Predictions of many cases, read from their folder one at a time.

    Attributes:
        folder: Where they lie; a temporary one goes with this object.
        cases: Names of the cases that were predicted, in the order of the inputs.
        failed: The reason for each case that could not be.
    """

    def __init__(
        self,
        folder: Path,
        cases: Sequence[str],
        failed: Mapping[str, str],
        read: Callable[[str], Prediction],
    ) -> None:
        self.folder, self.cases, self.failed = folder, tuple(cases), dict(failed)
        self._read = read

    def __repr__(self) -> str:
        """One line: how many there are, how many failed, where they lie."""
        failed = f", {len(self.failed)} failed" if self.failed else ""
        return f"<Predictions of {len(self)} cases{failed}; {self.folder}>"

    def __len__(self) -> int:
        return len(self.cases)

    def __iter__(self) -> Iterator[Prediction]:
        return map(self._read, self.cases)

    @overload
    def __getitem__(self, key: int | str) -> Prediction: ...
    @overload
    def __getitem__(self, key: slice) -> Predictions: ...
    def __getitem__(self, key: int | str | slice) -> Prediction | Predictions:
        """By position, or by the name of the case.

        Raises:
            DataError: If there is no prediction of that case; the message says why.
        """
        if isinstance(key, slice):
            return Predictions(self.folder, self.cases[key], self.failed, self._read)
        if isinstance(key, int):
            return self._read(self.cases[key])
        if key not in self.cases:
            raise DataError(f"no prediction of case {key!r}: {self.failed.get(key, 'not asked')}")
        return self._read(key)


class Temporary:
    """A temporary folder that goes with the last object that holds this one."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="inklings-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def read(folder: Path, name: str, case: Case, home: Temporary | None = None) -> Prediction:
    """The prediction of one case of a folder.

    Args:
        folder: Of predictions.
        name: Of the case there.
        case: Its images, which say the grid of a picture.
        home: Temporary folder that holds ``folder``.

    Raises:
        DataError: If it is damaged.
    """
    there = PredictionFolder.open(folder)
    head, payload = there.head, there.payload(name)
    if isinstance(payload, BagPrediction):
        found = _of_bag(payload, head)
    elif isinstance(payload, SlidePrediction):
        found = _of_slide(payload, head, folder)
    elif isinstance(payload, Findings):
        found = _of_findings(payload, head)
    else:
        found = _of_pixels(payload, head, case)
    return Prediction(
        case=name,
        classes=head.classes,
        thresholds=head.thresholds[: len(head.classes)],
        folder=folder,
        _home=home,
        **found,
    )


def _of_pixels(dense: DensePrediction, head: Head, case: Case) -> dict[str, Any]:
    count = len(head.classes)
    masks = np.stack([dense.mask(head, k) for k in range(count)])
    safe = guaranteed(head) if promises_masks(head) else None
    return {
        "probability": _shares(dense.dense[:count]),
        "mask": codes(dense, masks),
        "geometry": dense.geometry or _grid(case, dense.image, masks.shape[1:]),
        "objects": dense.instances,
        "spread": None if dense.spread is None else _shares(dense.spread[:count]),
        "guaranteed": None
        if safe is None
        else np.stack([dense.mask(safe, k) for k in range(count)]),
    }


def _shares(quantised: NDArray[np.uint8]) -> NDArray[np.float32]:
    return quantised.astype(np.float32) / np.float32(255)


def _grid(case: Case, path: Path, shape: tuple[int, ...]) -> Geometry:
    """The grid of a picture, which its prediction does not keep."""
    try:
        with open_case(case, image_of_file(case, path)) as image:
            grid = image.geometry
    except InklingsError:
        grid = Geometry(shape)
    return grid if grid.shape == shape else Geometry(shape)


def _of_slide(slide: SlidePrediction, head: Head, folder: Path) -> dict[str, Any]:
    with slide.heatmap(folder) as heat, slide.class_map(folder) as classes:
        whole = slide.geometry.full
        probability, mask = heat.read(whole), classes.read(whole)[0]
    spread = None
    if slide.spread:
        with slide.spread_map(folder) as apart:
            spread = _shares(apart.read(whole))
    return {
        "probability": _shares(probability[: len(head.classes)]),
        "mask": mask,
        "geometry": slide.geometry,
        "spread": spread,
    }


def _of_bag(bag: BagPrediction, head: Head) -> dict[str, Any]:
    numbers = numbers_of(bag, head)
    called = np.zeros(0) if numbers else called_of(bag, head)
    return {
        "probability": bag.probability.astype(np.float32),
        "mask": called.astype(np.uint8),
        "geometry": None,
        "instances": scores_of(bag, head).astype(np.float32),
        "attention": bag.attention,
        "guaranteed": np.isin(head.classes, inside) if (inside := set_of(bag, head)) else None,
        "values": numbers,
    }


def _of_findings(findings: Findings, head: Head) -> dict[str, Any]:
    best = np.array(
        [max((f.score for f in findings if f.name == name), default=0.0) for name in head.classes],
        np.float32,
    )
    return {
        "probability": best,
        "mask": (best >= np.array(head.thresholds[: len(best)], np.float32)).astype(np.uint8),
        "geometry": None,
        "findings": findings.found,
    }
