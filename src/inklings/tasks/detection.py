"""Where objects are, and how large: a centre-point network on volumes of one spacing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from torch import Tensor

from inklings.cache import Cache
from inklings.calibration.evidence import HeldOut, Question
from inklings.cohorts.balls import balls_of, class_of
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.detection.candidates import Candidate, detect
from inklings.detection.crops import DetectorCrops
from inklings.detection.find import settings_of
from inklings.detection.gather import gather, labelled
from inklings.detection.region import REGIONS
from inklings.detection.scan import require_range
from inklings.detection.targets import MEASURED
from inklings.errors import SpecError
from inklings.findings.points import within
from inklings.labels.kinds import IRRELEVANT, BallLabel
from inklings.orientation import CANONICAL
from inklings.progress import track
from inklings.runs.run import ModelConfig, Run
from inklings.spec.detection import Detection, DetectionExperiment
from inklings.tasks.base import Task, require
from inklings.tasks.drawn import prepared_of, require_runs
from inklings.training.fit import Prepared


class DetectionTask(Task[DetectionExperiment]):
    """Learns where objects of one class are, and how large."""

    validates = False

    def check(self, experiment: DetectionExperiment, start: Path | None = None) -> None:
        """Also region, grey range, and the side of the crops, which the network must divide."""
        super().check(experiment, start)
        asked = experiment.detection
        require(REGIONS, asked.region)
        require_range(asked.intensity)
        side, model = asked.side, _model_config(experiment, "object").build()
        if side % model.divisor:
            raise SpecError(
                f"detection.side: expected a multiple of {model.divisor} for model "
                f"{experiment.model.name}, got {side}"
            )
        grid = (side // asked.stride,) * 3
        require_runs(model, experiment, (1, side, side, side), (1 + len(MEASURED), *grid))

    def prepare(
        self,
        experiment: DetectionExperiment,
        cohort: Cohort,
        out: Path,  # noqa: ARG002
        initial: Mapping[str, Tensor] | None,
    ) -> Prepared:
        """Crops of the scans of the training part."""
        asked, cases = experiment.detection, cohort.part("train")
        name = asked.class_name or class_of(cases, experiment.cohort)
        scans = gather(cases, name, asked, Cache.shared())
        draw = DetectorCrops(scans, asked)
        return prepared_of(experiment, _model_config(experiment, name), draw, len(scans), initial)

    def held_out(self, run: Run, cohort: Cohort, scratch: Path) -> HeldOut:  # noqa: ARG002
        """Which findings lie in an object: of several in one the best, as FROC counts.

        Raises:
            SpecError: If findings of the run are scored by a cascade.
        """
        asked = settings_of(run)
        if asked.region.name == "lungs":
            raise SpecError(
                f"{run.folder}: findings in lungs are scored by all stages of a cascade, which are "
                "not calibrated"
            )
        cases, (name,), cache = cohort.part("val"), run.classes, Cache.shared()
        scores, true, numbers = list[float](), list[bool](), list[int]()
        for number, case in enumerate(track(cases, "find", len(cases))):
            scan = labelled(case, name, asked, cache).scan
            found = detect(run.model, scan, asked).candidates
            hits, ignored = hits_of(case, name, found, asked)
            for one, hit, left_out in zip(found, hits, ignored, strict=True):
                if not left_out:
                    scores.append(one.score)
                    true.append(bool(hit))
                    numbers.append(number)
        logit_of = logit(np.clip(np.array(scores, np.float64), *_SCORES))
        yes = np.array(true, np.float64)
        asked_of = Question(logit_of, yes, 1 - yes, np.array(numbers, np.int64))
        return HeldOut((name,), (asked_of,), tuple(case.id for case in cases))


def hits_of(
    case: Case, name: str, found: Sequence[Candidate], asked: Detection
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """``(n,)`` which candidates, best first, are the first in an object, and which say nothing.

    Those say nothing that lie in an object with a better one, or on what is irrelevant.
    """
    points = np.array([one.point_mm for one in found]).reshape(-1, 3)
    there, passed = (
        within(points, *_balls(balls_of(case, (what,)), asked)) for what in (name, IRRELEVANT)
    )
    first = there & (there.cumsum(0) == 1)
    hits: NDArray[np.bool_] = first.any(1)
    ignored: NDArray[np.bool_] = ~hits & (there.any(1) | passed.any(1))
    return hits, ignored


def _balls(
    balls: Sequence[BallLabel], asked: Detection
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centres ``(m, 3)`` and radii ``(m,)``; what nobody measured is as large as is assumed."""
    usual = asked.default_mm or asked.reference_mm
    centres = np.array([ball.centre_mm for ball in balls], np.float64).reshape(-1, 3)
    return centres, np.array([(ball.diameter_mm or usual) / 2 for ball in balls], np.float64)


_SCORES = (1e-6, 1 - 1e-6)


def _model_config(experiment: DetectionExperiment, name: str) -> ModelConfig:
    asked = experiment.detection
    return ModelConfig(
        experiment.model, 1, (name, *MEASURED), (name,), intensity=asked.intensity,
        window=(asked.side,) * 3, orientation=CANONICAL,
    )  # fmt: skip
