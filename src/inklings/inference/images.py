"""Pictures, volumes and slides through one network: probabilities on the grid of the image."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from inklings.data.tissue_finder import finder
from inklings.errors import DataError, InklingsError, SpecError
from inklings.inference.cohort_threshold import looks_incomplete, priors_of, put
from inklings.inference.dense import OF_VOLUMES, calibration_of
from inklings.inference.device import best_device
from inklings.inference.ensemble import Ensemble, provenance_of, read_ensemble
from inklings.inference.items import Inputs, Item
from inklings.inference.pictures import PicturePredictor
from inklings.inference.predictor import Options, Predictor, say_unlike
from inklings.inference.slide_cases import CaseTask, is_slide, opened, write_areas
from inklings.inference.slide_grid import SLIDE_OPTIONS, SlideSettings
from inklings.parallel import over_cases
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.head import BY_PRIOR, CALIBRATION, MEMBERS, Head
from inklings.predictions.uncertainty import write_uncertainty
from inklings.progress import note, track
from inklings.refinement import REFINEMENTS
from inklings.runs.run import ModelConfig, Run

_COMMON = (
    "split", "series", "images", "also", "mirroring", "threshold", "threshold_by", "instances",
    "calibration",
)  # fmt: skip
_OF_PICTURES = ("refine", *SLIDE_OPTIONS)
_SAID_ELSEWHERE = {"threshold", "components", "calibration"}
_OF_INFERENCE = ("mirroring", "threshold", "instances", "components", "calibration")


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
        also = tuple(given.get("also", ()))
        own = {k: given[k] for k in _OF_INFERENCE if k in given}
        self.run, (self._how, self._runs) = run, read_ensemble(run, also, own)
        self._several, self.alone = len(self._runs) > 1, not also
        learnt = self._runs[0].model_config
        if self._several:
            names = ", ".join(str(one) for one in self._how.folders)
            note(f"probabilities of {len(self._runs)} runs are averaged: {names}")
        if learnt.volumes is not None and learnt.orientation is None:
            note(
                f"{run}: trained on volumes as their files store them (version 0.1.0): volumes "
                "that are stored in another orientation are predicted wrongly; train again for "
                "one rule"
            )
        asked = own.get("components", self._how.settings[0].components)
        if learnt.volumes is None and asked != "all":
            raise SpecError(f"components {asked!r}: {OF_VOLUMES}")
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
        by_prior = _by_prior(self._runs, given.get("threshold_by"), self._how, self._refine)
        head = _head(self._runs, self._how, self._slides, self._refine)
        head = dataclasses.replace(head, provenance=provenance_of(run, also, self._runs))
        self.head = dataclasses.replace(head, settings={**head.settings, **by_prior})

    @classmethod
    def allowed(cls, run: Path) -> tuple[str, tuple[str, ...]]:
        """Volumes have no tissue, pictures and slides no components."""
        if ModelConfig.read(run).volumes is not None:
            return "a run trained on volumes", (*_COMMON, "components")
        return "a run trained on 2D images or slides", (*_COMMON, *_OF_PICTURES)

    def task(self, out: Path) -> Callable[[str], None]:
        """Predicts a picture, a volume or a slide."""
        return self._task(out, watched=False)

    def _task(self, out: Path, watched: bool) -> CaseTask:
        folders = tuple(folder.resolve() for folder in self._how.folders)
        how = dataclasses.replace(self._how, folders=folders)
        crf = self._refine is not None
        return CaseTask(how, out, self._inputs.resolved(), self._slides, watched, crf)

    def here(self, out: Path, todo: Sequence[str]) -> dict[str, str]:
        """Pictures and volumes in one stream, slides one after the other."""
        for run in self._runs:
            run.model.to(best_device())
        pictures = PicturePredictor(self._runs, self._how, out, self._refine is not None)
        failed: dict[str, str] = {}
        plain: list[Item] = []
        large: dict[str, Item] = {}
        for case in todo:
            item = self._items[case]
            try:
                with opened(item, self._slides) as image:
                    if is_slide(image, item, self._runs[0].model_config):
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
                lambda case: task.predict(self._runs, large[case]),
                list(large),
                out=out,
                what="predict",
                told=False,
            ).failed
        return failed

    def settle(self, there: PredictionFolder, anew: bool) -> None:
        """Thresholds by the prior, and everything that was cut at the old ones cut anew."""
        if BY_PRIOR not in self.head.settings or (head := put(there, anew)) is None:
            return
        cut = there.slides | (set(there.cases) if self._how.settings[0].instances else set())
        task = self._task(there.path, watched=False)
        again = dataclasses.replace(
            task, how=dataclasses.replace(task.how, thresholds=head.thresholds)
        )
        for case in track(sorted(cut), "cut", len(cut)):
            again.cut(case)
        head.write(there.path)

    def finish(self, there: PredictionFolder) -> None:
        """The areas of all slides, how far runs differ, which images are unlike others."""
        write_areas(there)
        if self._several:
            write_uncertainty(there)
        say_unlike(there, self._runs[0], self._inputs.paths)


def _by_prior(
    runs: Sequence[Run], rule: str | None, how: Ensemble, refine: str | None
) -> Mapping[str, Any]:
    """What the head says where thresholds are put by the prior; nothing where they are not."""
    run = runs[0]
    if rule is not None and len(runs) > 1:
        raise SpecError(
            f"--threshold {rule}: expected one run, whose prior it is, got {len(runs)}; give a "
            "number, or leave it out"
        )
    if rule is None or (rule == "auto" and not looks_incomplete(run)):
        return {}
    if refine is not None:
        raise SpecError("--refine crf: expected thresholds that stand; 'inklings refine' after it")
    if how.largest:
        raise SpecError(
            "--threshold prior: expected --components all, since which component is largest "
            "depends on the threshold"
        )
    return {BY_PRIOR: list(priors_of(run))}


def _head(runs: Sequence[Run], how: Ensemble, slides: SlideSettings, refine: str | None) -> Head:
    used = how.settings[0].model_dump(mode="json", exclude=_SAID_ELSEWHERE)
    learnt = runs[0].model_config
    several = {MEMBERS: [run.provenance.run for run in runs]} if len(runs) > 1 else {}
    return Head(
        classes=runs[0].classes,
        thresholds=how.thresholds,
        provenance=runs[0].provenance,
        trained_on=tuple(sorted({patient for run in runs for patient in run.trained_on})),
        settings={
            **used,
            CALIBRATION: _told(runs, how),
            "resize": learnt.resize,
            "core": learnt.core,
            "refine": refine,
            **_volumes(learnt, how),
            "slides": slides.record(),
            **several,
        },
    )


def _told(runs: Sequence[Run], how: Ensemble) -> list[dict[str, Any]] | None:
    """The maps of each run, by class; None where nothing is mapped."""
    own = [calibration_of(run, settings) for run, settings in zip(runs, how.settings, strict=True)]
    return None if not any(own) else [one.told if one else {} for one in own]


def _volumes(learnt: ModelConfig, how: Ensemble) -> dict[str, Any]:
    """How volumes are seen; nothing for runs that learnt from pictures."""
    if learnt.volumes is None:
        return {}
    seen = {"volumes": learnt.volumes.model_dump(mode="json"), "largest": list(how.largest)}
    lies = learnt.orientation  # what 0.1.0 began can be gone on with
    return seen if lies is None else {**seen, "orientation": lies}
