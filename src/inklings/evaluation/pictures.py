"""A picture or volume as a pair: what was predicted, and the reference standard on its grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import ndimage

from inklings.cohorts.case import Case
from inklings.cohorts.opening import image_of_file, labelled_image, open_case
from inklings.cohorts.rasterise import annotate
from inklings.errors import GeometryError
from inklings.evaluation.pairs import Pair, Segmentation
from inklings.evaluation.slides import is_boxed
from inklings.predictions.dense import DensePrediction
from inklings.predictions.head import Head


def read_pair(folder: Path, head: Head, case: Case, classes: tuple[str, ...] | None = None) -> Pair:
    """Prediction and reference standard of one case.

    Objects are of interest where the reference tells them apart: there, a prediction without
    instances gets connected components, and so is comparable.

    Args:
        folder: Of the predictions.
        head: Of them.
        case: With its true labels.
        classes: That are annotated; those that are not predicted are not scored. None for the
            predicted ones.

    Raises:
        DataError: If the prediction is damaged, or does not lie on the grid of the image.
    """
    prediction = DensePrediction.read(folder, case.id)
    name = image_of_file(case, prediction.image)
    with open_case(case, name) as image:
        geometry = image.geometry
    if prediction.dense.shape[1:] != geometry.shape:
        raise GeometryError(
            f"case {case.id}: predicted on a grid of {prediction.dense.shape[1:]}, but "
            f"{case.images[name].name} has {geometry.shape}; predict this cohort again"
        )
    every = classes or head.classes
    said = annotate(case, labelled_image(case), geometry, every, "ellipse")
    mask = np.stack([prediction.mask(head, k) for k in range(len(head.classes))])
    numbers = np.array([every.index(name) + 1 for name in head.classes])
    codes = numbers.reshape(-1, *(1,) * said.category.ndim)
    instances = objects = None
    if said.separated:
        objects = np.where(said.category == numbers[0], said.objects, 0)
        instances = prediction.instances
        instances = ndimage.label(mask[0])[0] if instances is None else instances
    return Pair(
        patient=case.patient,
        case=case.id,
        predicted=Segmentation(mask, instances, prediction.dense[: len(head.classes)]),
        reference=Segmentation(said.category == codes, objects),
        known=None if said.known.all() else said.known,
        boxed=is_boxed(case),
        annotated=tuple(case.annotated(head.classes)),
        spacing=geometry.spacing,
        axes=geometry.axes if geometry.leans else None,
    )
