"""Supervision by boxes: what is told, how it moves with the picture, and what it goes with."""

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import skimage.io
import torch
from numpy.typing import NDArray

from inklings.cohorts.case import Case
from inklings.data import INTENSITIES
from inklings.data.batches import Batches
from inklings.data.examples import Examples, resized
from inklings.data.slice_examples import sliced
from inklings.errors import LabelError, SpecError
from inklings.geometry import Geometry, Region
from inklings.labels.kinds import BoxLabel, Label, MaskLabel, PointLabel, PolygonLabel
from inklings.losses.box import outlines
from inklings.readers import open_image
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


def ellipse(*sides: int, middle: float = 0.75) -> NDArray[np.bool_]:
    """Pixels whose centres lie in the ellipse of these axes times ``middle``, one by one."""
    found = np.zeros(sides, np.bool_)
    for place in np.ndindex(*sides):
        away = [(p + 0.5 - n / 2) / (middle * n / 2) for p, n in zip(place, sides, strict=True)]
        found[place] = sum(one**2 for one in away) <= 1
    return found


@pytest.mark.parametrize("sides", [(8, 8), (1, 9), (2, 5), (11, 4)])
@pytest.mark.parametrize("middle", [0.5, 0.75, 1.0])
def test_the_ellipse_in_the_middle_of_a_box_is_its_object(
    sides: tuple[int, int], middle: float
) -> None:
    box = BoxLabel("image", "a", (3, 5), (3 + sides[0], 5 + sides[1]))
    case = Case("c1", "p1", {"image": Path("image.png")}, (box,))
    boxes = SUPERVISIONS.build("boxes", {"classes": ("a",), "middle": middle})
    told = boxes.target(case, GRID)
    inside = ellipse(*sides, middle=middle)
    within = (slice(3, 3 + sides[0]), slice(5, 5 + sides[1]))
    np.testing.assert_array_equal(told.value[0][within] > 0, inside)
    np.testing.assert_array_equal(told.known_of(0)[within], inside)
    assert told.value[0].astype(bool).sum() == inside.sum()
    assert told.known.sum() == GRID.shape[0] * GRID.shape[1] - np.prod(sides) + inside.sum()


def test_of_a_box_that_a_region_cuts_nothing_is_told_inside(tmp_path: Path) -> None:
    skimage.io.imsave(tmp_path / "image.png", np.zeros(GRID.shape, np.uint8), check_contrast=False)
    labels = (A, BoxLabel("image", "a", (14, 20), (20, 28)))
    case = Case("c1", "p1", {"image": tmp_path / "image.png"}, labels)
    boxes = SUPERVISIONS.build("boxes", {"classes": ("a",), "middle": 0.75})
    whole = boxes.target(case, GRID)
    part = boxes.target(case, GRID, Region((8, 0), (16, 32)))
    assert whole.value[0][4:12].any()
    assert not part.value[0][:4].any()
    np.testing.assert_array_equal(part.value[0][4:], whole.value[0][12:])


