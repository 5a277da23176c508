import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage

from inklings.data.examples import Examples, from_masks
from inklings.errors import DataError, SpecError
from inklings.losses.bce import BCE
from inklings.losses.cross_entropy import CrossEntropy
from inklings.spec import Experiment
from inklings.supervision.base import FarBackground, Target
from inklings.tasks.pixels import learn, prepare
from inklings.training.trainer import total_steps
from inklings.training.validation import SegmentationValidator

Spec = Callable[..., Experiment]


def weights_of(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {k: v.clone() for k, v in model.state_dict().items()}


def equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return list(a) == list(b) and all(torch.equal(a[k], b[k]) for k in a)


def test_a_small_network_learns_to_find_discs(
    spec: Spec, discs: Examples, val_discs: Examples
) -> None:
    experiment = spec(steps=60, batch_size=8, model={"name": "unet", "width": 8, "depth": 2})
    trained = learn(experiment, discs, val_discs, classes=("disc",))
    score = SegmentationValidator(val_discs, experiment, trained.model_config).score(
        trained.model, BCE()
    )
    assert score.dice > 0.9
    assert trained.history[-1]["loss"] < 0.7 * trained.history[0]["loss"]
    assert 0 < trained.thresholds[0] < 1
    assert trained.warnings == ()
    assert trained.steps == 60


def test_nothing_is_written_without_a_folder(
    spec: Spec, discs: Examples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    learn(spec(), discs)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(
    spec: Spec, discs: Examples, precision: str
) -> None:
    runs = [
        weights_of(learn(spec(deterministic=True, seed=s, precision=precision), discs).model)
        for s in (0, 0, 1)
    ]
    assert equal(runs[0], runs[1])
    assert not equal(runs[0], runs[2])
    assert not torch.are_deterministic_algorithms_enabled()


def test_images_do_not_have_to_be_of_one_size_nor_as_large_as_a_crop(
    spec: Spec, discs: Examples
) -> None:
    images = [image[:, : 20 + 4 * i, : 60 - 3 * i] for i, image in enumerate(discs.images)]
    masks = [t.value[0, : 20 + 4 * i, : 60 - 3 * i] for i, t in enumerate(discs.targets)]
    trained = learn(spec(), from_masks(images, masks))
    assert trained.skipped == 0
    assert math.isfinite(trained.history[-1]["loss"])


def test_accumulated_batches_give_the_gradient_of_one_large_batch(
    spec: Spec, discs: Examples
) -> None:
    plain = {"augment": [], "size": 64}
    common = {"optimiser": {"name": "sgd", "momentum": 0.0}, "schedule": "constant", "loss": "bce"}
    small = spec(steps=1, batch_size=6, accumulate=2, sampling=plain, clip_gradient=None, **common)
    large = spec(steps=1, batch_size=12, sampling=plain, clip_gradient=None, **common)
    a, b = (weights_of(learn(e, discs).model) for e in (small, large))
    # One epoch is twelve images, so both steps see all of them; only batch statistics differ.
    assert torch.allclose(a["head.weight"], b["head.weight"], atol=2e-4)
    assert not torch.equal(a["head.weight"], b["head.weight"])


def test_epochs_count_images_not_batches(spec: Spec) -> None:
    assert total_steps(spec(steps=None, epochs=3, batch_size=4).training, 12) == 9
    assert total_steps(spec(steps=None, epochs=3, batch_size=4, accumulate=2).training, 12) == 5


def test_minutes_end_a_run_and_the_rate_follows_the_clock(spec: Spec, discs: Examples) -> None:
    trained = learn(spec(steps=10**6, minutes=0.05, log_every=1), discs)
    assert 2.9 < trained.seconds < 6
    assert 5 < trained.steps < 10**6
    rates = [row["learning_rate"] for row in trained.history]
    assert rates[-1] < 0.05 * max(rates)
    assert rates[0] < 0.5 * max(rates)


def test_a_clock_and_deterministic_contradict_each_other(spec: Spec, discs: Examples) -> None:
    with pytest.raises(SpecError, match="a clock never gives the same weights twice"):
        learn(spec(minutes=1, deterministic=True), discs)


def test_the_best_weights_are_kept_and_a_run_without_progress_stops(
    spec: Spec, discs: Examples, val_discs: Examples
) -> None:
    wild = spec(
        steps=40,
        validate_every=2,
        patience=3,
        learning_rate=1e-9,
        optimiser={"name": "sgd", "momentum": 0.0},
    )
    trained = learn(wild, discs, val_discs)
    assert trained.steps < 40
    assert trained.best_step == trained.steps - 6
    with pytest.raises(SpecError, match="expected validate_every"):
        learn(spec(patience=3), discs, val_discs)


def test_the_average_of_weights_is_what_a_run_with_ema_returns(spec: Spec, discs: Examples) -> None:
    plain, averaged = (learn(spec(ema=ema, steps=8), discs).model for ema in (None, 0.99))
    assert not equal(weights_of(plain), weights_of(averaged))


def test_exclusive_classes_get_a_background_and_a_softmax(
    spec: Spec, discs: Examples, val_discs: Examples
) -> None:
    experiment = spec(loss="cross_entropy", steps=30, batch_size=8)
    trained = learn(experiment, discs, val_discs, classes=("disc",))
    assert trained.model_config.channels == ("background", "disc")
    assert trained.model_config.activation == "softmax"
    validator = SegmentationValidator(val_discs, experiment, trained.model_config)
    assert validator.dense(trained.model, 0).shape == (1, 64, 64)
    assert validator.score(trained.model, CrossEntropy()).dice > 0.6


def test_whole_images_are_resized_where_the_recipe_says_so(
    spec: Spec, discs: Examples, val_discs: Examples
) -> None:
    experiment = spec(
        sampling={"size": 32, "resize": True, "augment": []},
        intensity="half",
        loss="dice",
        steps=4,
        validate_every=2,
    )
    trained = learn(experiment, discs, val_discs)
    assert trained.model_config.resize == 32
    dense = SegmentationValidator(val_discs, experiment, trained.model_config).dense(
        trained.model, 0
    )
    assert dense.shape == (1, 64, 64)


def strokes_of(discs: Examples) -> Examples:
    """The cores of discs as strokes, and a ring of background 14 pixels from each."""
    targets = []
    for target in discs.targets:
        inside = target.value[0] > 0
        stroke = ndimage.distance_transform_edt(inside) > 5
        away = ndimage.distance_transform_edt(~stroke)
        ring = (np.abs(away - 14) < 1) & ~inside
        targets.append(Target(stroke[None] * np.uint8(255), stroke | ring))
    return replace(discs.with_targets(targets), far=FarBackground(None, 0.5))


def test_an_estimated_reach_is_said(
    spec: Spec, discs: Examples, capsys: pytest.CaptureFixture[str]
) -> None:
    trained = learn(spec(steps=2), strokes_of(discs))
    assert trained.facts["reach"]["distance"] == pytest.approx(14.5, abs=1)
    assert "estimated from background strokes" in capsys.readouterr().err


def test_the_reach_is_that_of_the_images_also_where_they_are_resized(
    spec: Spec, discs: Examples
) -> None:
    strokes, half = strokes_of(discs), {"size": 32, "resize": True, "augment": []}
    prepared = prepare(spec(sampling=half), strokes, None, ("disc",), ("disc",))
    assumed = prepared.batches().batch(0).assumed
    assert assumed is not None
    far = np.mean([_far(target, 14.5) for target in strokes.targets])
    assert float(assumed.float().mean()) == pytest.approx(far, abs=0.1)


def _far(target: Target, reach: float) -> float:
    away = ndimage.distance_transform_edt(target.value[0] == 0)
    return float(((away > reach) & ~target.known[0]).mean())


def test_first_weights_are_taken_and_others_refused(spec: Spec, discs: Examples) -> None:
    first = learn(spec(), discs).model
    frozen = spec(steps=1, learning_rate=1e-12)
    again = learn(frozen, discs, initial=weights_of(first)).model
    assert torch.allclose(again.head.weight, first.head.weight, atol=1e-8)
    wrong = weights_of(first) | {"head.weight": torch.zeros(7, 4, 1, 1)}
    with pytest.raises((DataError, SpecError), match=r"head\.weight"):
        learn(frozen, discs, initial=wrong)


def test_targets_of_another_number_of_channels_are_refused(spec: Spec, discs: Examples) -> None:
    with pytest.raises(SpecError, match="expected targets with 2 channels, got 1"):
        learn(spec(), discs, channels=("disc", "core"))
    both = from_masks(discs.images, [np.repeat(t.value, 2, 0) for t in discs.targets])
    trained = learn(spec(), both, both, classes=("disc",), channels=("disc", "core"))
    assert len(trained.thresholds) == 1


def test_a_prior_without_held_out_positives_is_refused_before_any_training(
    spec: Spec, discs: Examples, val_discs: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inklings.training.fit.run", lambda *_: pytest.fail("it trained"))
    asked = spec(inference={"threshold": "prior"})
    empty = from_masks(val_discs.images, [np.zeros((64, 64), np.bool_) for _ in val_discs.images])
    with pytest.raises(
        SpecError, match="needs labelled disc in the validation part, got none in 4"
    ):
        learn(asked, discs, empty, classes=("disc",))
    with pytest.raises(SpecError, match="got none in 0 images"):
        learn(asked, discs, classes=("disc",))


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_a_network_has_as_many_inputs_as_the_images_have_channels(
    spec: Spec, discs: Examples, channels: int
) -> None:
    masks = [target.value[0] > 0 for target in discs.targets]
    seen = from_masks([np.resize(image, (channels, 64, 64)) for image in discs.images], masks)
    assert learn(spec(steps=1), seen).model_config.in_channels == channels
