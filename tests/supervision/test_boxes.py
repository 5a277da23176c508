"""Supervision by boxes: what is told, how it moves with the picture, and what it goes with."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from inklings.cohorts.case import Case
from inklings.data import INTENSITIES
from inklings.data.batches import Batches
from inklings.data.examples import Examples, resized
from inklings.data.slice_examples import sliced
from inklings.errors import LabelError, SpecError
from inklings.geometry import Geometry
from inklings.labels.kinds import BoxLabel, Label, PointLabel, PolygonLabel
from inklings.losses.box import outlines
from inklings.spec import Component, Experiment, Sampling, Volumes
from inklings.supervision import SUPERVISIONS
from inklings.supervision.base import Target
from inklings.tasks.segmentation import SegmentationTask

GRID = Geometry((24, 32))
AS_IS = Component(name="window", options={"low": -1, "high": 1})
A, B = BoxLabel("image", "a", (4, 4), (12, 12)), BoxLabel("image", "b", (10, 10), (14, 30))


def target(*labels: Label) -> Target:
    case = Case("c1", "p1", {"image": Path("image.png")}, labels)
    return SUPERVISIONS.build("boxes", {"classes": ("a", "b")}).target(case, GRID)


def test_outside_of_the_boxes_of_a_class_is_background_and_inside_is_left_open() -> None:
    told = target(A, B)
    a, b = np.zeros((2, *GRID.shape), np.bool_)
    a[4:12, 4:12] = b[10:14, 10:30] = True
    np.testing.assert_array_equal(told.known, ~np.stack([a, b]))
    assert not told.value.any()
    assert told.objects is not None
    assert [len(np.unique(channel)) for channel in told.objects] == [2, 2]
    np.testing.assert_array_equal(told.marked, np.stack([a, b & ~a]))  # the smaller one shows


def test_outlines_count_as_boxes_and_points_are_refused() -> None:
    told = target(PolygonLabel("image", "a", ((4, 4), (4, 12), (12, 4))))
    assert told.objects is not None
    assert not told.known_of(0)[told.objects[0] > 0].any()
    with pytest.raises(LabelError, match="got points"):
        target(A, PointLabel("image", "a", (8, 8)))


def test_of_classes_that_a_case_does_not_annotate_nothing_is_known_outside_of_boxes_either() -> (
    None
):
    case = Case("c1", "p1", {"image": Path("image.png")}, (A,), annotates=("a",))
    for classes in (("a", "b"), ("b", "a"), ("a",)):
        told = SUPERVISIONS.build("boxes", {"classes": classes}).target(case, GRID)
        for k, name in enumerate(classes):
            assert told.known_of(k).sum() == (GRID.shape[0] * GRID.shape[1] - 64) * (name == "a")
        assert told.objects is not None
        assert (told.objects > 0).sum() == 64


def place(target: Target) -> list[tuple[int, tuple[slice, ...], tuple[bool, ...]]]:
    assert target.objects is not None
    found = outlines(torch.from_numpy(np.ascontiguousarray(target.objects))[None])
    return sorted(((k.channel, k.where, k.whole) for k in found), key=str)


@pytest.mark.parametrize("augment", [[], ["flips"], ["flips", "quarter_turns"]])
@pytest.mark.parametrize("size", [20, 40])
def test_boxes_move_with_the_picture_and_are_cut_with_it(augment: list[str], size: int) -> None:
    """The picture shows the numbers of the boxes, so wherever it went it says where they are."""
    given = target(A, BoxLabel("image", "b", (16, 20), (24, 32)))
    assert given.objects is not None
    image = given.objects.sum(0, keepdims=True).astype(np.float32)
    changes = tuple(Component(name=name) for name in augment)
    sampling = Sampling(size=size, augment=changes)
    batch = Batches(Examples([image], [given], ["a"]), sampling, AS_IS, 6, 0).batch(0)
    assert batch.objects is not None
    assert bool((batch.objects.sum(1, keepdim=True) == batch.inputs).all())
    if size == 40 and not augment:  # padding does not cut, the border of the picture may
        found = outlines(batch.objects)[:2]
        assert [k.whole for k in found] == [(True, True), (True, True)]


def test_boxes_are_resized_with_the_picture_whatever_their_number() -> None:
    objects = np.zeros((1, 20, 20), np.int32)
    objects[0, 4:8, 4:8] = 70_000
    told = Target(np.zeros((1, 20, 20), np.uint8), objects[0] == 0, objects=objects)
    small = resized(Examples([np.zeros((1, 20, 20), np.uint8)], [told], ["a"]), 10).targets[0]
    assert small.objects is not None
    assert np.argwhere(small.objects[0] == 70_000).tolist() == [[2, 2], [2, 3], [3, 2], [3, 3]]


def volume(*boxes: tuple[slice, ...]) -> Examples:
    objects = np.zeros((1, 4, 20, 20), np.int32)
    for number, where in enumerate(boxes, 1):
        objects[(0, *where)] = number
    told = Target(np.zeros(objects.shape, np.uint8), objects[0] == 0, objects=objects)
    return Examples([np.zeros((1, 4, 20, 20), np.uint8)], [told], ["a"])


def test_planes_take_their_part_of_the_boxes_and_boxes_over_planes_are_refused() -> None:
    every = slice(2, 9)
    drawn = volume((slice(1, 2), every, every), (slice(3, 4), slice(5, 9), every))
    planes = sliced(drawn, Volumes(foreground=None), INTENSITIES.build(AS_IS.name, AS_IS.options))
    assert [bool(t.marked.any()) for t in planes.targets] == [False, True, False, True]
    assert place(planes.targets[3])[0][1] == (slice(5, 9), slice(2, 9))
    with pytest.raises(LabelError, match="view: 3d"):
        sliced(
            volume((slice(1, 3), every, every)),
            Volumes(),
            INTENSITIES.build(AS_IS.name, AS_IS.options),
        )


def experiment(**changes: Any) -> Experiment:
    given = {"supervision": "boxes", "loss": "box", "cohort": "c", "correction": "none"}
    return Experiment.load("weak", [f"{k}={v}" for k, v in {**given, **changes}.items()])


def test_boxes_with_their_loss_are_an_experiment() -> None:
    SegmentationTask().check(experiment())
    SegmentationTask().check(experiment(loss="{name: weighted, parts: {box: 1, bce: 1}}"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"loss": "bce"}, "take loss: box"),
        ({"supervision": "auto"}, "take supervision: boxes"),
        ({"correction": "auto"}, "correction: expected none"),
        ({"self_training": "{iterations: 2}"}, "self_training: expected none"),
        ({"tiles": "tiles"}, "where boxes end"),
        ({"sampling.augment": "[{name: affine, rotate: 0}]"}, "quarter_turns instead"),
    ],
)
def test_what_boxes_do_not_go_with_is_refused_before_data_are_opened(
    changes: dict[str, str], said: str
) -> None:
    with pytest.raises(SpecError, match=said):
        SegmentationTask().check(experiment(**changes))
