"""Slides, and whatever else there is, case by case: in this process or in any other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from inklings.data.tissue_finder import finder
from inklings.errors import DataError
from inklings.files import write_text
from inklings.inference.ensemble import Ensemble
from inklings.inference.items import SLIDES, Inputs, Item
from inklings.inference.pictures import PicturePredictor, read_item
from inklings.inference.predictor import loaded_all
from inklings.inference.slide_grid import SlideSettings
from inklings.inference.slides import Job, cut_slide, predict_slide
from inklings.predictions.dense import DensePrediction
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.slides import SlidePrediction, slide_written, table
from inklings.readers.image import Image
from inklings.readers.notes import Note
from inklings.readers.pyramid import Pyramid
from inklings.runs.run import ModelConfig, Run

_SAME = 0.01  # spacings that differ by less, as a share, are one
_LARGE = 64_000_000  # samples from which no single-level file is a plain picture


@dataclass(frozen=True)
class CaseTask:
    """Predict one case, by name; small enough to travel to another machine.

    Attributes:
        how: By which runs, their windows, and how the mean is cut.
        out: Folder of predictions.
        inputs: Where the cases come from.
        slides: Grid, maps and tissue of slides.
        watched: Whether to show how many windows are done.
        crf: Whether probabilities of pictures follow the edges of the image.
    """

    how: Ensemble
    out: Path
    inputs: Inputs
    slides: SlideSettings
    watched: bool = False
    crf: bool = False

    def __call__(self, case: str) -> None:
        """Predict ``case``, slide or picture, and write what belongs to it."""
        runs = loaded_all(self.how.folders, self.inputs.call)
        item = self.inputs.once(Inputs.items)[case]
        self.predict(runs, item.ordered(runs[0].model_config.inputs))

    def predict(self, runs: Sequence[Run], item: Item) -> None:
        """As above, with what is at hand already."""
        with opened(item, self.slides) as image:
            if not is_slide(image, item, runs[0].model_config):
                pictures = PicturePredictor(runs, self.how, self.out, self.crf)
                pictures.cut(pictures.predict(item, read_item(item)))
                return
            if self.crf:
                raise DataError(
                    f"case {item.case}: --refine crf: expected a picture that is predicted whole, "
                    "got a slide; leave it out, or cut tiles"
                )
            with slide_written(self.out, item.case) as folder:
                job = self._job(item)
                predict_slide(runs, image, finder(self.slides.tissue), job, folder)

    def cut(self, case: str) -> None:
        """Cut what is predicted of ``case`` at these thresholds: objects, or maps of a slide."""
        runs = loaded_all(self.how.folders, self.inputs.call)
        there = PredictionFolder.open(self.out)
        if case not in there.slides:
            pictures = PicturePredictor(runs, self.how, self.out)
            pictures.cut(DensePrediction.read(self.out, case))
            return
        item = self.inputs.once(Inputs.items)[case].ordered(runs[0].model_config.inputs)
        with opened(item, self.slides) as image, slide_written(self.out, case) as folder:
            job = self._job(item)
            cut_slide(runs[0], image, finder(self.slides.tissue), job, folder, self.out)

    def _job(self, item: Item) -> Job:
        how = self.how
        cut = how.thresholds
        return Job(item.case, item.path, how.settings[0], self.slides, cut, self.watched)


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


def write_areas(there: PredictionFolder) -> None:
    """Write ``areas.csv`` with all slides predicted so far."""
    slides = [SlidePrediction.read(there.path, case) for case in sorted(there.slides)]
    if slides:
        write_text(there.path / "areas.csv", table(slides))
