"""What the judges learn from: boxes around candidates and nodules, cut once and kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from inklings.applications.lung_nodules import lungs
from inklings.applications.lung_nodules.judge import UNSIZED_MM, inputs_of
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
from inklings.errors import LabelError
from inklings.labels.kinds import BallLabel
from inklings.progress import track
from inklings.runs.run import Run

Published = tuple[NDArray[np.float64], NDArray[np.bool_]]
"""Published candidates of a scan: points ``(N, 3)`` in mm, and which are nodules."""

_MAKERS = (scan, lungs, candidates, data_boxes)
_MARGIN = 4  # samples on each side, so that shifts and turns need not repeat the border
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
        score: ``(n,)`` heat of the detector; 1 at what is annotated or published.
        extra: ``(n,)`` bool: beside the two classes, as what is no nodule is for malignancy.
    """

    cubes: NDArray[np.uint8]
    diameter_mm: NDArray[np.float64]
    positive: NDArray[np.bool_]
    value: NDArray[np.float64]
    case: NDArray[np.int64]
    point_mm: NDArray[np.float64]
    score: NDArray[np.float64]
    extra: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.positive)

    @property
    def lacks(self) -> str:
        """What is missing to tell two classes apart; nothing where both are there."""
        count, yes = int((~self.extra).sum()), int(self.positive.sum())
        return "" if 0 < yes < count else f"both classes, got {yes} positive of {count}"


def boxes_of(
    case: Case,
    experiment: BoxExperiment,
    detector: Run | None,
    cache: Cache | None = None,
    published: Published | None = None,
) -> CandidateBoxes:
    """Boxes of one case; what is cut is kept in ``cache``, what was said of it never is.

    With a detector: boxes at what it finds, and at the nodules themselves. A candidate nearer to a
    nodule than its radius is positive, as LUNA16 counts; so is every annotated centre, found or
    not.

    With published candidates: boxes at these, nodules or not as they say; for malignancy those
    that are no nodules, beside the rated ones.

    Without: boxes at the nodules whose malignancy somebody said. Four readers say more than the
    yes or no that is made of them: a nodule that got 3, 3, 3, 1 and one that got 1, 1, 1, 1 are
    both benign.
    """
    balls, more = _balls(case), _thinned(published, experiment.boxes.max_candidates)
    of_ratings = detector is None and (published is None or experiment.task == "malignancy")
    if of_ratings:
        balls = [ball for ball in balls if ball.malignant is not None]
        more = [(point, nodule) for point, nodule in more if not nodule]
    elif published is not None:
        balls = []
    places = [(ball.centre_mm, float(ball.diameter_mm or 0)) for ball in balls]
    places += [(point, UNSIZED_MM) for point, _ in more]
    boxes = experiment.boxes
    asked = (places, boxes.sides, boxes.spacing_mm, _MARGIN, boxes.max_candidates)
    key = digest(image_key(case), asked, _state(detector), recipe(*_MAKERS))
    kept = (cache or Cache()).arrays("boxes", key, lambda: _cut(case, places, experiment, detector))
    found = kept["point_mm"].tolist()[: len(kept["point_mm"]) - len(places)]
    positive = [_hit(point, balls) for point in found]
    positive += [bool(ball.malignant) if of_ratings else True for ball in balls]
    positive += [nodule for _, nodule in more]
    value = list(map(float, positive))
    if of_ratings:
        rated = [(k, ball.ratings) for k, ball in enumerate(balls) if ball.ratings]
        for k, ratings in rated:
            value[k] = (float(np.mean(ratings)) - 1) / 4
    count = len(positive)
    return CandidateBoxes(
        **kept,
        positive=np.array(positive, bool),
        value=np.array(value, float),
        case=np.zeros(count, np.int64),
        extra=np.arange(count) >= (len(balls) if of_ratings else count),
    )


