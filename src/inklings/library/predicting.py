"""Predict one image, which comes back whole, or many, which lie in a folder."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast, overload

import numpy as np
from numpy.typing import NDArray

from inklings.cohorts.case import Case, Split
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.opening import SPACING_FACT
from inklings.datasets.arrays import Arrays
from inklings.datasets.importing import run as import_cohort
from inklings.errors import DataError, SpecError
from inklings.inference.items import gather
from inklings.inference.predict import first_of, predictor_of
from inklings.inference.predict import predict as predict_folder
from inklings.inference.predictor import Options, asked_threshold
from inklings.library.cohorts import folder_of
from inklings.library.prediction import Prediction, Predictions, Temporary, read
from inklings.predictions.folder import PredictionFolder
from inklings.progress import note
from inklings.readers import bag_files, open_image
from inklings.readers.image import Image
from inklings.runs.bundle import opened
from inklings.runs.run import ModelConfig, Run

Content = str | Path | Image | NDArray[Any]
"""A file, a folder of one DICOM series, an opened image, or an array."""
One = Content | Mapping[str, Content] | Case
"""One case: one image, several by the names that the run learnt, or a case of a cohort."""


@overload
def predict(
    run: Run | str | Path,
    images: One,
    *,
    out: str | Path | None = None,
    spacing_mm: float | Sequence[float] | None = None,
    axes: str | None = None,
    **options: Any,
) -> Prediction: ...
@overload
def predict(
    run: Run | str | Path,
    images: Cohort | list[Any] | tuple[Any, ...],
    *,
    out: str | Path | None = None,
    split: Split | None = None,
    spacing_mm: float | Sequence[float] | None = None,
    axes: str | None = None,
    workers: int = 0,
    **options: Any,
) -> Predictions: ...
def predict(
    run: Run | str | Path,
    images: One | Cohort | list[Any] | tuple[Any, ...],
    *,
    out: str | Path | None = None,
    split: Split | None = None,
    spacing_mm: float | Sequence[float] | None = None,
    axes: str | None = None,
    workers: int = 0,
    **options: Any,
) -> Prediction | Predictions:
    """Predict one image, or many; masks lie on the grids of the inputs.

    Args:
        run: A finished run, or its folder; or the folder of a cascade, of a cross-validation or of
            several runs, whose probabilities are averaged.
        images: One image: a file, a folder of one DICOM series, an opened image, an array, or
            several of these by their names, ``{"t1": ..., "flair": ...}``, or a case of a cohort.
            Of a run of bags, an array ``(N, D)`` or ``(N, C, H, W)`` or a file of features. Or
            many: a cohort, or a list of such images or of cases.
        out: Folder of predictions, which goes on where an earlier call stopped; None for a
            temporary one.
        split: Of a cohort: only ``"train"``, ``"val"`` or ``"test"``.
        spacing_mm: Between pixels or voxels, where images do not say it: one number, or one for
            each axis in array order.
        axes: Of arrays, as `open_image` takes them; by default as the run was trained:
            ``(H, W)``, ``(H, W, C)`` or ``(C, H, W)`` of pictures, ``(Z, Y, X)`` of volumes.
        workers: Processes that share the cases; 0 for this one.
        options: How, instead of as the run was trained: ``mirroring``, ``threshold``,
            ``instances``, ``components``, ``also`` (more runs to average); of slides
            ``tissue``, ``factor``, ... (`inklings.inference.predictor.Options`). One that means
            nothing is refused.

    Returns:
        A prediction of one image. Of many, a sequence of them that reads one at a time, with the
        reasons of those that failed.

    Raises:
        InklingsError: If the run or an input is unusable, the one image cannot be predicted, or
            ``out`` holds other predictions.
    """
    where = _on_disk(run)
    predictor_of(where)  # says what is missing before anything is read
    config = run.model_config if isinstance(run, Run) else ModelConfig.read(first_of(where))
    home = None if out is not None else Temporary()
    folder = Path(out) if out is not None else cast(Temporary, home).path / "predictions"
    if isinstance(images, Cohort) and images.folder is not None:
        _require_said(images, spacing_mm, axes)
        paths = [folder_of(images)]
        cases = {case.id: case for case in (images if split is None else images.part(split))}
    elif split is not None:
        raise SpecError(f"split {split!r}: expected a cohort, got images, which have no parts")
    else:
        every = list(images) if isinstance(images, Cohort | list | tuple) else [images]
        store = (home.path if home else folder) / "inputs"
        paths, cases = _stored(config, every, store, spacing_mm, axes)
    many = isinstance(images, Cohort | list | tuple)
    if not many and len(cases) != 1:
        raise SpecError(
            f"expected one image, got {len(cases)} in {images}; give a cohort "
            "(Cohort.read) or a list of images"
        )
    threshold = asked_threshold(options.pop("threshold", None))
    if (also := options.get("also")) is not None:
        more = [also] if isinstance(also, Run | str | Path) else also
        options["also"] = [_on_disk(another) for another in more]
    asked = cast(Options, {"split": split, **options, **threshold})
    failed = predict_folder(where, paths, folder, workers=workers, **asked).failed
    if not many and failed:
        raise DataError(next(iter(failed.values())))
    if not many:
        return read(folder, *next(iter(cases.items())), home)
    for case, reason in failed.items():
        note(f"failed: {case}: {reason}")
    there = set(PredictionFolder.open(folder).cases)
    return Predictions(
        folder,
        [case for case in cases if case in there],
        failed,
        lambda case: read(folder, case, cases[case], home),
    )


def _on_disk(run: Run | str | Path) -> Path:
    where = Path(run) if isinstance(run, str | Path) else run.folder
    if where is None:
        raise SpecError("expected a run on disk, got one in memory")
    return opened(where)


def _stored(
    config: ModelConfig,
    images: Sequence[One],
    store: Path,
    spacing_mm: float | Sequence[float] | None,
    axes: str | None,
) -> tuple[list[Path], dict[str, Case]]:
    """Files, or a cohort of what is in memory, and the cases to predict, by their names."""
    given = [one for one in images if isinstance(one, Case)]
    if given:
        if len(given) < len(images):
            raise SpecError("expected images or cases of a cohort, got both; give one kind")
        _require_said(given, spacing_mm, axes)
        return _written([replace(case, labels=()) for case in given], config, store)
    if config.task is not None:
        _require_said(images, spacing_mm, axes)
        paths = [_bag(one, store / f"{k:04d}.h5") for k, one in enumerate(images)]
        return paths, {p.stem: Case(p.stem, p.stem, {"instances": p}) for p in paths}
    files = [Path(one) for one in images if isinstance(one, str | Path)]
    if axes is None and len(files) == len(images):
        found = [Case(item.case, item.case, item.images) for item in gather(files)]
        if spacing_mm is None:
            return files, {case.id: case for case in found}
        if isinstance(spacing_mm, int | float) and not any(map(_is_cohort, files)):
            if not 0 < spacing_mm < math.inf:
                raise SpecError(f"expected a spacing above 0 mm, got {spacing_mm}")
            facts = {SPACING_FACT: f"{spacing_mm * 1000:.9g}"}
            return _written([replace(case, facts=facts) for case in found], config, store)
    cohorts = [path for path in files if _is_cohort(path)]
    if cohorts:
        raise SpecError(f"expected images, got the cohort {cohorts[0]}; give Cohort.read of it")
    said: list[Content | Mapping[str, Content]] = [
        _with_axes(config, one, spacing_mm, axes) for one in images if not isinstance(one, Case)
    ]
    report = import_cohort(Arrays(said), store, workers=0)
    if report.left_out:
        wrong = {f.case: f.detail for f in report.findings if f.is_fatal}
        raise DataError("; ".join(f"image {case}: {why}" for case, why in wrong.items()))
    return [store], {case.id: case for case in report.cohort}


def _written(
    cases: Sequence[Case], config: ModelConfig, store: Path
) -> tuple[list[Path], dict[str, Case]]:
    """A cohort of cases that lie elsewhere, so that their images are not copied."""
    cohort = Cohort("inputs", tuple(cases), config.classes).write(store)
    return [store], {case.id: case for case in cohort}


def _require_said(
    given: Cohort | Sequence[Any], spacing_mm: float | Sequence[float] | None, axes: str | None
) -> None:
    """Refuse what would be overruled: cohorts say their spacing, and bags have none."""
    if spacing_mm is not None or axes is not None:
        what = "a cohort" if isinstance(given, Cohort) else "cases or bags"
        raise SpecError(
            f"spacing_mm, axes: expected images, got {what}, which need neither; leave them out"
        )


def _is_cohort(path: Path) -> bool:
    return (path / "cohort.yaml").is_file()


def _with_axes(
    config: ModelConfig,
    one: Content | Mapping[str, Content],
    spacing_mm: float | Sequence[float] | None,
    axes: str | None,
) -> Content | Mapping[str, Content]:
    """One case whose arrays are images, with the axes that the run was trained on."""
    if isinstance(one, Mapping):
        return {
            name: cast(Content, _with_axes(config, image, spacing_mm, axes))
            for name, image in one.items()
        }
    if isinstance(one, Image):
        return one
    if isinstance(one, str | Path):
        return Path(one) if spacing_mm is None else open_image(one, spacing_mm)
    array = np.asarray(one)
    return open_image(array, spacing_mm, axes=axes or _axes(config, array.shape))


def _axes(config: ModelConfig, shape: tuple[int, ...]) -> str | None:
    """Axes of an array as the run was trained; None where they are left open."""
    if len(shape) == 3 and config.volumes is not None:
        return "zyx"
    if len(shape) == 3 and shape[-1] in (3, config.in_channels):
        return "yxc"
    return "cyx" if len(shape) == 3 and shape[0] == config.in_channels else None


def _bag(one: One, path: Path) -> Path:
    """A file of instances."""
    if isinstance(one, str | Path):
        return Path(one)
    array = np.asarray(one)
    if array.ndim not in (2, 4) or array.dtype.kind not in "iuf" or not array.size:
        raise DataError(
            f"expected a bag (N, D) or (N, C, H, W) of numbers, got {array.dtype} {array.shape}"
        )
    bag_files.write(path, array)
    return path
