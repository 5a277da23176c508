"""What is chosen on the validation part."""

from __future__ import annotations

import dataclasses
from typing import Literal

import balls
import numpy as np
import pytest
from numpy.typing import NDArray
from torch import nn

from inklings.data.examples import Examples
from inklings.errors import SpecError
from inklings.losses.box import BoxLoss
from inklings.runs.run import ModelConfig, Run
from inklings.spec import Component, Experiment, Volumes
from inklings.supervision.base import Target
from inklings.tasks.train import train
from inklings.training.validation import SegmentationValidator

SPEC = Experiment.check(
    {"cohort": "c", "model": "unet", "loss": "bce", "training": {"steps": 1}}, "test"
)


class Told(SegmentationValidator):
    """A validator whose network says what the test tells it."""

    def __init__(self, said: NDArray[np.bool_], true: NDArray[np.bool_]) -> None:
        known = np.ones(true.shape[1:], np.bool_)
        examples = Examples(
            (np.zeros((1, *known.shape), np.int16),), (Target(true * np.uint8(255), known),), ("v",)
        )
        names = ("one", "two", "none")
        super().__init__(
            examples, SPEC, ModelConfig(Component(name="unet"), 1, names, names, volumes=Volumes())
        )
        self.said = said

    def dense(self, model: nn.Module, index: int) -> NDArray[np.uint8]:  # noqa: ARG002
        return self.said * np.uint8(200)


def test_a_class_is_one_piece_where_dice_does_not_fall_by_it() -> None:
    """A stray beside an organ goes; of a pair both stay; what nothing shows is left alone."""
    true = np.zeros((3, 6, 20, 20), np.bool_)
    true[0, 1:5, 2:12, 2:12] = True
    true[1, 1:5, 2:8, 2:8] = true[1, 1:5, 2:8, 12:18] = True
    said = true.copy()
    said[0, 3:5, 15:18, 15:18] = said[2, 2, 2, 2] = True
    assert Told(said, true).in_one_piece(nn.Identity(), (0.5, 0.5, 0.5)) == (0,)


def test_a_few_outlined_slices_say_that_a_pair_is_no_single_piece() -> None:
    true = np.zeros((3, 6, 20, 20), np.bool_)
    true[0, 1:5, 2:12, 2:12] = True
    true[1, 1:5, 2:8, 2:8] = true[1, 1:5, 2:8, 12:18] = True
    told = Told(true, true)
    known = np.zeros(true.shape[1:], np.bool_)
    known[2] = True
    told.examples = told.examples.with_targets([Target(true * known * np.uint8(255), known)])
    assert told.in_one_piece(nn.Identity(), (0.5, 0.5, 0.5)) == (0,)


def test_what_was_left_in_doubt_lets_the_rest_judge_and_what_was_not_labelled_does_not() -> None:
    true = np.zeros((3, 6, 20, 20), np.bool_)
    true[:, 1:5, 2:12, 2:12] = True
    told = Told(true, true)
    known = np.ones(true.shape[1:], np.bool_)
    known[2] = False
    told.examples = told.examples.with_targets([Target(true * known * np.uint8(255), known)])
    loss = nn.Identity()
    told._loss = lambda *_: 0.0
    assert np.isnan(told.score(nn.Identity(), loss).dice)
    told.examples = dataclasses.replace(told.examples, in_doubt=True)
    assert told.score(nn.Identity(), loss).dice == 1


@pytest.mark.parametrize(("judged", "labelled"), [(True, 0.5), (False, 0.25)])
def test_priors_are_of_the_cases_that_annotate_a_class(judged: bool, labelled: float) -> None:
    """Two cases, half of each is of every class; the second annotates the last one alone."""
    true = np.zeros((3, 6, 20, 20), np.bool_)
    true[:, :3] = True
    told = Told(true, true)
    first, second = np.ones((2, *true.shape), np.bool_)
    second[:2] = False
    if not judged:  # one sample that nobody looked at: the rest may hide anything
        first[2, 0, 0, 0] = False
    value = true * np.uint8(255)
    told.examples = Examples(
        tuple(told.examples.images) * 2,
        (Target(value * first, first), Target(value * second, second)),
        ("v", "w"),
    )
    found = [prior.labelled for prior, _ in told.priors(nn.Identity(), 0)]
    assert found == pytest.approx([labelled, labelled, 0.5], abs=1e-3)


@pytest.mark.parametrize("view", ["2d", "3d"])
@pytest.mark.parametrize("pairwise", [0.0, 1.0])
def test_validation_asks_boxes_for_objects_so_that_nothing_is_not_the_best(
    view: Literal["2d", "3d"], pairwise: float
) -> None:
    """In each of three slices a box of 8 x 8 about a disc; the image shows the disc."""
    place = np.mgrid[:6, :20, :20]
    disc = np.hypot(place[1] - 7.5, place[2] - 7.5) <= 4
    disc &= (place[0] >= 1) & (place[0] <= 3)
    boxes = np.zeros((1, *disc.shape), np.int32)
    boxes[0, 1:4, 4:12, 4:12] = 1 + np.arange(3)[:, None, None] if view == "2d" else 1
    told = Told(np.zeros((1, *disc.shape), np.bool_), disc[None])
    told.experiment = SPEC.model_copy(update={"volumes": Volumes(view=view)})
    told.examples = Examples(
        (disc[None] * np.int16(100),),
        (Target(np.zeros(boxes.shape, np.uint8), boxes == 0, objects=boxes),),
        ("v",),
    )
    found = {}
    for name, said in (("nothing", disc & False), ("disc", disc), ("box", boxes[0] > 0)):
        told.said = said[None]
        found[name] = told.score(nn.Identity(), BoxLoss(pairwise=pairwise)).merit
    assert found["disc"] > found["nothing"]
    assert (found["disc"] > found["box"]) == bool(pairwise)  # the image alone tells these apart


@pytest.mark.parametrize(
    ("components", "kept"), [("all", ()), ("largest", ("ball",)), ("auto", None)]
)
def test_a_run_says_which_classes_are_one_component(components, kept, tmp_path, spec) -> None:
    cohort = balls.ball_cohort(tmp_path / "cohort")
    inference = {"components": components}
    run = train(
        spec(cohort, volumes="2d", inference=inference, steps=30, learning_rate=1e-2),
        tmp_path / "run",
    )
    record = Run.load(run).record
    # Balls are one piece, so what is chosen freely cannot be worse than that.
    assert record.largest == (("ball",) if kept is None else kept)


def test_pieces_are_for_volumes(cohort, tmp_path, spec) -> None:
    with pytest.raises(SpecError, match="components 'largest': expected volumes, got pictures"):
        train(spec(cohort, inference={"components": "largest"}), tmp_path / "run")
