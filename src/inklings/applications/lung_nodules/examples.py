"""What the judges learn from: boxes around candidates and nodules, cut once and kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from inklings.applications.lung_nodules import lungs
from inklings.applications.lung_nodules.judge import inputs_of
from inklings.applications.lung_nodules.spec import NODULE, WINDOW_HU, BoxExperiment
from inklings.cache import Cache, digest, recipe
from inklings.cohorts.case import Case
from inklings.data import boxes as data_boxes
from inklings.data.batches import Crop
from inklings.data.boxes import BoxTransforms, Triple, cut_box
from inklings.detection import candidates, scan
from inklings.detection.candidates import Candidate, detect
from inklings.detection.find import settings_of
from inklings.detection.gather import image_key, opened
from inklings.detection.scan import prepare, to_grey, whole
from inklings.labels.kinds import BallLabel
from inklings.progress import track
from inklings.runs.run import Run

_MAKERS = (scan, lungs, candidates, data_boxes)
_MARGIN = 4  # samples on each side, so that shifts and turns need not repeat the border
_CANDIDATES = 40
_EASY = 0.02  # how often a candidate of no heat comes up, beside one that is certain
_SIZE_ERROR = 0.14  # of the logarithm: what detector and outline get wrong on scans not seen


@dataclass(frozen=True)
class CandidateBoxes:
    """Boxes of one or many cases.

    Attributes:
        cubes: ``(n, *sides + margin)`` uint8.
        diameter_mm: ``(n,)`` as the cascade would know it.
        positive: ``(n,)`` bool: a nodule; or, for malignancy, a malignant one.
        value: ``(n,)`` what is learnt, 0 to 1: whether it is positive; for malignancy the mean of
            the readers' ratings, 0 where all said 1 and 1 where all said 5, if there are ratings.
        case: ``(n,)`` index of the case, for tests by patient.
        point_mm: ``(n, 3)``.
        score: ``(n,)`` heat of the detector; 1 at what is annotated.
    """

    cubes: NDArray[np.uint8]
    diameter_mm: NDArray[np.float64]
    positive: NDArray[np.bool_]
    value: NDArray[np.float64]
    case: NDArray[np.int64]
    point_mm: NDArray[np.float64]
    score: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.positive)

    @property
    def lacks(self) -> str:
        """What is missing to tell two classes apart; nothing where both are there."""
        count, yes = len(self), int(self.positive.sum())
        return "" if 0 < yes < count else f"both classes, got {yes} positive of {count}"


def boxes_of(
    case: Case, experiment: BoxExperiment, detector: Run | None, cache: Cache | None = None
) -> CandidateBoxes:
    """Boxes of one case; what is cut is kept in ``cache``, what was said of it never is.

    With a detector: boxes at what it finds, and at the nodules themselves. A candidate nearer to a
    nodule than its radius is positive, as LUNA16 counts; so is every annotated centre, found or
    not.

    Without: boxes at the nodules whose malignancy somebody said. Four readers say more than the
    yes or no that is made of them: a nodule that got 3, 3, 3, 1 and one that got 1, 1, 1, 1 are
    both benign.
    """
    balls = _balls(case)
    if detector is None:
        balls = [ball for ball in balls if ball.malignant is not None]
    places = [(ball.centre_mm, float(ball.diameter_mm or 0)) for ball in balls]
    asked = (places, experiment.boxes.sides, experiment.boxes.spacing_mm, _MARGIN, _CANDIDATES)
    key = digest(image_key(case), asked, _state(detector), recipe(*_MAKERS))
    kept = (cache or Cache()).arrays("boxes", key, lambda: _cut(case, places, experiment, detector))
    points = kept["point_mm"].tolist()
    if detector is None:
        positive = [bool(ball.malignant) for ball in balls]
        value = [
            (np.mean(ball.ratings) - 1) / 4 if ball.ratings else float(yes)
            for ball, yes in zip(balls, positive, strict=True)
        ]
    else:
        found = points[: len(points) - len(balls)]
        positive = [_hit(point, balls) for point in found] + [True] * len(balls)
        value = list(map(float, positive))
    number = np.zeros(len(points), np.int64)
    return CandidateBoxes(
        **kept, positive=np.array(positive, bool), value=np.array(value, float), case=number
    )


def collect(
    cases: Sequence[Case],
    experiment: BoxExperiment,
    detector: Run | None,
    cache: Cache | None = None,
) -> CandidateBoxes:
    """Boxes of all cases."""
    parts = []
    for number, case in enumerate(track(cases, "boxes", len(cases))):
        one = boxes_of(case, experiment, detector, cache)
        parts.append(dataclasses.replace(one, case=np.full(len(one), number)))
    merged = {
        f.name: np.concatenate([getattr(part, f.name) for part in parts])
        for f in dataclasses.fields(CandidateBoxes)
    }
    return CandidateBoxes(**merged)


class BoxCrops:
    """Draws boxes, ``share`` of them positive, and changes them.

    Negative ones come up the more often the surer the detector was: most candidates of a scan are
    easy, and what is to be learnt is where the detector errs.

    Args:
        boxes: What to draw from.
        experiment: Sides, share and augmentation.
    """

    def __init__(self, boxes: CandidateBoxes, experiment: BoxExperiment) -> None:
        self.boxes, self.sides = boxes, experiment.boxes.sides
        self.share = experiment.boxes.positives
        self.change = BoxTransforms(experiment.boxes.augment)
        self._of = [np.flatnonzero(~boxes.positive), np.flatnonzero(boxes.positive)]
        weight = boxes.score[self._of[0]] + _EASY
        self._below = np.cumsum(weight) / weight.sum()

    def __call__(self, rng: Generator) -> Crop:
        """Inputs ``(2, *sides)``, value ``(1,)``, known ``(1,)``."""
        if rng.random() < self.share:
            index = int(rng.choice(self._of[1]))
        else:
            place = int(np.searchsorted(self._below, rng.random()))
            index = int(self._of[0][min(place, len(self._below) - 1)])
        cube = self.change(self.boxes.cubes[index], self.sides, rng)
        mm = float(self.boxes.diameter_mm[index]) * float(np.exp(rng.normal(0, _SIZE_ERROR)))
        value = np.array([self.boxes.value[index]], np.float32)
        return inputs_of(cube, mm), value, np.ones(1, bool)


def _balls(case: Case) -> list[BallLabel]:
    return [
        label
        for label in case.labels
        if isinstance(label, BallLabel) and label.name == NODULE and label.diameter_mm is not None
    ]


def _hit(point: Sequence[float], nodules: Sequence[BallLabel]) -> bool:
    return any(
        np.linalg.norm(np.subtract(point, ball.centre_mm)) < (ball.diameter_mm or 0) / 2
        for ball in nodules
    )


def _state(detector: Run | None) -> object:
    """All of a detector that what it finds depends on."""
    if detector is None:
        return None
    weights = {k: v.detach().cpu().numpy() for k, v in detector.model.state_dict().items()}
    return detector.model_config, settings_of(detector).model_dump(mode="json"), weights


def _cut(
    case: Case,
    places: Sequence[tuple[tuple[float, float, float], float]],
    experiment: BoxExperiment,
    detector: Run | None,
) -> dict[str, NDArray[Any]]:
    """Boxes at what a detector finds, if there is one, and then at ``places``."""
    with opened(case) as image:
        values, geometry = whole(image)
    found: Sequence[Candidate] = ()
    if detector is not None:
        settings = settings_of(detector)
        seen = prepare(values, geometry, settings)
        many = settings.model_copy(update={"min_score": 0.0, "max_candidates": _CANDIDATES})
        found = detect(detector.model, seen, many).candidates
    places = [*((one.point_mm, one.diameter_mm) for one in found), *places]
    scores = [one.score for one in found] + [1.0] * (len(places) - len(found))
    sides: Triple = tuple(n + 2 * _MARGIN for n in experiment.boxes.sides)  # type: ignore[assignment]
    mm = experiment.boxes.spacing_mm
    cubes = [
        to_grey(cut_box(values, geometry, point, sides, mm), *WINDOW_HU) for point, _ in places
    ]
    return {
        "cubes": np.stack(cubes) if cubes else np.zeros((0, *sides), np.uint8),
        "diameter_mm": np.array([size for _, size in places], float),
        "point_mm": np.array([point for point, _ in places], float).reshape(-1, 3),
        "score": np.array(scores, float),
    }
