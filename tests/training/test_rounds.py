import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from inklings.inference.run import Blueprint
from inklings.spec import Component, Experiment
from inklings.tensors import Output
from inklings.training.examples import Examples, from_masks
from inklings.training.learn import Trained
from inklings.training.rounds import Round, relabel


class Brightness(nn.Module):
    """Calls bright what is bright."""

    divisor = 1

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(8.0))

    def forward(self, inputs: Tensor, valid: Tensor | None = None) -> Output:  # noqa: ARG002
        return Output(self.scale * inputs[:, :1])


BLUEPRINT = Blueprint(Component(name="unet"), 1, ("cell",), ("cell",))
TRAINED = Trained(Brightness(), BLUEPRINT, (0.5,), (), (), 1, 1, 0.0, 0, (), "32-true")


def experiment(share: float) -> Experiment:
    return Experiment.check(
        {
            "cohort": ".",
            "model": "unet",
            "loss": "bce",
            "training": {"steps": 1, "precision": "32-true"},
            "rounds": {"count": 2, "share": share},
        },
        "test",
    )


def half_labelled(images: int = 10) -> tuple[Examples, list[np.ndarray]]:
    """Two bright squares an image, one of them annotated."""
    truth = np.zeros((32, 32), bool)
    truth[4:12, 4:12] = truth[20:28, 20:28] = True
    label = truth.copy()
    label[20:28] = False
    image = (20 + 200 * truth).astype(np.uint8)[None]
    return from_masks([image] * images, [label] * images), [truth] * images


def test_what_the_network_finds_is_added_to_what_was_annotated() -> None:
    examples, truth = half_labelled()
    after, record = relabel(experiment(1.0), TRAINED, examples, examples, 2)
    for target, mask in zip(after.targets, truth, strict=True):
        np.testing.assert_array_equal(target.value[0] >= 128, mask)
    assert record == Round(2, 10, 64 / 1024, 128 / 1024)
    assert record.balanced


@pytest.mark.parametrize(("share", "changed"), [(0.3, 3), (0.5, 5), (0.01, 1)])
def test_only_a_drawn_share_of_the_images_gets_new_labels(share: float, changed: int) -> None:
    examples, _ = half_labelled()
    after, record = relabel(experiment(share), TRAINED, examples, examples, 2)
    differ = [
        not np.array_equal(a.value, b.value)
        for a, b in zip(after.targets, examples.targets, strict=True)
    ]
    assert sum(differ) == changed == record.relabelled
    again, _ = relabel(experiment(share), TRAINED, examples, examples, 2)
    for a, b in zip(after.targets, again.targets, strict=True):
        np.testing.assert_array_equal(a.value, b.value)


def test_annotated_positives_stay_although_the_network_misses_them() -> None:
    examples, _ = half_labelled()
    blind = dataclasses.replace(TRAINED, thresholds=(1.0,))
    dark = Brightness()
    dark.scale.data.fill_(-8.0)
    blind = dataclasses.replace(blind, model=dark)
    after, _ = relabel(experiment(1.0), blind, examples, examples, 2)
    assert (after.targets[0].value[0][4:12, 4:12] == 255).all()


def test_a_round_that_would_double_the_positives_is_out_of_balance() -> None:
    assert not Round(2, 1, 0.10, 0.21).balanced
    assert not Round(2, 1, 0.10, 0.04).balanced
    assert Round(2, 1, 0.10, 0.19).balanced
