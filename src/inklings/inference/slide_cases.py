"""Slides, and whatever else there is, case by case: in this process or in any other."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from inklings.data.tissue_finder import finder
from inklings.files import write_text
from inklings.inference.device import best_device
from inklings.inference.items import SLIDES, Item
from inklings.inference.pictures import Pictures, read_item
from inklings.inference.slide_grid import SlideSettings
from inklings.inference.slides import Job, predict_slide
from inklings.machine import cores
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.slides import SlidePrediction, slide_written, table
from inklings.readers.image import Image
from inklings.readers.notes import Note
from inklings.readers.pyramid import Pyramid
from inklings.runs.run import ModelConfig, Run
from inklings.spec import Inference

_SAME = 0.01  # spacings that differ by less, as a share, are one
_LARGE = 64_000_000  # samples from which no single-level file is a plain picture


@dataclass(frozen=True)
class CaseTask:
    """Predict one case, by name; small enough to travel to another machine.

    Attributes:
        run: Folder of the run.
        out: Folder of predictions.
        listing: File that says what each case is, written by `write_listing`.
        settings: Window, overlap, flips, objects.
        slides: Grid, maps and tissue of slides.
        thresholds: One a class.
        threads: Of the network; None for as many as there are cores.
        watched: Whether to show how many windows are done.
    """

    run: Path
    out: Path
    listing: Path
    settings: Inference
    slides: SlideSettings
    thresholds: tuple[float, ...]
    threads: int | None = None
    watched: bool = False

    def __call__(self, case: str) -> None:
        """Predict ``case``, slide or picture, and write what belongs to it."""
        run = _loaded(self.run, self.threads)
        item = _listed(self.listing)[case]
        self.predict(run, item)

    def predict(self, run: Run, item: Item) -> None:
        """As above, with what is at hand already."""
        with opened(item, self.slides) as image:
            if not is_slide(image, item, run.model_config):
                pictures = Pictures(run, self.settings, self.thresholds[0], self.out)
                content = read_item(item)
                pictures.write(item, pictures.predict(content), content.geometry)
                return
            job = Job(
                item.case,
                item.path,
                self.settings,
                self.slides,
                self.thresholds,
                self.watched,
            )
            with slide_written(self.out, item.case) as folder:
                predict_slide(run, image, finder(self.slides.tissue), job, folder)


def opened(item: Item, slides: SlideSettings) -> Image:
    """The first image of a case.

    A spacing that was given goes before that of the cohort, and before that of the file only where
    it is to overrule it.

    Raises:
        ReaderError: If it cannot be opened.
    """
    if slides.spacing_um is None:
        return item.open()
    given = item.open(spacing_mm=slides.spacing_um / 1000)
    if slides.overrule_spacing or not isinstance(given, Pyramid):
        return given
    says = replace(item, spacing_mm=None).open().geometry.spacing
    if says is None:
        return given
    own = item.open()
    differ = abs(says[0] * 1000 / slides.spacing_um - 1) > _SAME
    if not (differ and isinstance(own, Pyramid)):
        return own
    text = (
        f"the file says {says[0] * 1000:.4g} um a pixel, --spacing-um {slides.spacing_um:.4g}: "
        "that of the file taken (--overrule-spacing takes the other)"
    )
    return replace(own, notes=(*own.notes, Note("spacing", text)))


def is_slide(image: Image, item: Item, model_config: ModelConfig) -> bool:
    """Whether a case is predicted as a slide, which is read and written region by region.

    A tiled file is one if it has several levels, is called like one, is huge, or if the run
    learnt from slides.
    """
    if not isinstance(image, Pyramid) or len(item.images) > 1:
        return False
    learnt = model_config.spacing_um is not None or model_config.factor is not None
    called = item.path.suffix.lower() in SLIDES
    huge = image.geometry.shape[0] * image.geometry.shape[1] > _LARGE
    return learnt or called or huge or len(image.downsamples) > 1


def write_listing(out: Path, items: Sequence[Item]) -> Path:
    """Say in a file what each case is, for processes elsewhere."""
    path = (out / ".inputs.json").resolve()
    record = {
        i.case: [{k: str(p) for k, p in i.images.items()}, i.spacing_mm, dict(i.choices)]
        for i in items
    }
    write_text(path, json.dumps(record))
    return path


def write_areas(out: Path) -> None:
    """Write ``areas.csv`` with all slides predicted so far."""
    there = sorted(PredictionFolder.open(out).slides)
    slides = [SlidePrediction.read(out, case) for case in there]
    if slides:
        write_text(out / "areas.csv", table(slides))


@functools.lru_cache(maxsize=1)
def _loaded(run: Path, threads: int | None) -> Run:
    if threads is not None:
        torch.set_num_threads(threads)
    loaded = Run.load(run).folded()
    loaded.model.to(best_device())
    return loaded


@functools.lru_cache(maxsize=1)
def _listed(path: Path) -> dict[str, Item]:
    record = json.loads(path.read_text(encoding="utf-8"))
    return {
        case: Item(case, {k: Path(p) for k, p in images.items()}, spacing, choices)
        for case, (images, spacing, choices) in record.items()
    }


def shared(task: CaseTask, workers: int | None, scheduler: str | None) -> CaseTask:
    """The task for processes that share this machine, or that have one of their own."""
    threads = max(1, cores() // workers) if workers else None
    return replace(task, threads=threads, watched=not (workers or scheduler))
