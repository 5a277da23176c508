"""What the training images of a run are like, measured at the end of the training."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.bags.instances import Instances
from inklings.cohorts.bags import spans
from inklings.cohorts.case import Case, Split
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.opening import stated_spacing
from inklings.data.tissue_finder import finder
from inklings.detection.find import find
from inklings.detection.find import settings_of as detection_settings
from inklings.detection.predictor import searched
from inklings.detection.scan import whole
from inklings.errors import DataError
from inklings.geometry import Geometry
from inklings.inference.bag_model import outputs
from inklings.inference.dense import settings_of
from inklings.inference.device import best_device
from inklings.inference.features import bag_statistics, deepest_layer, statistics_of, watched
from inklings.inference.items import Item
from inklings.inference.pictures import read_item
from inklings.inference.slide_cases import opened
from inklings.inference.slide_grid import SlideSettings
from inklings.inference.slide_seen import SeenSlide
from inklings.inference.volumes import predict_any
from inklings.predictions.likeness import FEWEST, Likeness
from inklings.progress import track
from inklings.runs.run import Run
from inklings.spec import BagExperiment, SegmentationExperiment
from inklings.spec.detection import DetectionExperiment
from inklings.training.parts import memory_ended

_CASES = 30
_SAMPLES = 100_000_000
_LEAST = 8


def likeness_of(run: Run, cohort: Cohort) -> Likeness | None:
    """Predict some of the training and of the validation cases, as `inklings predict` does.

    Up to `_CASES` of each part, evenly spread; of large images as many as have `_SAMPLES`
    together, but `_LEAST` at least; of slides some windows. Mirror images are left out: their
    features are alike.

    Args:
        run: With its experiment and the fingerprint of its weights.
        cohort: That it has learnt from.

    Returns:
        None where there are too few patients, or a network without convolutions; of tasks whose
        images are not predicted as a whole.

    Raises:
        InklingsError: If an image cannot be read, or memory does not suffice for one.
    """
    layer, found = "", list[tuple[Case, tuple[str, ...], NDArray[np.float32]]]()
    run.model.to(best_device())
    try:
        if isinstance(run.experiment, BagExperiment):
            found = list(_bags(run, cohort))
        for case, (samples, geometry, use) in _looked_at(run, cohort):
            if not layer and not (layer := deepest_layer(run.model, use)):
                break
            with watched(run, layer) as features:
                use()
            assert features is not None
            found.append((case, *statistics_of(run, samples, geometry, features)))
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


_Look = tuple[NDArray[Any], Geometry | None, Callable[[], object]]
"""Samples ``(C, *S)`` of a case, their grid, and what puts them through the network."""


def _looked_at(run: Run, cohort: Cohort) -> Iterator[tuple[Case, _Look]]:
    """Cases of both parts with their images, as many as `likeness_of` says."""
    asked, look = run.experiment, _image
    if isinstance(asked, DetectionExperiment):
        look = _scan
    elif not isinstance(asked, SegmentationExperiment):
        return
    elif asked.tiles is not None:
        look = _slide
    for chosen in _chosen(cohort):
        read = 0
        for k, case in enumerate(chosen):
            if read > _SAMPLES and k >= _LEAST:
                break
            found = look(run, case)
            read += math.prod(found[0].shape[1:])
            if found[0].size:  # of a slide without tissue nothing
                yield case, found


def _chosen(cohort: Cohort) -> Iterator[Iterable[Case]]:
    """Some cases of either part."""
    parts: tuple[Split, ...] = ("train", "val")
    for part in parts:
        cases = cohort.part(part)
        count = min(_CASES, len(cases))
        yield track(
            [cases[k * len(cases) // count] for k in range(count)], f"look at {part}", count
        )


def _item(case: Case) -> Item:
    return Item(case.id, case.images, stated_spacing(case), case.choices)


def _image(run: Run, case: Case) -> _Look:
    image = read_item(_item(case).ordered(run.model_config.inputs))
    settings = settings_of(run).model_copy(update={"mirroring": False})
    use = partial(predict_any, run, image.samples, image.geometry, settings)
    return image.samples, image.geometry, use


def _slide(run: Run, case: Case) -> _Look:
    settings, window = SlideSettings(), settings_of(run)
    with opened(_item(case).ordered(run.model_config.inputs), settings) as slide:
        seen = SeenSlide.of((run,), slide, finder(settings.tissue), window, settings)
        samples, use = seen.some(run, window)
    return samples, None, use


def _scan(run: Run, case: Case) -> _Look:
    item = searched(_item(case), detection_settings(run).image)
    with item.open() as image:
        values, geometry = whole(image)
    return values[None], geometry, partial(find, run, values, geometry, case.id)


def _bags(run: Run, cohort: Cohort) -> Iterator[tuple[Case, tuple[str, ...], NDArray[np.float32]]]:
    """Bags of both parts, and what they are like; they are encoded anyway."""
    cases = [case for part in _chosen(cohort) for case in part]
    for _, numbers, parts in outputs(
        run.model, Instances([spans(case) for case in cases], budget=2**30)
    ):
        for k, encoded in zip(numbers, parts, strict=True):
            yield cases[k], *bag_statistics(encoded)
