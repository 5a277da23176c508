"""Predict many images into a folder that can be interrupted and completed at any time.

A case is the unit. Its file is written whole or not at all, so what is there is finished and is
skipped; an image that cannot be read is set aside in ``failed.json`` with the reason and tried
again next time, and the others go on. While the model works on one image, the next ones are
decoded and the last ones cut into objects, compressed and written.
"""

from __future__ import annotations

import functools
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings import __version__
from inklings.cases.case import Split
from inklings.errors import GeometryError, InklingsError, SpecError
from inklings.inference.dense import predict_array, settings_of
from inklings.inference.device import best_device
from inklings.inference.folder import claim, finished, note_output, report_failures
from inklings.inference.items import Item, gather
from inklings.inference.run import Run
from inklings.predictions import Head, Prediction, Provenance
from inklings.progress import track
from inklings.readers import open_image
from inklings.refinement import REFINEMENTS
from inklings.refinement.base import Refinement
from inklings.spec import Component, Inference

__all__ = ["Summary", "find_objects", "predict", "predict_array"]

_AHEAD = 4  # images decoded before, or written after, the one in the model


@dataclass(frozen=True)
class Summary:
    """What a call of `predict` did.

    Attributes:
        predicted: Cases predicted now.
        skipped: Cases that had been predicted before.
        failed: Reason for each case that could not be.
        seconds: Wall time.
    """

    predicted: int
    skipped: int
    failed: dict[str, str]
    seconds: float


def predict(
    run: Path,
    inputs: Sequence[Path],
    out: Path,
    *,
    split: Split | None = None,
    **changes: Any,
) -> Summary:
    """Predict every image of ``inputs`` into ``out``.

    Args:
        run: Folder made by `inklings train`.
        inputs: Cohorts, folders of pictures, or files.
        out: New folder, or one that this call, interrupted, has begun.
        split: Only the cases of this part of a cohort.
        changes: Fields of `Inference` that replace those of the run's experiment; None keeps.

    Raises:
        InklingsError: If the run or an input is unusable, or ``out`` holds other predictions.
            A single unreadable image raises nothing; it is in the summary.
    """
    start = time.monotonic()
    trained = Run.load(run)
    settings = _changed(settings_of(trained), changes)
    how = _refinement(settings)
    items = gather(inputs, split)
    head = _head(trained, settings)
    claim(out, head)
    done = finished(items, out)
    note_output(run, out)
    trained.model.to(best_device())
    todo = [item for item in items if item.case not in done]
    failed = _predict_all(trained, settings, how, head, todo, out)
    seconds = time.monotonic() - start
    return Summary(len(todo) - len(failed), len(items) - len(todo), failed, seconds)


def find_objects(
    dense: NDArray[np.uint8], threshold: float, how: Refinement, core: int | None
) -> NDArray[np.unsignedinteger[Any]]:
    """Numbered objects of the first class, in the smallest type that holds the numbers.

    Args:
        dense: ``(K, *S)`` as `predict_array` returns it.
        threshold: Of the first class.
        how: Watershed, components, ...
        core: Index of the channel of cores in ``dense``; None where there is none.
    """
    objects = how(dense[0], threshold, None if core is None else dense[core])
    return objects.astype(np.uint16 if objects.max(initial=0) < 2**16 else np.uint32)


def _changed(settings: Inference, changes: dict[str, Any]) -> Inference:
    given = {key: value for key, value in changes.items() if value is not None}
    try:
        return Inference.model_validate({**settings.model_dump(), **given})
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise SpecError(f"expected sound settings of prediction, got {given}: {reason}") from None


def _head(run: Run, settings: Inference) -> Head:
    used = settings.model_dump(mode="json", exclude={"threshold"})
    fixed = settings.threshold
    return Head(
        classes=run.classes,
        thresholds=run.thresholds if isinstance(fixed, str) else (fixed,) * len(run.classes),
        provenance=Provenance(
            run=str(run.folder),
            weights_sha256=run.weights_sha256,
            split_hash=run.record.split_hash,
            version=__version__,
        ),
        trained_on=run.record.trained_on,
        settings={**used, "resize": run.blueprint.resize, "core": run.blueprint.core},
    )


def _predict_all(
    run: Run,
    settings: Inference,
    how: Refinement | None,
    head: Head,
    items: Sequence[Item],
    out: Path,
) -> dict[str, str]:
    """Predict and write ``items``; the reason for each that failed."""
    failed: dict[str, str] = {}
    write = functools.partial(_write, out, head.thresholds[0], how, run.blueprint.core)
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        writing: deque[Future[None]] = deque()
        for item, image in track(_read_ahead(items, reader), "predict", len(items)):
            try:
                dense = predict_array(run, image.result(), settings)
            except InklingsError as error:
                failed[item.case] = str(error)
                continue
            writing.append(writer.submit(write, item, dense))
            if len(writing) > _AHEAD:
                writing.popleft().result()
        for future in writing:
            future.result()
    report_failures(out, items, failed)
    return failed


def _refinement(settings: Inference) -> Refinement | None:
    chosen: Component | None = settings.instances
    return None if chosen is None else REFINEMENTS.build(chosen.name, chosen.options)


def _read_ahead(
    items: Sequence[Item], reader: ThreadPoolExecutor
) -> Iterator[tuple[Item, Future[NDArray[Any]]]]:
    """Items with their image, a few of which are being decoded meanwhile."""
    pending: deque[tuple[Item, Future[NDArray[Any]]]] = deque()
    for item in items:
        pending.append((item, reader.submit(_read, item)))
        if len(pending) > _AHEAD:
            yield pending.popleft()
    yield from pending


def _read(item: Item) -> NDArray[Any]:
    """The channels of all images of a case, ``(C, *S)``."""
    planes = []
    for path in item.images:
        with open_image(path) as image:
            planes.append(image.read(image.geometry.full))
    if len({plane.shape[1:] for plane in planes}) > 1:
        sizes = [plane.shape[1:] for plane in planes]
        raise GeometryError(f"case {item.case}: expected images of one size, got {sizes}")
    return planes[0] if len(planes) == 1 else np.concatenate(planes)


def _write(
    out: Path,
    threshold: float,
    how: Refinement | None,
    core: int | None,
    item: Item,
    dense: NDArray[np.uint8],
) -> None:
    objects = None
    if how is not None:
        objects = find_objects(dense, threshold, how, core)
    Prediction(item.case, item.images[0], dense, objects).write(out)
