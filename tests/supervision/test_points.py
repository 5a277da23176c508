"""Supervision by points: what is grown from them, compared with the objects they were put into."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from inklings.cohorts.case import Case
from inklings.errors import LabelError, SpecError
from inklings.geometry import Geometry
from inklings.labels.kinds import IRRELEVANT, BagLabel, Label, PointLabel, PolygonLabel
from inklings.spec import Experiment
from inklings.supervision import SUPERVISIONS
from inklings.supervision.base import Target
from inklings.tasks.segmentation import SegmentationTask

CLASSES = ("a", "b")


def told(
    image: NDArray[Any], labels: tuple[Label, ...], spacing: tuple[float, ...] | None = None,
    annotates: tuple[str, ...] | None = None, **options: Any,
) -> Target:  # fmt: skip
    case = Case("c1", "p1", {"image": Path("image.png")}, labels, annotates=annotates)
    made = SUPERVISIONS.build("points", {"classes": CLASSES, **options})
    return made.seen(case, Geometry(image.shape[1:], spacing), image)


def scene(
    size: float, contrast: float, spacing: tuple[float, ...], seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.uint8], tuple[Label, ...]]:
    """Balls of two classes, half and fully ``size`` wide, of two brightnesses, not touching."""
    rng = np.random.default_rng(seed)
    sides = size * np.full(len(spacing), 8.0 if len(spacing) == 2 else 5.0)
    shape = tuple(int(n) for n in sides / spacing)
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1) * spacing
    image, truth = np.full(shape, 100.0), np.zeros(shape, np.uint8)
    placed: list[tuple[NDArray[np.float64], float]] = []
    labels: list[Label] = []
    for number in range(200):
        radius = float(size * rng.uniform(0.5, 1.0))
        centre = rng.uniform(radius, sides - radius)
        if any(np.linalg.norm(centre - there) < radius + other + 2 for there, other in placed):
            continue
        placed.append((centre, radius))
        k = number % 2
        inside = np.linalg.norm(grid - centre, axis=-1) <= radius
        image[inside], truth[inside] = 100 + contrast * (1 + 0.5 * k), k + 1
        off = rng.normal(size=len(sides))
        point = np.rint((centre + 0.3 * radius * off / np.linalg.norm(off)) / spacing)
        labels.append(PointLabel("image", CLASSES[k], tuple(point.tolist())))
    image += rng.normal(0, 6, shape)
    return image[None].astype(np.float32), truth, tuple(labels)


@pytest.mark.parametrize("contrast", [60.0, -40.0])
@pytest.mark.parametrize(
    ("size", "spacing"),
    [(10.0, (1.0, 1.0)), (24.0, (1.0, 1.0)), (12.0, (1.0, 1.0, 1.0)), (12.0, (4.0, 1.0, 1.0))],
)
def test_what_is_told_of_generated_objects_is_true(
    size: float, spacing: tuple[float, ...], contrast: float
) -> None:
    image, truth, labels = scene(size, contrast, spacing)
    assert len({k.name for k in labels if isinstance(k, PointLabel)}) == 2
    told_of = told(image, labels, spacing if len(spacing) == 3 else None)
    right = truth == np.array([1, 2]).reshape(-1, *[1] * truth.ndim)
    found = told_of.positives
    assert right[found].mean() >= 0.95
    assert found[right].mean() >= 0.5
    ground = told_of.known_anyhow & ~found.any(0)
    assert (truth == 0)[ground].mean() >= 0.99
    assert ground[truth == 0].mean() >= 0.1


def test_an_image_that_shows_nothing_leaves_discs_and_what_is_far() -> None:
    noise = np.random.default_rng(0).normal(size=(1, 60, 80))
    places = [(20.0, 20.0), (20.0, 50.0), (40.0, 35.0)]
    labels = tuple(PointLabel("image", "a", p) for p in places)
    grid = np.argwhere(np.ones(noise.shape[1:]))
    away = cdist(grid, places).min(1).reshape(noise.shape[1:])
    for options, reach in (({}, 25.0), ({"reach": 15.0}, 15.0)):  # 25: from each to the next
        made = told(noise, labels, None, **options)
        np.testing.assert_array_equal(made.positives[0], away <= 2.5)
        np.testing.assert_array_equal(made.known[0], (away <= 2.5) | (away > reach))


@pytest.mark.parametrize("spacing", [None, (3.0, 0.5, 1.0), (1.0, 1.0, 1.0)])
def test_the_reach_that_was_estimated_can_be_told(spacing: tuple[float, ...] | None) -> None:
    shape = (80, 60) if spacing is None else (40, 80, 60)
    places = np.random.default_rng(0).choice(np.argwhere(np.ones(shape)), 9, replace=False)
    labels = tuple(PointLabel("image", "a", tuple(place.tolist())) for place in places)
    case = Case("c1", "p1", {"image": Path("image.png")}, labels)
    apart = cdist(places * (spacing or 1.0), places * (spacing or 1.0))
    np.fill_diagonal(apart, np.inf)
    grid = Geometry(shape, spacing)
    points = SUPERVISIONS.build("points", {"classes": CLASSES})
    assert points.estimated_reach(case, grid) == pytest.approx(np.median(apart.min(1)))
    stated = SUPERVISIONS.build("points", {"classes": CLASSES, "reach": 5.0})
    assert stated.estimated_reach(case, grid) is None


def test_a_stated_diameter_is_the_object_and_its_class_is_no_other() -> None:
    labels = (PointLabel("image", "a", (20, 20), 12.0), PointLabel("image", "b", (20, 60)))
    made = told(np.zeros((1, 40, 80)), labels)
    y, x = np.mgrid[:40, :80]
    disc = np.hypot(y - 20, x - 20) <= 6
    np.testing.assert_array_equal(made.positives[0], disc)
    assert made.known[0][disc].all()
    assert not made.value[1][disc].any()


def test_of_marks_that_count_for_nobody_nothing_is_known() -> None:
    image, _, labels = scene(12.0, 60.0, (1.0, 1.0))
    assert isinstance(labels[0], PointLabel)
    ignored = PointLabel("image", IRRELEVANT, labels[0].point)
    made = told(image, (ignored, *labels[1:]))
    before = told(image, labels)
    here = before.positives[0] & ~made.positives[0]
    assert here[tuple(int(n) for n in ignored.point)]
    assert not made.known_anyhow[here].any()
    np.testing.assert_array_equal(made.positives[:, ~here], before.positives[:, ~here])


def test_of_classes_that_a_case_does_not_annotate_no_background_is_stated() -> None:
    image, _, labels = scene(12.0, 60.0, (1.0, 1.0))
    labels = tuple(k for k in labels if isinstance(k, PointLabel) and k.name == "a")
    made = told(image, labels, annotates=("a",))
    assert (made.known_of(0) & ~made.positive(0)).any()
    assert not made.known_of(1).any()


A = PointLabel("image", "a", (8, 8))


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ((), "got none"),
        ((BagLabel("a", True),), "got none"),
        ((A, PolygonLabel("image", "a", ((1, 1), (1, 5), (5, 1)))), "got PolygonLabel"),
        ((A,), "reach: 20"),
        ((A, PointLabel("image", "b", (8, 8))), "two in one place"),
        ((A, PointLabel("image", "b", (8, 90))), "outside"),
        ((A, PointLabel("image", "c", (8, 20))), "'c'"),
        ((A, PointLabel("other", "a", (8, 20))), "one image"),
        ((A, PointLabel("image", "b", (1, 8, 20))), "3 coordinates|got 3"),
    ],
)
def test_what_is_no_point_in_every_object_is_refused(labels: tuple[Label, ...], said: str) -> None:
    with pytest.raises(LabelError, match=said):
        told(np.zeros((1, 40, 40)), labels)
    assert told(np.zeros((1, 40, 40)), (A,), reach=10.0).known.any()


@pytest.mark.parametrize(
    "wrong", ["reach: 0", "reach: -3", "fraction: 0", "fraction: 1.5", "cores: true"]
)
def test_what_cannot_be_is_refused_before_data_are_opened(wrong: str) -> None:
    given = [f"supervision={{name: points, {wrong}}}", "cohort=c", "correction=none"]
    with pytest.raises(SpecError, match="supervision points: expected"):
        SegmentationTask().check(Experiment.load("weak", given))


def test_tiles_hide_how_far_points_are_and_are_refused() -> None:
    given = ["supervision=points", "cohort=c", "correction=none"]
    SegmentationTask().check(Experiment.load("weak", given))
    with pytest.raises(SpecError, match="how far points are"):
        SegmentationTask().check(Experiment.load("weak", [*given, "tiles=tiles"]))