def test_a_middle_is_a_share() -> None:
    with pytest.raises(SpecError, match="expected a middle of 0 to 1, got 2"):
        SUPERVISIONS.build("boxes", {"classes": ("a",), "middle": 2})


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_boxes_that_were_drawn_plane_by_plane_are_boxes_of_the_planes(
    axis: int, tmp_path: Path
) -> None:
    """A ball boxed in every plane, beside one boxed as a whole, which stays one box."""
    across = np.moveaxis(np.zeros((24, 24, 24), np.uint8), axis, 0)
    sides = {3: 3, 4: 5, 5: 8, 6: 9, 7: 8, 8: 5, 9: 3}
    for plane, side in sides.items():
        across[plane, 2 : 2 + side, 10 - side : 10] = 1
    across[14:20, 13:20, 12:20] = 1
    mask = np.ascontiguousarray(np.moveaxis(across, 0, axis))
    nib.save(nib.Nifti1Image(mask.T, np.eye(4)), path := tmp_path / "boxes.nii.gz")
    label = MaskLabel(path, "image", "classes", ("a",))
    case = Case("c1", "p1", {"image": path}, (label,))
    grid = open_image(path).geometry
    told = SUPERVISIONS.build("boxes", {"classes": ("a",)}).target(case, grid)
    assert told.objects is not None
    boxes = [
        mask[tuple(map(slice, where.min(1), where.max(1) + 1))]
        for where in (
            np.stack(np.nonzero(told.objects[0] == n)) for n in np.unique(told.objects[0])[1:]
        )
    ]
    assert sorted(box.size for box in boxes) == sorted([side**2 for side in sides.values()] + [336])
    np.testing.assert_array_equal(told.known_of(0), mask == 0)
    boxes = SUPERVISIONS.build("boxes", {"classes": ("a",), "middle": 0.75})
    told = boxes.target(case, grid)
    areas = [ellipse(side, side).sum() for side in sides.values()]
    assert told.objects is None
    assert (told.value[0] > 0).sum() == sum(areas) + ellipse(6, 7, 8).sum()
    np.testing.assert_array_equal(told.known_of(0), (mask == 0) | (told.value[0] > 0))


@pytest.mark.parametrize("smaller", [((16, 14, 15), (24, 24, 24)), ((5, 5, 5), (6, 9, 9))])
@pytest.mark.parametrize("name", ["a", "b"])
def test_a_box_of_a_volume_that_a_smaller_one_covers_in_part_stays_one_box(
    name: str, smaller: tuple[tuple[int, ...], tuple[int, ...]]
) -> None:
    labels = (BoxLabel("image", "a", (2, 2, 2), (18, 16, 17)), BoxLabel("image", name, *smaller))
    case = Case("c1", "p1", {"image": Path("image.nii")}, labels)
    boxes = SUPERVISIONS.build("boxes", {"classes": ("a", "b")})
    told = boxes.target(case, Geometry((24, 24, 24), spacing=(1.0, 1.0, 1.0)))
    assert told.objects is not None
    assert len(np.unique(told.objects[told.objects > 0])) == 2


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_boxes_of_planes_in_and_over_one_another_are_those_of_both(
    axis: int, tmp_path: Path
) -> None:
    """An organ boxed in every plane, and a small thing in it that fills none of its block."""
    across = np.zeros((12, 24, 24), np.uint8)
    for plane in range(1, 11):
        across[plane, 2 : 16 + plane % 3, 3 : 20 - plane % 3] = 1
    for plane, side in {4: 3, 5: 6, 6: 8, 7: 5}.items():
        across[plane, 5 : 5 + side, 6 : 6 + side] = 2
    mask = np.ascontiguousarray(np.moveaxis(across, 0, axis))
    nib.save(nib.Nifti1Image(mask.T, np.eye(4)), path := tmp_path / "boxes.nii.gz")
    label = MaskLabel(path, "image", "classes", ("a", "b"))
    case = Case("c1", "p1", {"image": path}, (label,))
    told = SUPERVISIONS.build("boxes", {"classes": ("a", "b")}).target(
        case, open_image(path).geometry
    )
    assert told.objects is not None
    assert [len(np.unique(one)) - 1 for one in told.objects] == [10, 4]


def test_an_outline_in_a_volume_is_one_object(tmp_path: Path) -> None:
    z, y, x = np.ogrid[:20, :20, :20]
    ball = ((z - 9) ** 2 + (y - 9) ** 2 + (x - 9) ** 2 <= 36).astype(np.uint8)
    nib.save(nib.Nifti1Image(ball.T, np.eye(4)), path := tmp_path / "ball.nii.gz")
    case = Case("c1", "p1", {"image": path}, (MaskLabel(path, "image", "classes", ("a",)),))
    told = SUPERVISIONS.build("boxes", {"classes": ("a",)}).target(case, open_image(path).geometry)
    assert told.objects is not None
    assert len(np.unique(told.objects)) == 2


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
