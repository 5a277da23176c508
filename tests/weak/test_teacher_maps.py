"""What 8 bits of a teacher's map tell apart."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from inklings.data.examples import Examples, from_masks
from inklings.models.base import Model
from inklings.runs.run import ModelConfig
from inklings.spec import Component, Experiment
from inklings.tensors import Output
from inklings.training.fit import FitResult
from inklings.training.operating_point import OperatingPoint
from inklings.weak.teacher_maps import MapScale, TeacherMaps

Spec = Callable[..., Experiment]


class Ramp(Model):
    """Logits that rise with the grey value: from ``low``, by ``step`` in all."""

    def __init__(self, low: float, step: float) -> None:
        super().__init__()
        self.low, self.step = low, nn.Parameter(torch.tensor(step))

    def forward(self, inputs: Tensor, valid: Tensor | None = None) -> Output:  # noqa: ARG002
        return Output(self.low + self.step * (inputs[:, :1] + 1) / 2)


def teacher(spec: Spec, model: Model, activation: str = "sigmoid") -> TeacherMaps:
    model_config = ModelConfig(
        model=Component(name="unet"),
        in_channels=3,
        channels=("square",),
        classes=("square",),
        activation=activation,  # type: ignore[arg-type]
        intensity=Component(name="half"),
    )
    trained = FitResult(
        model, model_config, OperatingPoint((0.5,)), (), 1, 1, 0.0, 0, (), "32-true"
    )
    return TeacherMaps(spec(intensity="half"), trained, 1)


def ramps() -> Examples:
    """Pictures of every grey value, one a column."""
    picture = np.broadcast_to(np.arange(256, dtype=np.uint8), (3, 32, 256)).copy()
    return from_masks([picture, picture], [np.zeros((32, 256), bool)] * 2)


def upper_tenth(maps: list[np.ndarray], *_: object) -> tuple[float, float]:
    low, high = np.quantile(np.concatenate([m[0].ravel() for m in maps]) / 255, [0.5, 0.9])
    return float(low), float(high)


def test_scores_within_two_steps_of_eight_bits_are_told_apart(spec: Spec) -> None:
    """Without stretching, .502 to .524 is 7 values; the upper half of the ranks gets far more."""
    examples, maps = ramps(), teacher(spec, Ramp(0.01, 0.09))
    plain = maps.of(examples, [0])[0][0, 0]
    assert len(np.unique(plain)) <= 7
    maps.stretch(examples, upper_tenth)
    stretched = maps.of(examples, [0])[0][0, 0]
    assert (np.diff(stretched.astype(int)) >= 0).all()
    assert len(np.unique(stretched[128:])) >= 4 * len(np.unique(plain[128:]))
    # The level is one half of the new map, and the probability of the old one at grey 230.
    assert stretched[230] == pytest.approx(128, abs=6)
    assert maps.scales[0].probability(0.5) == pytest.approx(
        1 / (1 + np.exp(-(0.01 + 0.09 * 230 / 255))), abs=1e-3
    )


def test_a_sure_teacher_is_left_as_sure_as_it_is(spec: Spec) -> None:
    examples, maps = ramps(), teacher(spec, Ramp(-8.0, 16.0))
    maps.stretch(examples, upper_tenth)
    assert maps.scales[0].gain == 1.0


def test_exclusive_classes_are_not_stretched(spec: Spec) -> None:
    examples, maps = ramps(), teacher(spec, Ramp(0.01, 0.09), "softmax")
    maps.stretch(examples, upper_tenth)
    assert maps.scales == [MapScale()]
