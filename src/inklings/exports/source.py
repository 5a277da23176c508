"""What is exported: a folder of predictions, case by case."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from inklings.arrays import read_npz, shape_in
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.opening import image_of_file
from inklings.errors import DataError, GeometryError, SpecError
from inklings.labels.annotations import read_outlines
from inklings.predictions.dense import DensePrediction
from inklings.predictions.folder import OfPredictions, PredictionFolder
from inklings.predictions.guarantee import guaranteed
from inklings.predictions.head import Kind
from inklings.predictions.heatmaps.features import Features
from inklings.predictions.heatmaps.outlines import Outlines
from inklings.predictions.slides import OUTLINES, SlidePrediction, folder_of
from inklings.progress import track
from inklings.readers import open_image
from inklings.refinement.components import Components


@dataclass(frozen=True)
class Glance:
    """What a prediction is of.

    Attributes:
        shape: ``(K, *S)``; of a slide level 0.
        image: Where the image lies now, as far as it is known.
        series: Words that choose one of several DICOM series.
    """

    shape: tuple[int, ...]
    image: Path
    series: str | None


@dataclass(frozen=True)
class ExportSource(OfPredictions):
    """Predictions to export.

    Attributes:
        there: Written by `inklings predict`.
        cases: Identifiers, sorted.
        labelled: The cases as the cohort has them, if one was given.
        cohort: Its folder.
        guaranteed: Whether masks are the guaranteed ones, whose objects are connected components.
    """

    there: PredictionFolder
    cases: tuple[str, ...]
    labelled: dict[str, Case] = field(default_factory=dict)
    cohort: Path | None = None
    guaranteed: bool = False

    @classmethod
    def open(cls, folder: Path, cohort: Path | None = None) -> Self:
        """Open a folder of predictions; ``cohort`` says where the images are now.

        Raises:
            DataError: If it holds no predictions, or none of this cohort.
        """
        there = PredictionFolder.open(folder)
        if not there.cases:
            raise DataError(f"{folder} holds no predicted case yet; run 'inklings predict' first")
        if cohort is None:
            return cls(there, there.cases)
        labelled = {case.id: case for case in Cohort.read(cohort)}
        both = tuple(case for case in there.cases if case in labelled)
        if not both:
            raise DataError(f"no case of {cohort} was predicted in {folder}; is it the right one?")
        return cls(there, both, labelled, cohort)

    @property
    def slides(self) -> tuple[str, ...]:
        """Those of the cases that are slides, which have maps and outlines of their own."""
        return tuple(case for case in self.cases if case in self.there.slides)

    def glance(self, case: str) -> Glance:
        """What a prediction is of, without reading its samples.

        Raises:
            DataError: If it is damaged.
        """
        path = self.there.where(case)
        shape: tuple[int, ...]
        try:
            if case in self.there.slides:
                slide = SlidePrediction.read(self.folder, case)
                shape, image, series = (len(slide.classes), *slide.shape), slide.image, None
            else:
                shape = shape_in(path, "dense")
                words = read_npz(path, ("image", "series"))
                image = Path(str(words["image"]))
                series = str(words["series"]) if "series" in words else None
        except (ValueError, KeyError, OSError) as error:
            raise DataError(f"{path} is damaged ({error}); delete it and predict again") from None
        if case in self.labelled:
            known = self.labelled[case]
            name = image_of_file(known, image)
            return Glance(shape, known.images[name], known.choices.get(name))
        return Glance(shape, image, series)

    def promised(self) -> ExportSource:
        """The same with guaranteed masks.

        Raises:
            SpecError: If there is no promise about masks.
        """
        there = replace(self.there, head=guaranteed(self.head))
        return replace(self, there=there, guaranteed=True)

    @contextmanager
    def outlined(self, case: str) -> Iterator[Path]:
        """The outlines of a slide while the block runs: as it was predicted, or guaranteed.

        Guaranteed are all regions, however small: the promise counts what would be left out.
        """
        stored = folder_of(self.folder, case) / OUTLINES
        if not self.guaranteed:
            yield stored
            return
        said, (y, x) = SlidePrediction.read(self.folder, case), read_outlines(stored).corner
        with TemporaryDirectory(prefix="inklings-") as folder:
            drawn = Path(folder) / OUTLINES
            with drawn.open("w", encoding="utf-8") as text, said.heatmap(self.folder) as heat:
                corner = (round(y), round(x))
                features = Features(
                    text, said.classes, said.factor, said.shape, said.spacing_um, corner
                )
                limits = np.array(self.head.thresholds, np.float32) * 255
                for k, limit in enumerate(limits):  # by itself: they may overlap
                    outlines = Outlines(said.map_shape[1])
                    codes = ((band[k] >= limit) * np.uint8(k + 1) for band in heat.bands())
                    for found in chain(map(outlines.push, codes), (outlines.close(),)):
                        for one in found:
                            features.add(one)
                features.close()
            yield drawn

    def pictures(self) -> ExportSource:
        """The same without slides."""
        slides = set(self.slides)
        return replace(self, cases=tuple(case for case in self.cases if case not in slides))

    def __iter__(self) -> Iterator[DensePrediction]:
        """One prediction after the other, with progress.

        Raises:
            DataError: If one is a slide.
        """
        if self.slides:
            raise DataError(
                f"expected pictures, got {len(self.slides)} slides ({self.slides[0]}, ...): only "
                f"geojson and dicom-seg are exported from slides; their maps are OME-TIFF files in "
                f"{self.folder / 'cases'}"
            )
        for case in track(self.cases, "export"):
            prediction = DensePrediction.read(self.folder, case)
            yield replace(prediction, instances=None) if self.guaranteed else prediction

    def objects(self, prediction: DensePrediction, channel: int = 0) -> NDArray[Any]:
        """Numbered objects of one class, ``(H, W)``: as predicted, or connected components.

        Raises:
            GeometryError: If the prediction is not a picture.
        """
        require_picture(prediction)
        if channel == 0 and prediction.instances is not None:
            return prediction.instances
        return Components()(prediction.dense[channel], self.head.thresholds[channel])

    def picture(self, prediction: DensePrediction) -> NDArray[np.uint8] | None:
        """The image of a case for the eye, ``(H, W, 3)``, or None if it is no longer there.

        Dark images are brightened: their darkest sample becomes 0, the brightest thousandth 255.
        """
        seen = self.glance(prediction.case)
        if not seen.image.is_file():
            return None
        with open_image(seen.image, choice=seen.series) as image:
            samples = image.read(image.geometry.full).astype(np.float32)
        low, high = samples.min(), np.percentile(samples, 99.9)
        shown = np.clip((samples - low) / max(high - low, 1) * 255, 0, 255).astype(np.uint8)
        colour = shown[:3] if len(shown) >= 3 else np.repeat(shown[:1], 3, axis=0)
        return np.ascontiguousarray(np.moveaxis(colour, 0, -1))


_KINDS: dict[Kind, tuple[str, str]] = {
    "dense": (
        "predictions of images",
        "dicom-seg, rtstruct, nifti, nrrd, mha, npz (volumes), masks, png, rle, kaggle, geojson, "
        "npz, montage (pictures)",
    ),
    "bags": (
        "predictions of bags",
        "csv, json, parquet (probabilities and evidence), tile-maps or geojson (tiles of slides)",
    ),
    "findings": (
        "findings",
        "dicom-sr (a report and the outlines) and lie in findings.csv",
    ),
}
"""What a folder of each kind holds, and the formats for it, in words."""


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        path: The file or folder.
        cases: Of these cases.
    """

    path: Path
    cases: tuple[str, ...]