def collect(
    cases: Sequence[Case],
    experiment: BoxExperiment,
    detector: Run | None,
    cache: Cache | None = None,
    published: Mapping[str, Published] | None = None,
) -> CandidateBoxes:
    """Boxes of all cases; published candidates by the ids of cases."""
    nothing = np.zeros((0, 3)), np.zeros(0, bool)
    parts = []
    for number, case in enumerate(track(cases, "boxes", len(cases))):
        places = None if published is None else published.get(case.id, nothing)
        one = boxes_of(case, experiment, detector, cache, places)
        parts.append(dataclasses.replace(one, case=np.full(len(one), number)))
    merged = {
        f.name: np.concatenate([getattr(part, f.name) for part in parts])
        for f in dataclasses.fields(CandidateBoxes)
    }
    return CandidateBoxes(**merged)


class BoxCrops:
    """Draws boxes, a given share of each class, and changes them.

    Negative ones come up the more often the surer the detector was: most candidates of a scan are
    easy, and what is to be learnt is where the detector errs. What has no size of its own is told
    that of any nodule, so that the size does not say what it is.

    Args:
        boxes: What to draw from.
        experiment: Sides, shares and augmentation.

    Raises:
        LabelError: If there is nothing of what shall be drawn beside the two classes.
    """

    def __init__(self, boxes: CandidateBoxes, experiment: BoxExperiment) -> None:
        self.boxes, self.sides = boxes, experiment.boxes.sides
        self.sized, self.share = experiment.boxes.sized, experiment.boxes.positives
        self.extra = getattr(experiment.boxes, "non_nodules", 0.0)
        self.change = BoxTransforms(experiment.boxes.augment)
        self._nodules, self._extra = np.flatnonzero(~boxes.extra), np.flatnonzero(boxes.extra)
        if self.extra and not len(self._extra):
            raise LabelError(
                f"{experiment.boxes.file}: expected candidates of the train part that are no "
                "nodules, got none; leave non_nodules out"
            )
        self._negative = np.flatnonzero(~boxes.positive & ~boxes.extra)
        self._positive = np.flatnonzero(boxes.positive)
        weight = boxes.score[self._negative] + _EASY
        self._below = np.cumsum(weight) / weight.sum()

    def __call__(self, rng: Generator) -> Crop:
        """Inputs ``(2, *sides)``, value ``(1,)``, known ``(1,)``."""
        which, sized = rng.random(), None
        if which < self.share:
            index = int(rng.choice(self._positive))
        elif which < self.share + self.extra:
            index, sized = int(rng.choice(self._extra)), int(rng.choice(self._nodules))
        else:
            place = int(np.searchsorted(self._below, rng.random()))
            index = int(self._negative[min(place, len(self._below) - 1)])
        cube = self.change(self.boxes.cubes[index], self.sides, rng)
        mm = float(self.boxes.diameter_mm[index if sized is None else sized])
        if self.sized:
            mm *= float(np.exp(rng.normal(0, _SIZE_ERROR)))
        value = np.array([self.boxes.value[index]], np.float32)
        return inputs_of(cube, mm), value, np.ones(1, bool)


def _balls(case: Case) -> list[BallLabel]:
    return [
        label
        for label in case.labels
        if isinstance(label, BallLabel) and label.name == NODULE and label.diameter_mm is not None
    ]


def _thinned(
    published: Published | None, most: int
) -> list[tuple[tuple[float, float, float], bool]]:
    """All nodules of published candidates and ``most`` of the others, from all over the table."""
    if published is None:
        return []
    points, nodule = published
    others = np.flatnonzero(~nodule)
    if len(others) > most:
        others = others[np.linspace(0, len(others) - 1, most).round().astype(int)]
    chosen = np.concatenate([np.flatnonzero(nodule), others])
    return [
        ((x, y, z), bool(nodule[k]))
        for k, (x, y, z) in zip(chosen, points[chosen].tolist(), strict=True)
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
        most = experiment.boxes.max_candidates
        many = settings.model_copy(update={"min_score": 0.0, "max_candidates": most})
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
