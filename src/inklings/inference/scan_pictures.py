"""Pictures segmented by a run that has learnt from bags of patches: a raster scan of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inklings.errors import SpecError
from inklings.inference.device import best_device
from inklings.inference.ensemble import Ensemble
from inklings.inference.items import Inputs
from inklings.inference.pictures import Content, PicturePredictor, read_item
from inklings.inference.predictor import Options, Predictor, loaded
from inklings.inference.scan import patch_shape, scan
from inklings.predictions.head import Head
from inklings.refinement import REFINEMENTS
from inklings.runs.run import Run
from inklings.spec import Component, Inference


@dataclass(frozen=True)
class ScanSettings:
    """How pictures are scanned.

    Attributes:
        stride: Samples between patches.
        thresholds: One a class.
        instances: How objects of the first class are separated; None where they are not.
        crf: Whether probabilities follow the edges of the picture before they are cut.
    """

    stride: int
    thresholds: tuple[float, ...]
    instances: Component | None
    crf: bool


class Scanner(PicturePredictor):
    """Scans picture after picture."""

    def __init__(self, run: Run, how: ScanSettings, out: Path) -> None:
        settings = Inference(instances=how.instances)
        super().__init__((run,), Ensemble((), (settings,), how.thresholds), out, how.crf)
        self._scanned, self._stride = run, how.stride

    def maps(self, content: Content) -> tuple[NDArray[np.uint8], None]:
        """What the classifier says around every sample, ``(K, H, W)``."""
        return scan(self._scanned, content.samples, self._stride), None


class ScanPredictor(Predictor):
    """Runs of the task bags whose instances are pictures; inputs are larger pictures."""

    options = ("split", "series", "threshold", "instances", "refine", "stride")

    def __init__(self, run: Path, inputs: Sequence[Path], options: Options) -> None:
        self.run, self._loaded = run, Run.load(run).folded()
        shape, stride = patch_shape(self._loaded), options.get("stride") or 1
        if not 1 <= stride <= min(shape[1:]):
            raise SpecError(
                f"--stride: expected 1 to {min(shape[1:])}, the side of a patch, got {stride}"
            )
        chosen: Any = options.get("instances")
        instances = None if chosen is None else Component.model_validate(chosen)
        if instances is not None:
            REFINEMENTS.require(instances.name, instances.options)
        if (refine := options.get("refine")) not in (None, "crf"):
            raise SpecError(f"--refine: expected crf, got {refine!r}")
        self._inputs = Inputs(tuple(inputs), options.get("split"), options.get("series"))
        self._items = self._inputs.items()
        self.cases = {case: item.path for case, item in self._items.items()}
        self.unusable = {}
        threshold = options.get("threshold")
        learnt, classes = self._loaded, self._loaded.classes
        self.head = Head(
            classes=classes,
            thresholds=learnt.thresholds if threshold is None else (threshold,) * len(classes),
            provenance=learnt.provenance,
            trained_on=learnt.record.trained_on,
            settings={
                "patch": list(shape[1:]),
                "stride": stride,
                "refine": refine,
                "instances": None if instances is None else instances.model_dump(mode="json"),
            },
        )
        crf = refine is not None
        self._settings = ScanSettings(stride, self.head.thresholds, instances, crf)

    @classmethod
    def allowed(cls, run: Path) -> tuple[str, tuple[str, ...]]:  # noqa: ARG003
        """A scan has no windows and no mirror images."""
        return "pictures that a run on bags scans", cls.options

    def task(self, out: Path) -> Callable[[str], None]:
        """Scans one picture."""
        return partial(_one, self.run.resolve(), self._inputs.resolved(), self._settings, out)

    def here(self, out: Path, todo: Sequence[str]) -> dict[str, str]:
        """One after the other; the next is read meanwhile."""
        self._loaded.model.to(best_device())
        scanner = Scanner(self._loaded, self._settings, out)
        return scanner.predict_all([self._items[case] for case in todo])


def _one(run: Path, inputs: Inputs, settings: ScanSettings, out: Path, case: str) -> None:
    """One picture, in any process."""
    item = inputs.once(Inputs.items)[case]
    scanner = Scanner(loaded(run, inputs.call), settings, out)
    scanner.cut(scanner.predict(item, read_item(item)))