def require_picture(prediction: DensePrediction) -> None:
    """Refuse volumes.

    Raises:
        GeometryError: If the prediction is not a picture.
    """
    if prediction.dense.ndim != 3:
        raise GeometryError(
            f"case {prediction.case}: expected a picture (y, x), got a prediction of shape "
            f"{prediction.dense.shape[1:]}; volumes go to dicom-seg, nifti, nrrd, mha or npz"
        )


def require_fits(name: str, exporter: Exporter, source: ExportSource) -> None:
    """Check that a format is one for what was predicted.

    Raises:
        SpecError: If it is not; the message names those that are.
    """
    kind = source.there.kind
    if kind not in exporter.of:
        what, formats = _KINDS[kind]
        only = _KINDS[exporter.of[0]][0].removeprefix("predictions of ")
        raise SpecError(
            f"--to {name}: {source.folder} holds {what}, which go to {formats}; only {only} go to "
            f"{name}"
        )


class Exporter(Protocol):
    """Writes one format.

    Attributes:
        of: The kinds of predictions that it is for.
    """

    of: tuple[Kind, ...] = ("dense",)

    def __call__(self, source: ExportSource, out: Path) -> Path:
        """Write all cases of ``source`` into the folder ``out``; the file or folder written.

        Every file is written atomically and doing it twice gives the same files.
        """
