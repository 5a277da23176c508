"""What the training images of a run are like, measured at the end of the training."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from inklings.cohorts.case import Case, Split
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.opening import stated_spacing
from inklings.errors import DataError
from inklings.inference.dense import settings_of
from inklings.inference.device import best_device
from inklings.inference.features import deepest_layer, statistics_of, watched
from inklings.inference.items import Item
from inklings.inference.pictures import Content, read_item
from inklings.inference.volumes import predict_any
from inklings.predictions.likeness import FEWEST, Likeness
from inklings.progress import track
from inklings.runs.run import Run
from inklings.spec import SegmentationExperiment
from inklings.training.parts import memory_ended

_CASES = 30
_SAMPLES = 100_000_000
_LEAST = 8


def likeness_of(run: Run, cohort: Cohort) -> Likeness | None:
    """Predict some of the training and of the validation images, as `inklings predict` does.

    Up to `_CASES` of each part, evenly spread; of large images as many as have `_SAMPLES`
    together, but `_LEAST` at least. Mirror images are left out: their features are alike.

    Args:
        run: With its experiment and the fingerprint of its weights.
        cohort: That it has learnt from.

    Returns:
        None where there are too few patients, or a network without convolutions; of tiles of slides
        and of other tasks, whose images are not predicted as a whole.

    Raises:
        InklingsError: If an image cannot be read, or memory does not suffice for one.
    """
    asked = run.experiment
    if not isinstance(asked, SegmentationExperiment) or asked.tiles is not None:
        return None
    settings = settings_of(run).model_copy(update={"mirroring": False})
    layer, found = "", list[tuple[Case, tuple[str, ...], NDArray[np.float32]]]()
    run.model.to(best_device())
    try:
        for case, image in _read(run, cohort):
            seen = partial(predict_any, run, image.samples, image.geometry, settings)
            if not layer and not (layer := deepest_layer(run.model, seen)):
                break
            with watched(run, layer) as features:
                seen()
            assert features is not None
            found.append((case, *statistics_of(run, image.samples, image.geometry, features)))
    except (MemoryError, RuntimeError) as error:
        if not memory_ended(error):
            raise
        raise DataError("there was not memory enough to predict them") from error
    finally:
        run.model.cpu()
    if len({case.patient for case, _, _ in found}) < FEWEST:
        return None
    _, numbers = np.unique([case.patient for case, _, _ in found], return_inverse=True)
    return Likeness(
        found[0][1],
        np.stack([values for _, _, values in found]),
        tuple(map(str, numbers)),
        np.array([case.split == "val" for case, _, _ in found]),
        layer,
        run.weights_sha256,
    )


def _read(run: Run, cohort: Cohort) -> Iterator[tuple[Case, Content]]:
    """Cases of both parts with their images, as many as `likeness_of` says."""
    parts: tuple[Split, ...] = ("train", "val")
    for part in parts:
        cases, read = cohort.part(part), 0
        count = min(_CASES, len(cases))
        chosen = [cases[k * len(cases) // count] for k in range(count)]
        for k, case in enumerate(track(chosen, f"look at {part}", count)):
            if read > _SAMPLES and k >= _LEAST:
                break
            item = Item(case.id, case.images, stated_spacing(case), case.choices)
            image = read_item(item.ordered(run.model_config.inputs))
            read += math.prod(image.samples.shape[1:])
            yield case, image
