"""Predict many images into a folder that can be interrupted and completed at any time.

A case is the unit. Its file, or the folder of a slide, is written whole or not at all, so what is
there is finished and is skipped; an image that cannot be read is set aside in ``failed.json`` with
the reason and tried again next time, and the others go on.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inklings import __version__, progress
from inklings.cohorts.case import Split
from inklings.data.tissue_finder import finder
from inklings.datasets.several import Patterns
from inklings.errors import DataError, InklingsError, SpecError
from inklings.inference.bags import predict_bags
from inklings.inference.dense import (
    OF_VOLUMES,
    largest_of,
    predict_array,
    settings_of,
    thresholds_of,
)
from inklings.inference.device import best_device
from inklings.inference.folder import finished, note_output
from inklings.inference.items import Item, gather
from inklings.inference.pictures import Pictures, find_objects
from inklings.inference.slide_cases import (
    CaseTask,
    is_slide,
    opened,
    shared,
    write_areas,
    write_listing,
)
from inklings.inference.slide_grid import SlideSettings
from inklings.parallel import over_cases, quarantine
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.head import Head, Provenance
from inklings.runs.run import Run
from inklings.spec import Inference

__all__ = ["Summary", "find_objects", "predict", "predict_array"]


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
    series: str | None = None,
    images: Patterns | None = None,
    slides: SlideSettings | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    **changes: Any,
) -> Summary:
    """Predict every image of ``inputs`` into ``out``.

    Args:
        run: Folder made by `inklings train`.
        inputs: Cohorts, folders of pictures or slides, or files.
        out: New folder, or one that this call, interrupted, has begun.
        split: Only the cases of this part of a cohort.
        series: Words that choose one of several DICOM series of a folder or an archive.
        images: Patterns of the images of cases of several, by the names that the run learnt.
        slides: How slides are seen and mapped.
        workers: Processes on this machine that share the cases; None or 0 for this one.
        scheduler: Address of a Dask scheduler whose workers shall do it.
        changes: Fields of `Inference` that replace those of the run's experiment; None keeps.

    Raises:
        InklingsError: If the run or an input is unusable, or ``out`` holds other predictions.
            A single unreadable image raises nothing; it is in the summary.
    """
    start = time.monotonic()
    slides = slides or SlideSettings()
    finder(slides.tissue)
    trained = Run.load(run).folded()
    if trained.model_config.task is not None:
        counts = predict_bags(trained, inputs, out, split=split, threshold=changes.get("threshold"))
        return Summary(*counts, time.monotonic() - start)
    settings = _changed(settings_of(trained), changes)
    if trained.model_config.volumes is not None and trained.model_config.orientation is None:
        progress.note(
            f"{run}: learnt from volumes as their files store them (version 0.1.0): volumes that "
            "are stored in another orientation are predicted wrongly; train again for one rule"
        )
    if trained.model_config.volumes is None and settings.pieces != "all":
        raise SpecError(f"pieces {settings.pieces!r}: {OF_VOLUMES}")
    items, incomplete = _complete(
        gather(inputs, split, series, images), trained.model_config.inputs
    )
    head = _head(trained, settings, slides)
    pictures = Pictures(trained, settings, head.thresholds[0], out)
    there = PredictionFolder.claim(out, head)
    done = finished([item for item in items if item.case not in incomplete], there)
    note_output(run, out)
    todo = [item for item in items if item.case not in done and item.case not in incomplete]
    listing = write_listing(out, todo)
    task = CaseTask(run.resolve(), out.resolve(), listing, settings, slides, head.thresholds)
    task = shared(task, workers, scheduler)
    try:
        if workers or scheduler:
            failed = over_cases(
                task,
                [item.case for item in todo],
                out=out,
                what="predict",
                workers=workers,
                scheduler=scheduler,
                told=False,
            ).failed
        else:
            trained.model.to(best_device())
            failed = _in_this_process(trained, task, pictures, todo, out)
    finally:
        listing.unlink(missing_ok=True)
        write_areas(out)
    predicted, every = len(todo) - len(failed), failed | incomplete
    quarantine(out, every, {item.case for item in items})
    return Summary(predicted, len(done), every, time.monotonic() - start)


def _complete(
    items: Sequence[Item], inputs: Sequence[str]
) -> tuple[tuple[Item, ...], dict[str, str]]:
    """Items with their images in the order of the run, and why some lack one."""
    ordered: list[Item] = []
    incomplete: dict[str, str] = {}
    for item in items:
        try:
            ordered.append(item.ordered(inputs))
        except DataError as error:
            ordered.append(item)
            incomplete[item.case] = str(error)
    return tuple(ordered), incomplete


def _in_this_process(
    run: Run, task: CaseTask, pictures: Pictures, items: Sequence[Item], out: Path
) -> dict[str, str]:
    """Pictures in one stream, slides one after the other; the reason for each that failed."""
    failed: dict[str, str] = {}
    plain: list[Item] = []
    large: dict[str, Item] = {}
    for item in items:
        try:
            with opened(item, task.slides) as image:
                if is_slide(image, item, run.model_config):
                    large[item.case] = item
                else:
                    plain.append(item)
        except InklingsError as error:
            failed[item.case] = str(error)
    if plain:
        failed |= pictures.predict_all(plain)
    if large:
        failed |= over_cases(
            lambda case: task.predict(run, large[case]),
            list(large),
            out=out,
            what="predict",
            told=False,
        ).failed
    return failed


def _changed(settings: Inference, changes: dict[str, Any]) -> Inference:
    given = {key: value for key, value in changes.items() if value is not None}
    try:
        return Inference.model_validate({**settings.model_dump(), **given})
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise SpecError(f"expected sound settings of prediction, got {given}: {reason}") from None


def _head(run: Run, settings: Inference, slides: SlideSettings) -> Head:
    used = settings.model_dump(mode="json", exclude={"threshold", "pieces"})
    return Head(
        classes=run.classes,
        thresholds=thresholds_of(run, settings),
        provenance=Provenance(
            run=str(run.folder),
            weights_sha256=run.weights_sha256,
            split_hash=run.record.split_hash,
            version=__version__,
        ),
        trained_on=run.record.trained_on,
        settings={
            **used,
            "resize": run.model_config.resize,
            "core": run.model_config.core,
            **_volumes(run, settings),
            "slides": slides.record(),
        },
    )


def _volumes(run: Run, settings: Inference) -> dict[str, Any]:
    """How volumes are seen; nothing for runs that learnt from pictures."""
    seen = run.model_config.volumes
    if seen is None:
        return {}
    how = {"volumes": seen.model_dump(mode="json"), "largest": list(largest_of(run, settings))}
    lies = run.model_config.orientation  # what 0.1.0 began can be gone on with
    return how if lies is None else {**how, "orientation": lies}
