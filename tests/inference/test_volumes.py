"""Whole volumes through a model, back on the grid that they came on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from inklings.data.intensity import Percentiles
from inklings.errors import DataError
from inklings.geometry import Geometry
from inklings.inference.volumes import predict_any, predict_grid, predict_volume
from inklings.models.base import Model
from inklings.readers.array import ArrayImage
from inklings.runs.run import ModelConfig, Run, RunRecord
from inklings.spec import Component, Inference, Volumes
from inklings.tensors import Output

GRID = Geometry((11, 40, 36), (6.0, 1.5, 1.5), (5.0, -7.0, 2.0))
VOLUME = np.random.default_rng(0).integers(0, 900, (1, *GRID.shape)).astype(np.int16)
PERCENTILES = Component(name="percentiles")


class Shows(Model):
    """Returns one of its channels, so that one sees what it was shown and where."""

    divisor = 8

    def __init__(self, channel: int = 0) -> None:
        super().__init__()
        self.channel = channel
        self.sizes: list[tuple[int, ...]] = []

    def forward(self, inputs: Tensor, valid: Tensor | None = None) -> Output:  # noqa: ARG002
        self.sizes.append(tuple(inputs.shape))
        return Output(inputs[:, self.channel, None])


def run(model: nn.Module, volumes: Volumes, channels: int = 1, **more: Any) -> Run:
    model_config = ModelConfig(
        Component(name="unet"), channels, ("a",), ("a",), intensity=PERCENTILES, volumes=volumes,
        **more,
    )  # fmt: skip
    return Run(model, model_config, RunRecord((0.5,)))


def levels(volume: np.ndarray) -> np.ndarray:
    """What the network shows of a volume, quantised."""
    shown = torch.from_numpy(Percentiles()(volume)).sigmoid().numpy()
    return np.rint(shown * 255).astype(np.uint8)


@pytest.mark.parametrize("window", [64, 24])
@pytest.mark.parametrize(
    ("volumes", "channels", "more"),
    [
        (Volumes(view="2d"), 1, {}),
        (Volumes(view="2.5d", context=2), 5, {}),
        (Volumes(view="3d"), 1, {"window": (8, 16, 24)}),
    ],
    ids=["2d", "2.5d", "3d"],
)
def test_every_sample_is_predicted_once_in_its_place(window, volumes, channels, more) -> None:
    model = Shows(channels // 2)
    got = predict_grid(
        run(model, volumes, channels, **more), VOLUME, GRID, Inference(window=window)
    )
    assert np.abs(got.astype(int) - levels(VOLUME)).max() <= 1
    most = more.get("window", (0, max(window, 24), max(window, 24)))
    assert all(n <= m + 7 for s in model.sizes for n, m in zip(s[-2:], most[1:], strict=True))


def test_neighbours_come_in_order_and_are_repeated_at_the_ends() -> None:
    context = Volumes(view="2.5d", context=1)
    above = predict_grid(run(Shows(2), context, 3), VOLUME, GRID)
    expected = levels(VOLUME)[:, [*range(1, 11), 10]]
    assert np.abs(above.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("spacing", [(3.0, 3.0, 3.0), 2.0])
def test_a_ball_seen_on_another_grid_comes_back_where_it_was(spacing) -> None:
    index = np.stack(np.indices(GRID.shape), -1)
    centre = GRID.to_points([5, 18, 20])
    ball = np.linalg.norm(GRID.to_points(index) - centre, axis=-1) < 15
    volume = np.where(ball, 600, 0).astype(np.int16)[None]
    model = Shows()
    got = predict_grid(run(model, Volumes(spacing_mm=spacing)), volume, GRID)
    assert got.shape == (1, *GRID.shape)
    assert model.sizes[0][-1] != GRID.shape[-1]
    said = got[0] > 127
    assert 2 * (said & ball).sum() / (said.sum() + ball.sum()) > 0.93
    found = GRID.to_points(np.argwhere(said)).mean(0)
    assert np.abs(found - centre).max() < 0.3


def test_an_image_is_predicted_as_its_samples_are() -> None:
    image = ArrayImage(VOLUME, GRID, ("grey",))
    got = predict_volume(run(Shows(), Volumes()), image)
    np.testing.assert_array_equal(got, predict_grid(run(Shows(), Volumes()), VOLUME, GRID))


def test_flips_are_averaged() -> None:
    one = predict_grid(run(Shows(), Volumes()), VOLUME, GRID, Inference(mirroring=True))
    assert np.abs(one.astype(int) - levels(VOLUME)).max() <= 1


def test_runs_of_pictures_and_of_volumes_are_not_confused() -> None:
    pictures = Run(
        Shows(), ModelConfig(Component(name="unet"), 1, ("a",), ("a",)), RunRecord((0.5,))
    )
    with pytest.raises(DataError, match="trained on 2D images, got a volume"):
        predict_any(pictures, VOLUME, GRID)
    with pytest.raises(DataError, match="got a picture"):
        predict_any(run(Shows(), Volumes(view="3d"), window=(8, 8, 8)), VOLUME[:, 0])
    with pytest.raises(DataError, match="known grid"):
        predict_grid(run(Shows(), Volumes(spacing_mm=2.0)), VOLUME, None)


def test_flips_of_one_axis_leave_the_others_alone() -> None:
    class Left(Model):
        """Positive where x is below the middle: mirrored along x it says the opposite."""

        divisor = 1

        def forward(self, inputs: Tensor, valid: Tensor | None = None) -> Output:  # noqa: ARG002
            ramp = torch.linspace(-1, 1, inputs.shape[-1]) * 8
            down = torch.linspace(-1, 1, inputs.shape[-2])[:, None] * 8
            return Output((ramp + 2 * down).expand_as(inputs[:, :1]))

    plain, along_x, along_y = (
        predict_grid(run(Left(), Volumes()), VOLUME, GRID, Inference(mirroring=flips))[0, 0]
        for flips in (False, "x", "y")
    )
    assert np.abs(along_x.astype(int) - along_x[:, ::-1]).max() <= 1
    assert np.abs(along_y.astype(int) - along_y[::-1]).max() <= 1
    assert plain[0, 0] == 0
    assert plain[-1, -1] == 255
    assert along_x[0].max() < 5
    assert along_x[-1].min() > 250


@pytest.mark.parametrize("pieces", ["all", "largest", "auto"])
@pytest.mark.parametrize("spacing", [None, (6.0, 3.0, 3.0)])
def test_of_an_organ_the_largest_piece_is_kept_at_the_threshold_in_use(pieces, spacing) -> None:
    points = GRID.to_points(np.stack(np.indices(GRID.shape), -1))
    organ, stray = (
        np.linalg.norm(points - GRID.to_points(centre), axis=-1) < radius
        for centre, radius in (((5, 12, 12), 14), ((8, 33, 30), 6))
    )
    volume = np.where(organ | stray, 600, 0).astype(np.int16)[None]
    trained = run(Shows(), Volumes(spacing_mm=spacing))
    trained = replace(trained, record=replace(trained.record, largest=("a",)))
    settings = Inference(components=pieces, threshold=0.6)
    said = predict_grid(trained, volume, GRID, settings)[0] >= 0.6 * 255
    assert said[5, 12, 12]
    assert said[8, 33, 30] == (pieces == "all")
    assert said[stray].any() == (pieces == "all")
