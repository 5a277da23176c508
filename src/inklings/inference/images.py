"""Pictures, volumes and slides through one network: probabilities on the grid of the image."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from inklings.data.tissue_finder import finder
from inklings.errors import DataError, InklingsError, SpecError
from inklings.inference.cohort_threshold import looks_incomplete, priors_of, put
from inklings.inference.dense import OF_VOLUMES, largest_of, settings_of, thresholds_of
from inklings.inference.device import best_device
from inklings.inference.items import Inputs, Item
from inklings.inference.pictures import PicturePredictor
from inklings.inference.predictor import Options, Predictor
from inklings.inference.slide_cases import CaseTask, is_slide, opened, write_areas
from inklings.inference.slide_grid import SLIDE_OPTIONS, SlideSettings
from inklings.parallel import over_cases
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.head import BY_PRIOR, Head
from inklings.progress import note, track
from inklings.refinement import REFINEMENTS
from inklings.runs.run import ModelConfig, Run
from inklings.spec import Inference

_COMMON = ("split", "series", "images", "mirroring", "threshold", "threshold_by", "instances")
_OF_PICTURES = ("refine", *SLIDE_OPTIONS)
_OF_INFERENCE = ("mirroring", "threshold", "instances", "components")


class ImagePredictor(Predictor):
    """Runs of the task segmentation."""

    def __init__(self, run: Path, inputs: Sequence[Path], options: Options) -> None:
        given: dict[str, Any] = {k: v for k, v in options.items() if v is not None}
        self._slides = SlideSettings(**{k: v for k, v in given.items() if k in SLIDE_OPTIONS})
        finder(self._slides.tissue)
        if isinstance(name := given.get("instances"), str):
            REFINEMENTS.require(name, {})
        self._refine: str | None = given.get("refine")
        if self._refine not in (None, "crf"):
            raise SpecError(f"--refine: expected crf, got {self._refine!r}")
        self.run, self._loaded = run, Run.load(run).folded()
        learnt = self._loaded.model_config
        self._settings = _changed(
            settings_of(self._loaded), {k: given[k] for k in _OF_INFERENCE if k in given}
        )
        if learnt.volumes is not None and learnt.orientation is None:
            note(
                f"{run}: learnt from volumes as their files store them (version 0.1.0): volumes "
                "that are stored in another orientation are predicted wrongly; train again for "
                "one rule"
            )
        if learnt.volumes is None and self._settings.components != "all":
            raise SpecError(f"components {self._settings.components!r}: {OF_VOLUMES}")
        self._inputs = Inputs(
            tuple(inputs), given.get("split"), given.get("series"), given.get("images")
        )
        self._items: dict[str, Item] = {}
        self.unusable: dict[str, str] = {}
        for case, item in self._inputs.items().items():
            self._items[case] = item
            try:
                self._items[case] = item.ordered(learnt.inputs)
            except DataError as error:
                self.unusable[case] = str(error)
        self.cases = {case: item.path for case, item in self._items.items()}
        by_prior = _by_prior(self._loaded, given.get("threshold_by"), self._settings, self._refine)
        head = _head(self._loaded, self._settings, self._slides, self._refine)
        self.head = dataclasses.replace(head, settings={**head.settings, **by_prior})

    @classmethod
    def allowed(cls, run: Path) -> tuple[str, tuple[str, ...]]:
        """Volumes have no tissue, pictures and slides no components."""
        if ModelConfig.read(run).volumes is not None:
            return "a run that learnt from volumes", (*_COMMON, "components")
        return "a run that learnt from pictures or slides", (*_COMMON, *_OF_PICTURES)

    def task(self, out: Path) -> Callable[[str], None]:
        """Predicts a picture, a volume or a slide."""
        return self._task(out, watched=False)

    def _task(self, out: Path, watched: bool) -> CaseTask:
        inputs, run = self._inputs.resolved(), self.run.resolve()
        thresholds = self.head.thresholds
        crf = self._refine is not None
        return CaseTask(run, out, inputs, self._settings, self._slides, thresholds, watched, crf)

    def here(self, out: Path, todo: Sequence[str]) -> dict[str, str]:
        """Pictures and volumes in one stream, slides one after the other."""
        run = self._loaded
        run.model.to(best_device())
        pictures = PicturePredictor(
            run, self._settings, self.head.thresholds, out, self._refine is not None
        )
        failed: dict[str, str] = {}
        plain: list[Item] = []
        large: dict[str, Item] = {}
        for case in todo:
            item = self._items[case]
            try:
                with opened(item, self._slides) as image:
                    if is_slide(image, item, run.model_config):
                        large[case] = item
                    else:
                        plain.append(item)
            except InklingsError as error:
                failed[case] = str(error)
        if plain:
            failed |= pictures.predict_all(plain)
        if large:
            task = self._task(out, watched=True)
            failed |= over_cases(
                lambda case: task.predict(run, large[case]),
                list(large),
                out=out,
                what="predict",
                told=False,
            ).failed
        return failed

    def settle(self, there: PredictionFolder) -> None:
        """Thresholds by the prior, and everything that was cut at the old ones cut anew."""
        if BY_PRIOR not in self.head.settings or (head := put(there)) is None:
            return
        cut = there.slides | (set(there.cases) if self._settings.instances else set())
        task = self._task(there.path, watched=False)
        again = dataclasses.replace(task, thresholds=head.thresholds)
        for case in track(sorted(cut), "cut", len(cut)):
            again.cut(case)
        head.write(there.path)

    def finish(self, there: PredictionFolder) -> None:
        """The areas of all slides."""
        write_areas(there)


def _by_prior(
    run: Run, rule: str | None, settings: Inference, refine: str | None
) -> Mapping[str, Any]:
    """What the head says where thresholds are put by the prior; nothing where they are not."""
    if rule is None or (rule == "auto" and not looks_incomplete(run)):
        return {}
    if refine is not None:
        raise SpecError("--refine crf: expected thresholds that stand; 'inklings refine' after it")
    if largest_of(run, settings):
        raise SpecError(
            "--threshold prior: expected --components all, since which component is largest "
            "depends on the threshold"
        )
    return {BY_PRIOR: list(priors_of(run))}


def _changed(settings: Inference, given: dict[str, Any]) -> Inference:
    try:
        return Inference.model_validate({**settings.model_dump(), **given})
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise SpecError(f"expected sound settings of prediction, got {given}: {reason}") from None


def _head(run: Run, settings: Inference, slides: SlideSettings, refine: str | None) -> Head:
    used = settings.model_dump(mode="json", exclude={"threshold", "components"})
    return Head(
        classes=run.classes,
        thresholds=thresholds_of(run, settings),
        provenance=run.provenance,
        trained_on=run.record.trained_on,
        settings={
            **used,
            "resize": run.model_config.resize,
            "core": run.model_config.core,
            "refine": refine,
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
