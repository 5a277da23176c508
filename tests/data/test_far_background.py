from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import ndimage

from inklings.data.batches import Batches
from inklings.data.examples import Examples, with_background
from inklings.data.far_background import assumed_reach, reach_of, with_far_background
from inklings.errors import LabelError
from inklings.spec import Component, Sampling
from inklings.supervision.base import FarBackground, Target

SIZE = 64
AS_IS = Component(name="window", options={"low": -1, "high": 1})


def stroked(background: bool = True, classes: int = 1) -> Target:
    """A stroke of each class near the middle, and a ring of background 12 pixels away."""
    value = np.zeros((classes, SIZE, SIZE), np.uint8)
    for k in range(classes):
        value[k, 30:34, 28 + 10 * k : 32 + 10 * k] = 255
    known = (value > 0).any(0)
    if background:
        y, x = np.mgrid[:SIZE, :SIZE]
        known |= np.abs(np.hypot(y - 31.5, x - 29.5) - 14) < 1
    return Target(value, known)


def examples(*targets: Target) -> Examples:
    images = [np.zeros((1, *t.shape), np.uint8) for t in targets]
    return Examples(images, targets, [str(i) for i in range(len(targets))])


def brute(target: Target, reach: float) -> NDArray[np.bool_]:
    """By every pixel and every stroke pixel."""
    places = np.argwhere((target.value > 0).any(0))
    y, x = np.mgrid[:SIZE, :SIZE]
    near = np.min([np.hypot(y - a, x - b) for a, b in places], axis=0)
    return (near > reach) & ~target.known[0]


@pytest.mark.parametrize("reach", [3.0, 10.0, 25.5])
@pytest.mark.parametrize("classes", [1, 3])
def test_far_is_what_no_stroke_is_near_to(reach: float, classes: int) -> None:
    target = stroked(classes=classes)
    assumed = with_far_background(examples(target), reach).targets[0].assumed
    assert assumed is not None
    np.testing.assert_array_equal(assumed[0], brute(target, reach))


def test_slices_are_judged_one_by_one_and_those_without_strokes_not_at_all() -> None:
    drawn = stroked()
    ground = np.zeros_like(drawn.known[0])
    ground[:4] = True  # strokes of background alone
    known = np.stack([drawn.known[0], np.zeros_like(ground), ground])
    value = np.stack([drawn.value, 0 * drawn.value, 0 * drawn.value], axis=1)
    assumed = with_far_background(examples(Target(value, known)), 10).targets[0].assumed
    assert assumed is not None
    np.testing.assert_array_equal(assumed[0, 0], brute(drawn, 10))
    assert not assumed[0, 1].any()
    np.testing.assert_array_equal(assumed[0, 2], ~ground)


def test_reach_is_estimated_from_the_strokes_and_says_from_which() -> None:
    found = reach_of(examples(stroked()), FarBackground(None, 0.5))
    assert found.source == "background strokes"
    assert found.distance == pytest.approx(12.5, abs=1.5)
    between = reach_of(examples(*[stroked(False, 2)] * 4), FarBackground(None, 0.5))
    assert between.source == "strokes of other classes"
    assert between.distance == pytest.approx(9.5, abs=1)
    assert reach_of(examples(stroked(False)), FarBackground(20.0, 0.5)).distance == 20


@pytest.mark.parametrize("volumes", [False, True])
def test_what_was_estimated_image_by_image_is_said_by_its_median_and_range(volumes: bool) -> None:
    target = stroked().each(lambda array: array[:, None]) if volumes else stroked()
    given = examples(target, target, target)
    assert assumed_reach(given) is None
    found = assumed_reach(replace(given, reaches=(9.0, 12.0, 30.0)))
    assert found is not None
    assert found.said("points") == (
        f"supervision points: background is what is over 12.0 {'mm' if volumes else 'pixels'} from "
        "every mark of an object, estimated from the distance from point to point, image by image "
        "(9.0 to 30.0); 'reach' states it otherwise"
    )


def test_slices_that_are_labelled_throughout_do_not_stretch_the_reach() -> None:
    strokes, full = stroked(), stroked(False)
    full = Target(full.value, np.ones_like(full.known))
    alone, beside = (
        reach_of(examples(*t), FarBackground(None, 0.5)) for t in ([strokes], [strokes, full, full])
    )
    assert beside == alone
    assert reach_of(examples(full), FarBackground(None, 0.5)).source == "every pixel is labelled"
    assumed = with_far_background(examples(full), 0.0).targets[0].assumed
    assert assumed is not None
    assert not assumed.any()


def test_strokes_of_one_class_alone_ask_for_the_reach() -> None:
    with pytest.raises(LabelError, match="reach: 20"):
        reach_of(examples(stroked(False)), FarBackground(None, 0.5))


@pytest.mark.parametrize("augment", [[], ["flips"], ["affine"], ["flips", "quarter_turns"]])
def test_what_is_assumed_moves_with_the_picture(augment: list[str]) -> None:
    """The picture shows the distance from the strokes, so wherever it went it says what is far."""
    target = stroked()
    far = ndimage.distance_transform_edt(~(target.value > 0).any(0))
    image = np.repeat(far[None].astype(np.float32), 1, 0)
    given = Examples([image], [target], ["a"], far=FarBackground(10.0, 0.5))
    given = with_background(with_far_background(given, 10))
    changes = tuple(Component(name=name) for name in augment)
    sampling = Sampling(size=48, augment=changes)
    batch = Batches(given, sampling, AS_IS, 4, 0).batch(0).to(torch.device("cpu"))
    assert batch.assumed is not None
    assert batch.assumed_weight == 0.5
    clear = (batch.inputs - 10).abs() > 1.5
    shown = (batch.inputs > 10) & ~batch.known
    assert bool((batch.assumed == shown)[clear].all())
    assert bool((batch.value[:, :1][batch.assumed] == 1).all())  # background is certain there


def test_of_a_class_that_a_case_does_not_annotate_nothing_is_assumed() -> None:
    target = stroked(classes=2)
    apart = np.stack([target.known[0], np.zeros_like(target.known[0])])
    assumed = with_far_background(examples(Target(target.value, apart)), 10).targets[0].assumed
    assert assumed is not None
    assert assumed[0].any()
    assert not assumed[1].any()
