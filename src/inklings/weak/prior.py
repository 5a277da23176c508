"""The class prior of a cohort: what share of all samples is positive, labelled or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inklings import progress
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.rasterise import annotate
from inklings.errors import DataError, SpecError
from inklings.inference.dense import predict_array
from inklings.inference.device import best_device
from inklings.readers import open_image
from inklings.runs.run import Run
from inklings.supervision.prior import Prior, estimate_prior
from inklings.weak.correction import CORRECTIONS, Evidence
from inklings.weak.correction.texture import out_of_fold_odds, texture_features

_MOST = 120


@dataclass(frozen=True)
class Estimate:
    """A prior and what speaks against it.

    Attributes:
        prior: The estimate with its interval.
        cases: How many cases it rests on.
        warnings: A sentence each; empty where labels seem to be missing at random only.
        evidence: What the correction of labels found, which the warnings rest on.
    """

    prior: Prior
    cases: int
    warnings: tuple[str, ...]
    evidence: tuple[Evidence, ...]


def cohort_prior(
    folder: Path, run: Path | None = None, seed: int = 0, name: str | None = None
) -> Estimate:
    """Estimate the class prior of a cohort.

    Scores come from a run that has not trained on the cases judged, or, without one, from a
    classifier of texture that judges every image by others. Labels are corrected first, since a
    border drawn too wide or too tight is not an omission and no score can tell.

    Args:
        folder: The cohort.
        run: A run folder; its training cases are left out.
        seed: Of the images and samples drawn.
        name: Of the class; None for the only one.

    Raises:
        DataError: If no case is labelled.
        SpecError: If there is no such class, or there are several and none is named.
    """
    cohort = Cohort.read(folder)
    wanted = _wanted(name, cohort.classes, str(folder))
    model = Run.load(run) if run else None
    channel = _wanted(wanted, model.classes, str(run)) if model else wanted
    cases = [case for case in cohort if case.labels and case.split != "test"]
    if model is not None:
        cases = [case for case in cases if case.split != "train"]
    drawn = np.random.default_rng(seed).permutation(len(cases))[:_MOST].tolist()
    cases = [cases[i] for i in sorted(drawn)]
    if len(cases) < 2:
        raise DataError(
            f"expected at least two labelled cases outside the test part, got {len(cases)} in "
            f"{folder}; label some more"
        )
    index = cohort.classes.index(wanted)
    read = (_read(case, cohort.classes, index) for case in progress.track(cases, "read"))
    images, masks = zip(*read, strict=True)
    shown = [np.moveaxis(image, 0, -1) for image in images]
    corrected = CORRECTIONS.build("auto", {"seed": seed}).correct(shown, masks)
    if model is not None:
        model.model.to(best_device())
        at = model.classes.index(channel)
        scores = [predict_array(model, image)[at] for image in progress.track(images, "predict")]
        known = corrected.masks
    else:
        known = [mask[::2, ::2] for mask in corrected.masks]
        features = [texture_features(image) for image in progress.track(shown, "features")]
        scores = out_of_fold_odds(features, [m.astype(np.float32) for m in known], seed)
    return Estimate(
        estimate_prior(scores, known, seed=seed),
        len(cases),
        _warnings(corrected.evidence),
        corrected.evidence,
    )


def _warnings(evidence: Sequence[Evidence]) -> tuple[str, ...]:
    return tuple(
        f"{record.images} {record.group} images: position decides what is labelled "
        f"({record.reason}); the prior is that of the corrected labels, and scores alone "
        "could not have told it"
        for record in evidence
        if record.action != "kept"
    )


def _wanted(name: str | None, classes: Sequence[str], where: str) -> str:
    """The class that is asked for, or the only one."""
    if name is None and len(classes) == 1:
        return classes[0]
    if name not in classes:
        raise SpecError(
            f"{where}: expected one of the classes {', '.join(classes)}, got "
            f"{name or 'none'}; a prior is that of one class: give --class NAME"
        )
    assert name is not None
    return name


def _read(
    case: Case, classes: Sequence[str], index: int
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    on, path = next(iter(case.images.items()))
    with open_image(path) as image:
        mask = annotate(case, on, image.geometry, classes).category == 1 + index
        pixels = image.read(image.geometry.full)
    return np.repeat(pixels, 3, 0) if len(pixels) == 1 else pixels[:3], mask
