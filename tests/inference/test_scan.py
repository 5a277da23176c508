"""One pass over a picture says what the loop over its patches says."""

from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import expit
from torch import nn

from inklings.errors import DataError, SpecError
from inklings.inference.scan import scan
from inklings.models.base import BagNetwork
from inklings.models.instances.base import Layers
from inklings.models.scanning import scanning
from inklings.runs.run import ModelConfig, Run, RunRecord
from inklings.spec import Component

SIDE, HIGH, WIDE = 24, 41, 52


def picture(channels: int = 1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (channels, HIGH, WIDE)).astype(np.uint8)


def run_of(
    encoder: Any, classes: int = 1, shape: tuple[int, ...] = (1, SIDE, SIDE), **more: Any
) -> Run:
    options = {"encoder": encoder, "pooling": "mean", "shape": list(shape), **more}
    names = tuple(f"c{k}" for k in range(classes))
    task = "binary" if classes == 1 else "multiclass"
    activation = "sigmoid" if classes == 1 else "softmax"
    config = ModelConfig(
        Component(name="bags", options=options), shape[0], names, names, activation, task=task
    )  # type: ignore[arg-type]
    torch.manual_seed(0)
    model = config.build()
    assert isinstance(model, BagNetwork)
    for block in model.modules():  # statistics as after a training
        if isinstance(block, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(block.running_mean, 0, 0.2)  # type: ignore[arg-type]
            nn.init.uniform_(block.running_var, 0.5, 2)  # type: ignore[arg-type]
    model.standardise(torch.randint(0, 256, (50, *shape)))
    return Run(model.eval(), config, RunRecord((0.5,) * classes))


def one_by_one(run: Run, image: np.ndarray, y: int, x: int) -> np.ndarray:
    """The answer for the patch around a sample, as a bag of its own."""
    padded = np.pad(image, [(0, 0), (SIDE, SIDE), (SIDE, SIDE)], "reflect")
    top, left = y + SIDE - SIDE // 2, x + SIDE - SIDE // 2
    patch = torch.from_numpy(padded[None, :, top : top + SIDE, left : left + SIDE].copy())
    with torch.inference_mode():
        return run.model(patch).logits[0].double().numpy()


@pytest.mark.parametrize(
    "encoder", ["small_cnn", "lenet", {"name": "mlp", "hidden": [20, 10], "dropout": 0.5}], ids=str
)
def test_a_map_holds_the_answer_for_the_patch_around_each_sample(encoder: Any) -> None:
    run, image = run_of(encoder), picture()
    dense = scan(run, image)
    assert dense.shape == (1, HIGH, WIDE)
    for y, x in ((0, 0), (0, WIDE - 1), (HIGH - 1, 3), (20, 31)):
        said = expit(one_by_one(run, image, y, x)[0])
        assert abs(dense[0, y, x] / 255 - said) <= 1 / 255


@pytest.mark.parametrize("stride", [1, 2, 3, 4, 7, 8])
@pytest.mark.parametrize("encoder", ["small_cnn", {"name": "mlp", "hidden": [12]}], ids=str)
def test_one_pass_says_what_the_loop_says(encoder: Any, stride: int) -> None:
    run, image = run_of(encoder, classes=3, shape=(3, SIDE, SIDE)), picture(3)
    assert run.model.scanner(stride) is not None  # type: ignore[operator]
    whole, loop = (scan(run, image, stride, one_pass) for one_pass in (True, False))
    assert whole.shape == loop.shape == (3, HIGH, WIDE)
    assert np.abs(whole.astype(int) - loop).max() <= 1


def test_members_and_folded_networks_scan_alike() -> None:
    run, image = run_of("small_cnn", members=2), picture()
    before = scan(run, image)
    assert np.abs(scan(run.folded(), image).astype(int) - before).max() <= 1
    assert np.abs(scan(run, image, one_pass=False).astype(int) - before).max() <= 1


def test_networks_that_pad_patches_are_looped_and_nothing_is_guessed() -> None:
    run = run_of("small_cnn", shape=(1, 12, 12))  # which pads below 20 samples
    assert run.model.scanner(1) is None  # type: ignore[operator]
    assert scan(run, picture()).shape == (1, HIGH, WIDE)
    for odd in (nn.AvgPool2d(2), nn.Conv2d(1, 1, 3, padding=1), nn.MaxPool2d(2, ceil_mode=True)):
        encoder = Layers()
        encoder.layers = nn.Sequential(nn.Conv2d(1, 1, 1), odd, nn.Flatten())
        assert scanning(encoder, (1, 8, 8), 1) is None


def test_cells_of_a_stride_are_what_their_middle_is() -> None:
    run, image = run_of("small_cnn"), picture()
    dense, fine = scan(run, image, stride=3), scan(run, image)
    assert np.abs(dense[0, 1::3, 1::3].astype(int) - fine[0, 1::3, 1::3]).max() <= 1


def test_what_is_not_like_the_patches_is_refused() -> None:
    run = run_of("small_cnn", shape=(3, SIDE, SIDE))
    with pytest.raises(DataError, match="expected a picture of 8 bits"):
        scan(run, picture(3).astype(np.uint16))
    with pytest.raises(DataError, match="expected an image of 3 channels"):
        scan(run, picture(2))
    with pytest.raises(SpecError, match="expected at most the side of a patch"):
        scan(run, picture(3), stride=25)
    features = ModelConfig(
        Component(name="bags", options={"shape": [5]}), 5, ("c",), ("c",), task="binary"
    )
    with pytest.raises(DataError, match="expected a run that learnt classes of pictures"):
        scan(Run(features.build(), features, RunRecord((0.5,))), picture())
