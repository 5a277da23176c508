import dataclasses
from pathlib import Path

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
from inklings.weak.self_training import Round, relabel, self_train


class Brightness(Model):
    """Calls bright what is bright."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(8.0))

    def forward(self, inputs: Tensor, valid: Tensor | None = None) -> Output:  # noqa: ARG002
        return Output(self.scale * inputs[:, :1])


BLUEPRINT = ModelConfig(Component(name="unet"), 1, ("cell",), ("cell",))
HALF = OperatingPoint((0.5,))
TRAINED = FitResult(
    Brightness(), BLUEPRINT, OperatingPoint((0.5,)), (), 1, 1, 0.0, 0, (), "32-true"
)


def experiment(share: float) -> Experiment:
    return Experiment.check(
        {
            "cohort": ".",
            "model": "unet",
            "loss": "bce",
            "training": {"steps": 1, "precision": "32-true"},
            "self_training": {"iterations": 2, "share": share},
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
    assert record == Round(2, 10, (64 / 1024,), (128 / 1024,))
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
    blind = dataclasses.replace(TRAINED, point=OperatingPoint((1.0,)))
    dark = Brightness()
    dark.scale.data.fill_(-8.0)
    blind = dataclasses.replace(blind, model=dark)
    after, _ = relabel(experiment(1.0), blind, examples, examples, 2)
    assert (after.targets[0].value[0][4:12, 4:12] == 255).all()


def test_a_round_that_would_double_the_positives_of_any_class_is_out_of_balance() -> None:
    assert not Round(2, 1, (0.10,), (0.21,)).balanced
    assert not Round(2, 1, (0.10, 0.10), (0.10, 0.04)).balanced
    assert Round(2, 1, (0.10, 0.02), (0.19, 0.03)).balanced
    assert Round(2, 1, (), (0.19, 0.03)).balanced  # nothing to compare with


class Levels(Model):
    """One channel each for dark, middle and bright: background and two classes."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(9.0))

    def forward(self, inputs: Tensor, valid: Tensor | None = None) -> Output:  # noqa: ARG002
        centres = torch.tensor([-1.0, 0.0, 1.0]).reshape(1, 3, 1, 1)
        return Output(-self.scale * (inputs[:, :1] - centres) ** 2)


def levels() -> FitResult:
    scale = Component(name="window", options={"low": 0, "high": 255})
    channels = ("background", "grey", "bright")
    config = ModelConfig(Component(name="unet"), 1, channels, channels[1:], "softmax", scale)
    point = OperatingPoint((0.4, 0.4))
    return dataclasses.replace(TRAINED, model=Levels(), model_config=config, point=point)


def strokes(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A drawing of three levels; the truth of both classes; strokes, some of them wrong."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 3, (8, 8)).repeat(4, 0).repeat(4, 1)
    said = np.where(rng.random((32, 32)) < 0.2, rng.integers(0, 3, (32, 32)), codes)
    known = rng.random((32, 32)) < 0.1
    classes = np.arange(1, 3)[:, None, None]
    image = np.array([0, 128, 255], np.uint8)[codes][None]
    return image, codes == classes, said == classes, known


@pytest.mark.parametrize("seed", range(5))
def test_of_strokes_every_statement_stays_and_the_rest_is_learnt(seed: int) -> None:
    image, truth, said, known = strokes(seed)
    examples = from_masks([image], [said], [known])
    after, record = relabel(experiment(1.0), levels(), examples, examples, 2)
    (target,) = after.targets
    np.testing.assert_array_equal(target.value >= 128, np.where(known, said, truth))
    assert target.known.all()
    assert record.before == ()
    assert record.balanced  # strokes have no share that could be doubled
    assert record.after == tuple(np.where(known, said, truth).mean((1, 2)).tolist())


@pytest.mark.parametrize("seed", range(5))
def test_exclusive_classes_never_overlap_in_what_is_learnt_next(seed: int) -> None:
    image, truth, _, _ = strokes(seed)
    # All is known and half of the classes are left out: objects stay, gaps are filled.
    said = truth & (np.arange(8).repeat(4) < 4)
    examples = from_masks([image], [said])
    after, record = relabel(experiment(1.0), levels(), examples, examples, 2)
    (target,) = after.targets
    np.testing.assert_array_equal(target.value >= 128, truth)
    assert record.before == tuple(said.mean((1, 2)).tolist())
    assert not (target.value >= 128).all(0).any()


def test_self_training_on_strokes_begins(tmp_path: Path) -> None:
    drawn = [strokes(seed) for seed in range(6)]
    examples = from_masks([d[0] for d in drawn], [d[2] for d in drawn], [d[3] for d in drawn])
    seen: list[Examples] = []

    def trained_on(labels: Examples, _: Path) -> FitResult:
        seen.append(labels)
        return levels()

    _, done = self_train(rounds_of(3), examples, None, trained_on, tmp_path)
    assert [record.number for record in done] == [2, 3]
    assert all(record.kept for record in done)
    assert not all(target.known.all() for target in seen[0].targets)
    assert any(target.known.all() for target in seen[1].targets)


def model_of(scale: float) -> FitResult:
    model = Brightness()
    model.scale.data.fill_(scale)
    return dataclasses.replace(TRAINED, model=model)


def rounds_of(count: int) -> Experiment:
    record = experiment(0.1).model_dump(mode="json")
    return Experiment.check(
        {**record, "self_training": {"iterations": count, "share": 0.1}}, "test"
    )


def test_a_round_that_scores_worse_on_validation_is_the_last_and_does_not_stand(
    tmp_path: Path,
) -> None:
    examples, truth = half_labelled()
    val = from_masks(examples.images, truth)
    # The second round is as good as the first, the third calls dark what is bright.
    models = iter([model_of(8.0), model_of(9.0), model_of(-8.0), model_of(8.0)])
    folders: list[str] = []

    def trained_on(_: Examples, folder: Path) -> FitResult:
        folders.append(folder.name)
        return next(models)

    trained, done = self_train(rounds_of(5), examples, val, trained_on, tmp_path)
    assert folders == ["1", "2", "3"]
    assert trained.model.scale.item() == 9.0
    assert [record.kept for record in done] == [True, False]
    assert done[1].merit is not None
    assert done[0].merit is not None
    assert done[1].merit < done[0].merit


def test_a_round_that_would_double_the_positives_is_not_begun(tmp_path: Path) -> None:
    truth = np.zeros((32, 32), bool)
    truth[4:28, 4:28] = True
    label = np.zeros_like(truth)
    label[14:18, 14:18] = True
    examples = from_masks([(20 + 200 * truth).astype(np.uint8)[None]] * 10, [label] * 10)
    calls = []

    def trained_on(_: Examples, folder: Path) -> FitResult:
        calls.append(folder)
        return TRAINED

    trained, done = self_train(rounds_of(4), examples, None, trained_on, tmp_path)
    assert len(calls) == 1
    assert trained is TRAINED
    assert [(record.number, record.kept, record.merit) for record in done] == [(2, False, None)]
    assert not done[0].balanced


def test_one_round_is_plain_training_in_the_run_folder(tmp_path: Path) -> None:
    examples, _ = half_labelled()
    folders = []

    def trained_on(_: Examples, folder: Path) -> FitResult:
        folders.append(folder)
        return TRAINED

    assert self_train(rounds_of(1), examples, None, trained_on, tmp_path) == (TRAINED, [])
    assert folders == [tmp_path]
