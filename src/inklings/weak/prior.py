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
from inklings.errors import DataError
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


def cohort_prior(folder: Path, run: Path | None = None, seed: int = 0) -> Estimate:
    """Estimate the class prior of a cohort.

    Scores come from a run that has not trained on the cases judged, or, without one, from a
    classifier of texture that judges every image by others. Labels are corrected first, since a
    border drawn too wide or too tight is not an omission and no score can tell.

    Args:
        folder: The cohort.
        run: A run folder; its training cases are left out.
        seed: Of the images and samples drawn.

    Raises:
        DataError: If no case is labelled.
    """
    cohort = Cohort.read(folder)
    model = Run.load(run) if run else None
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
    images, masks = zip(
        *(_read(case, cohort.classes) for case in progress.track(cases, "read")), strict=True
    )
    shown = [np.moveaxis(image, 0, -1) for image in images]
    corrected = CORRECTIONS.build("auto", {"seed": seed}).correct(shown, masks)
    if model is not None:
        model.model.to(best_device())
        scores = [predict_array(model, image)[0] for image in progress.track(images, "predict")]
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


def _read(case: Case, classes: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    name, path = next(iter(case.images.items()))
    with open_image(path) as image:
        mask = annotate(case, name, image.geometry, classes).category == 1
        pixels = image.read(image.geometry.full)
    return np.repeat(pixels, 3, 0) if len(pixels) == 1 else pixels[:3], mask
