"""Volumes through a detector: findings in mm of the patient."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import ClassVar

from inklings import __version__
from inklings.detection.find import find, settings_of, threshold_of
from inklings.detection.gather import image_name
from inklings.detection.scan import whole
from inklings.errors import DataError, SpecError
from inklings.inference.features import plain, statistics_of, watched
from inklings.inference.items import Inputs, Item
from inklings.inference.predictor import (
    Options,
    Predictor,
    as_asked,
    loaded,
    say_unlike,
    told,
)
from inklings.orientation import CANONICAL
from inklings.parallel import over_cases
from inklings.predictions import findings as files
from inklings.predictions.findings import Findings
from inklings.predictions.folder import PredictionFolder
from inklings.predictions.head import Head, Provenance
from inklings.progress import note
from inklings.runs.run import Run


class DetectionPredictor(Predictor):
    """Runs of the task detection."""

    options: ClassVar[tuple[str, ...]] = ("split", "series", "threshold", "calibration")
    what = "a detector"

    def __init__(self, run: Path, inputs: Sequence[Path], options: Options) -> None:
        self._calibration = options.get("calibration")
        self._loaded = as_asked(Run.load(run), self._calibration)
        self._list(run, inputs, options, self._loaded, settings_of(self._loaded).image)
        self._threshold = chosen(options, threshold_of(self._loaded))
        self.head = Head(
            classes=self._loaded.classes,
            thresholds=(self._threshold,),
            provenance=Provenance(
                run=str(run),
                weights_sha256=self._loaded.weights_sha256,
                split_hash=self._loaded.record.split_hash,
                version=__version__,
            ),
            trained_on=self._loaded.trained_on,
            settings=told(self._loaded),
            kind="findings",
        )

    def _list(
        self, run: Path, inputs: Sequence[Path], options: Options, detector: Run, image: str | None
    ) -> None:
        if detector.model_config.orientation is None:
            note(
                f"{run}: trained by 0.1, as its scans lay; scans are turned to {CANONICAL} now, so "
                "findings differ where they lie otherwise: train again"
            )
        self.run, self._detector = run, detector
        self.inputs = Inputs(tuple(inputs), options.get("split"), options.get("series"))
        self.items = self.inputs.items()
        unusable: dict[str, str] = {}
        for case, item in self.items.items():
            try:
                self.items[case] = searched(item, image)
            except DataError as error:
                unusable[case] = str(error)
        self.unusable = unusable
        self.cases = {case: item.path for case, item in self.items.items()}

    @classmethod
    def allowed(cls, run: Path) -> tuple[str, tuple[str, ...]]:  # noqa: ARG003
        """Findings are places, without a mask."""
        return cls.what, cls.options

    def task(self, out: Path) -> Callable[[str], None]:
        """Searches one volume."""
        how = (self.run.resolve(), self.inputs.resolved(), self._threshold, self._calibration)
        return partial(_one, *how, out)

    def search(self, item: Item, out: Path) -> None:
        """Search one volume, in this process."""
        _search(self._loaded, item, self._threshold, out)

    def here(self, out: Path, todo: Sequence[str]) -> dict[str, str]:
        """One volume after the other."""
        return over_cases(
            lambda case: self.search(self.items[case], out),
            todo,
            out=out,
            what="predict",
            told=False,
        ).failed

    def finish(self, there: PredictionFolder) -> None:
        """``findings.csv``: all findings that there are; and which scans are unlike others."""
        if there.cases:
            files.write_table(files.read_all(there.path), there.path / files.TABLE)
        say_unlike(there, self._detector, self.inputs.paths)


def chosen(options: Options, trained: float) -> float:
    """The threshold that is asked for, or that of the run.

    Raises:
        SpecError: If it is none.
    """
    asked = options.get("threshold")
    if asked is not None and not 0 < asked < 1:
        raise SpecError(f"--threshold: expected a number above 0 and below 1, got {asked}")
    return trained if asked is None else asked


def searched(item: Item, image: str | None) -> Item:
    """With the one image of a case that is searched: the one called so, or the only one.

    Raises:
        DataError: If it has no such image, or several.
    """
    name = image_name(item.case, item.images, image)
    return replace(item, images={name: item.images[name]})


def source(item: Item) -> dict[str, str]:
    """Which file findings are of, for their facts."""
    return {"image": str(item.path), **({"series": item.choice} if item.choice else {})}


def _one(
    run: Path, inputs: Inputs, threshold: float, calibration: bool | None, out: Path, case: str
) -> None:
    """One volume, in any process."""
    detector = as_asked(loaded(run, inputs.call), calibration)
    item = searched(inputs.once(Inputs.items)[case], settings_of(detector).image)
    _search(detector, item, threshold, out)


def _search(run: Run, item: Item, threshold: float, out: Path) -> Findings:
    started = time.perf_counter()
    with item.open() as image:
        values, geometry = whole(image)
        read = time.perf_counter()
        with watched(run) as features:
            found = find(run, values, geometry, item.case)
        if features is not None:
            said = statistics_of(run, values[None], geometry, features)[1]
            found = replace(found, statistics=plain(said))
    seconds = {"reading": read - started, "finding": time.perf_counter() - read}
    rounded = {name: round(value, 3) for name, value in seconds.items()}
    facts = {**found.facts, **source(item), "threshold": threshold, "seconds": rounded}
    found = replace(found, facts=facts)
    found.write(out)
    return found
