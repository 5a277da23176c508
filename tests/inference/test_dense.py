import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from inklings.errors import DataError
from inklings.inference.dense import fit_channels, predict_array, restore
from inklings.models.base import Model
from inklings.runs.run import Run, RunRecord
from inklings.spec import Component, Inference
from inklings.tensors import Output
from inklings.testing.runs import model_config, untrained_run


class Copy(Model):
    """Returns its input as logits, so that the probability is known: sigmoid(x)."""

    def forward(self, inputs: Tensor, valid: Tensor | None = None) -> Output:  # noqa: ARG002
        return Output(inputs)


def copying(**changes: object) -> Run:
    half = Component(name="half")
    plan = model_config(in_channels=1, divisor=1, intensity=half, **changes)
    return Run(Copy(), plan, RunRecord((0.5,)))


def smooth(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return (127.5 + 120 * np.sin(y / height * 3) * np.cos(x / width * 4)).astype(np.uint8)[None]


def expected(image: np.ndarray) -> np.ndarray:
    return 255 / (1 + np.exp(-(image / 127.5 - 1)))


@pytest.mark.parametrize("shape", [(7, 5), (64, 64), (131, 77)])
@pytest.mark.parametrize("flips", [False, True])
def test_every_sample_has_its_own_probability(shape: tuple[int, int], flips: bool) -> None:
    image = smooth(*shape)
    dense = predict_array(copying(), image, Inference(window=48, mirroring=flips))
    assert dense.shape == (1, *shape)
    assert dense.dtype == np.uint8
    np.testing.assert_allclose(dense, expected(image), atol=0.51)


@pytest.mark.parametrize("shape", [(256, 320), (100, 90), (128, 128), (520, 696)])
def test_a_recipe_that_resizes_predicts_at_the_original_size(shape: tuple[int, int]) -> None:
    image = smooth(*shape)
    dense = predict_array(copying(resize=128), image)
    assert dense.shape == (1, *shape)
    np.testing.assert_allclose(dense, expected(image), atol=6)
    assert np.abs(dense - expected(image)).mean() < 1


def test_a_model_in_training_is_left_in_training() -> None:
    run = copying()
    run.model.train()
    predict_array(run, smooth(8, 8))
    assert run.model.training


def test_softmax_runs_over_all_channels_and_drops_the_background() -> None:
    plan = model_config(
        channels=("background", "a", "b"),
        classes=("b", "a"),
        activation="softmax",
        divisor=1,
        intensity=Component(name="half"),
    )
    image = np.random.default_rng(0).integers(0, 256, (3, 9, 11), dtype=np.uint8)
    dense = predict_array(Run(Copy(), plan, RunRecord((0.5, 0.5))), image)
    want = torch.from_numpy(image / 127.5 - 1).softmax(0).numpy()[[2, 1]] * 255
    np.testing.assert_allclose(dense, want, atol=0.51)


def test_windows_agree_with_one_pass_through_a_real_network(tmp_path: Path) -> None:
    run = Run.load(untrained_run(tmp_path))
    image = np.random.default_rng(0).integers(0, 256, (3, 150, 170), dtype=np.uint8)
    whole = predict_array(run, image, Inference(window=256)).astype(int)
    pieces = predict_array(run, image, Inference(window=96, overlap=0.5)).astype(int)
    assert np.abs(whole - pieces).max() <= 4


def test_half_precision_changes_probabilities_by_a_hundredth_at_most(tmp_path: Path) -> None:
    run = Run.load(untrained_run(tmp_path))
    assert run.experiment is not None
    training = run.experiment.training.model_copy(update={"precision": "32-true"})
    exact = dataclasses.replace(
        run, experiment=run.experiment.model_copy(update={"training": training})
    )
    image = np.random.default_rng(0).integers(0, 256, (3, 64, 64), dtype=np.uint8)
    gap = predict_array(run, image).astype(int) - predict_array(exact, image).astype(int)
    assert np.abs(gap).max() <= 3


def test_grey_fits_colour_when_nothing_is_lost() -> None:
    grey = np.arange(4, dtype=np.uint8).reshape(1, 2, 2)
    np.testing.assert_array_equal(fit_channels(grey, 3), np.repeat(grey, 3, 0))
    np.testing.assert_array_equal(fit_channels(np.repeat(grey, 3, 0), 1), grey)
    with pytest.raises(DataError, match="1 channels, as the model was trained on, got 3"):
        fit_channels(np.arange(12).reshape(3, 2, 2), 1)


@pytest.mark.parametrize("shape", [(5,), (5, 9), (4, 6, 5)])
def test_restoring_keeps_a_constant_in_any_dimension(shape: tuple[int, ...]) -> None:
    dense = np.full((2, *(3 for _ in shape)), 77, np.uint8)
    restored = restore(dense, shape)
    assert restored.shape == (2, *shape)
    assert (restored == 77).all()
