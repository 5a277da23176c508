import dataclasses
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from processes import Killed, rows, same_weights

from inklings.cohorts.cohort import Cohort
from inklings.errors import DataError, InklingsError, LabelError, SpecError
from inklings.inference.dense import predict_array
from inklings.predictions.dense import DensePrediction
from inklings.readers import open_image
from inklings.runs.run import Run, RunRecord
from inklings.spec import Experiment
from inklings.tasks.train import train

Spec = Callable[..., Experiment]


def edited(cohort: Path, change: Callable[[Any], Any]) -> Path:
    """The cohort with ``change`` applied to every case."""
    whole = Cohort.read(cohort)
    dataclasses.replace(whole, cases=tuple(change(case) for case in whole)).write(cohort)
    return cohort


def unlabelled_val(case: Any) -> Any:
    return dataclasses.replace(case, labels=()) if case.split == "val" else case


def called(label: Any, names: tuple[str, ...]) -> Any:
    return dataclasses.replace(label, classes=names)


def test_a_run_folder_holds_what_the_contract_says(
    spec: Spec, cohort: Path, tmp_path: Path
) -> None:
    experiment = spec(cohort, steps=20, validate_every=10, loggers=["tensorboard"])
    out = train(experiment, tmp_path / "run")
    names = {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()}
    assert {
        "experiment.yaml",
        "weights.safetensors",
        "model.json",
        "run.json",
        "metrics.csv",
        "samples/step-000010.png",
        "samples/step-000020.png",
        "checkpoints/last/state.json",
    } <= names
    assert any("events.out" in name for name in names)
    assert not any(name.endswith((".pt", ".pth", ".ckpt", ".pkl")) for name in names)
    assert Experiment.load(out / "experiment.yaml") == experiment
    record = RunRecord.read(out)
    assert record.trained_on == tuple(f"patient{i}" for i in range(8))
    assert record.split_hash == Cohort.read(cohort).split_hash
    assert record.facts["steps"] == 20
    assert record.facts["non_finite_steps"] == 0
    assert record.versions["torch"] == torch.__version__


def test_a_run_predicts_what_the_training_validated(
    spec: Spec, cohort: Path, tmp_path: Path
) -> None:
    out = train(spec(cohort, steps=40, batch_size=8), tmp_path / "run")
    run = Run.load(out)
    case = Cohort.read(cohort).part("test")[0]
    with open_image(case.images["image"]) as image:
        pixels = image.read(image.geometry.full)
    dense = predict_array(run, pixels)
    found = dense[0] >= 255 * run.thresholds[0]
    bright = pixels.mean(0) > 105
    assert 2 * (found & bright).sum() / (found.sum() + bright.sum()) > 0.85
    assert DensePrediction("x", Path("x"), dense).dense.dtype == np.uint8


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda c: dataclasses.replace(c, split=None), DataError, "run 'inklings split"),
        (lambda c: dataclasses.replace(c, split="test"), DataError, "cases in the train part"),
        (lambda c: dataclasses.replace(c, labels=()), LabelError, "expected labels in the train"),
    ],
)
def test_a_cohort_that_cannot_be_trained_on_is_refused_in_one_line(
    spec: Spec,
    cohort: Path,
    tmp_path: Path,
    change: Callable[[Any], Any],
    error: type[InklingsError],
    message: str,
) -> None:
    with pytest.raises(error, match=message) as caught:
        train(spec(edited(cohort, change)), tmp_path / "run")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_finished_run_is_refused_and_with_resume_left_alone(
    spec: Spec, cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = train(spec(cohort), tmp_path / "run")
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*")}
    with pytest.raises(SpecError, match="holds a finished run"):
        train(spec(cohort), out)
    train(spec(cohort), out, resume=True)
    assert "the run is finished, nothing to do" in capsys.readouterr().err
    for key, other in (
        ("training.steps", spec(cohort, steps=8)),
        ("inference.threshold", spec(cohort, inference={"threshold": 0.25})),
    ):
        with pytest.raises(SpecError, match=f"finished run with another {key}; choose another"):
            train(other, out, resume=True)
    assert {p: p.stat().st_mtime_ns for p in out.rglob("*")} == before


def test_a_training_goes_on_from_any_working_folder_and_with_no_other_cohort(
    spec: Spec, cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(cohort, tmp_path / "mine" / "cohort")
    monkeypatch.chdir(tmp_path / "mine")
    out = train(spec(Path("cohort")), Path("runs/a"))
    assert Experiment.load(out / "experiment.yaml").cohort == Path("cohort")
    assert Run.load(out).experiment == spec(Path("cohort"))
    (out / "run.json").unlink()
    out, home = out.resolve(), tmp_path / "yours"
    home.mkdir()
    monkeypatch.chdir(home)
    shutil.copytree(cohort, home / "cohort")
    there = Cohort.read(home / "cohort")
    parts = {"train": "val", "val": "train", "test": "test"}
    others = [dataclasses.replace(case, split=parts[str(case.split)]) for case in there]  # type: ignore[arg-type]
    dataclasses.replace(there, cases=tuple(others)).write(home / "cohort")
    with pytest.raises(DataError, match="unfinished training on split"):
        train(spec(Path("cohort")), out)
    again = Experiment.load(Path("../mine/runs/a/experiment.yaml"))
    assert again.cohort.resolve() == (tmp_path / "mine" / "cohort").resolve()
    given = Experiment.load(Path("../mine/runs/a/experiment.yaml"), ["cohort=cohort"])
    assert given.cohort == Path("cohort")  # what is said on the command line is said from here
    train(again, Path("../mine/runs/a"))
    assert RunRecord.read(out).split_hash == Cohort.read(tmp_path / "mine" / "cohort").split_hash


def test_an_unfinished_run_of_another_experiment_is_in_the_way(
    spec: Spec, cohort: Path, tmp_path: Path
) -> None:
    out = train(spec(cohort), tmp_path / "run")
    (out / "run.json").unlink()
    with pytest.raises(SpecError, match=r"another training\.steps"):
        train(spec(cohort, steps=8), out)
    train(spec(cohort), out)
    assert (out / "run.json").is_file()


def test_a_start_that_came_to_nothing_does_not_block_the_corrected_command(
    spec: Spec, cohort: Path, tmp_path: Path
) -> None:
    with pytest.raises(InklingsError, match="needs labelled disc"):
        train(
            spec(edited(cohort, unlabelled_val), inference={"threshold": "prior"}), tmp_path / "r"
        )
    assert (tmp_path / "r" / "begun.json").exists()
    out = train(
        spec(cohort, steps=2, model={"name": "unet", "width": 6, "depth": 1}), tmp_path / "r"
    )
    assert RunRecord.read(out).facts["steps"] == 2


@pytest.mark.parametrize("names", [("core",), ("core", "rim")])
@pytest.mark.parametrize("how", [{}, {"loss": "cross_entropy"}])
def test_classes_may_be_called_as_channels_that_are_none(
    spec: Spec, cohort: Path, tmp_path: Path, names: tuple[str, ...], how: dict[str, Any]
) -> None:
    whole = Cohort.read(cohort)
    renamed = [
        dataclasses.replace(c, labels=tuple(called(one, names) for one in c.labels)) for c in whole
    ]
    dataclasses.replace(whole, cases=tuple(renamed), classes=names).write(cohort)
    cores = {"name": "full", "cores": True}
    out = train(spec(cohort, steps=2, supervision=cores, **how), tmp_path / "run")
    run = Run.load(out)
    assert run.classes == names
    assert len(run.thresholds) == len(names)
    assert len(predict_array(run, np.zeros((3, 32, 32), np.uint8))) == len(names) + 1


def test_a_class_that_means_none_is_refused(spec: Spec, cohort: Path, tmp_path: Path) -> None:
    dataclasses.replace(Cohort.read(cohort), classes=("disc", "background")).write(cohort)
    with pytest.raises(DataError, match="called 'background', which means no class"):
        train(spec(cohort), tmp_path / "run")


def test_weights_that_have_seen_the_test_patients_are_refused_unless_told(
    spec: Spec, cohort: Path, tmp_path: Path
) -> None:
    first = train(spec(cohort), tmp_path / "first")
    swapped = edited(
        cohort,
        lambda c: dataclasses.replace(
            c, split={"train": "test", "val": "val", "test": "train"}[c.split]
        ),
    )
    with pytest.raises(DataError, match=r"6 test patients .* --allow-seen-test-patients"):
        train(spec(swapped), tmp_path / "second", start=first)
    out = train(spec(swapped), tmp_path / "second", start=first, allow_seen_test_patients=True)
    assert "test results are too good" in RunRecord.read(out).warnings[0]


def test_an_unfinished_run_does_not_go_on_with_a_split_that_leaks(
    spec: Spec, cohort: Path, tmp_path: Path
) -> None:
    out = train(spec(cohort), tmp_path / "run")
    (out / "run.json").unlink()
    edited(cohort, lambda c: dataclasses.replace(c, split="test" if c.split == "val" else c.split))
    with pytest.raises(DataError, match="2 test patients"):
        train(spec(cohort), out)


def test_fine_tuning_begins_with_the_weights_of_a_run_or_a_foreign_file(
    spec: Spec, cohort: Path, tmp_path: Path
) -> None:
    first = train(spec(cohort), tmp_path / "first")
    weights = Run.load(first).model.state_dict()
    torch.save({"state_dict": {f"module.{k}": v for k, v in weights.items()}}, tmp_path / "w.pth")
    for i, source in enumerate((first, first / "weights.safetensors", tmp_path / "w.pth")):
        out = train(spec(cohort, steps=1, learning_rate=1e-12), tmp_path / f"{i}", start=source)
        head = Run.load(out).model.state_dict()["head.weight"]
        assert torch.allclose(head, weights["head.weight"], atol=1e-8)


def test_a_foreign_file_with_code_in_it_is_not_opened(
    spec: Spec, cohort: Path, tmp_path: Path
) -> None:
    torch.save({"w": Path("/")}, tmp_path / "evil.pth")
    with pytest.raises(InklingsError, match=r"evil\.pth"):
        train(spec(cohort), tmp_path / "run", start=tmp_path / "evil.pth")


def test_images_beyond_the_memory_budget_are_mapped_and_give_the_same_weights(
    spec: Spec, cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = train(spec(cohort), tmp_path / "plain")
    monkeypatch.setenv("INKLINGS_MEMORY_GB", "0.00002")
    mapped = train(spec(cohort), tmp_path / "mapped")
    assert same_weights(plain, mapped)
    assert not (mapped / "scratch").exists()


def long_run(spec: Spec, cohort: Path) -> Experiment:
    return spec(
        cohort,
        steps=60,
        checkpoint_every=7,
        validate_every=20,
        ema=0.9,
        accumulate=2,
        precision="auto",
        sampling={"size": 32, "foreground": 0.5},
    )


def test_killed_in_the_middle_of_an_epoch_and_resumed_it_ends_bit_for_bit_the_same(
    spec: Spec, cohort: Path, tmp_path: Path
) -> None:
    experiment = long_run(spec, cohort)
    whole = train(experiment, tmp_path / "whole")
    broken = Killed(experiment, tmp_path / "broken")
    assert broken.kill_when(lambda: broken.step() >= 14)
    assert not (broken.out / "run.json").exists()
    assert broken.start().wait() == 0
    assert same_weights(whole, broken.out)
    assert rows(whole) == rows(broken.out)


@pytest.mark.slow
def test_twenty_kills_at_random_moments_lose_nothing(
    spec: Spec, cohort: Path, tmp_path: Path
) -> None:
    experiment = long_run(spec, cohort)
    whole, start = tmp_path / "whole", time.monotonic()
    assert Killed(experiment, whole).start().wait() == 0
    duration = time.monotonic() - start
    rng = random.Random(0)
    kills = 0
    for attempt in range(200):
        if kills == 20:
            break
        broken = Killed(experiment, tmp_path / f"broken{attempt // 5}")
        end = time.monotonic() + duration * rng.uniform(0.3, 1.0)
        kills += broken.kill_when(lambda end=end: time.monotonic() > end)
    assert kills == 20
    for folder in sorted(tmp_path.glob("broken*/")):
        assert Killed(experiment, folder).start().wait() == 0
        assert same_weights(whole, folder), folder
        assert rows(whole) == rows(folder)
        assert sum(1 for _ in (folder / "checkpoints/last").glob("*.safetensors")) == 1


@pytest.mark.slow
def test_two_processes_train_one_network_and_only_one_speaks(
    spec: Spec, cohort: Path, tmp_path: Path
) -> None:
    command = Path(sys.executable).parent / "inklings"
    if not command.is_file():
        pytest.skip("the inklings command is not installed beside this Python")
    spec(cohort, devices=2, loggers=["tensorboard"]).write(tmp_path / "experiment.yaml")
    done = subprocess.run(
        [command, "train", tmp_path / "experiment.yaml", "--out", tmp_path / "run"],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    assert "inklings:" not in done.stderr
    assert RunRecord.read(tmp_path / "run").facts["steps"] == 6


def test_kept_steps_are_runs_of_their_own(spec: Spec, cohort: Path, tmp_path: Path) -> None:
    constant = {"schedule": "constant", "validate_every": None}
    out = train(spec(cohort, steps=6, keep_steps=[2, 4], **constant), tmp_path / "run")
    short = train(spec(cohort, steps=4, **constant), tmp_path / "short")
    assert sorted(p.name for p in (out / "steps").iterdir()) == ["2", "4"]
    assert not [*out.rglob("step-*.safetensors")]
    kept, ended = Run.load(out / "steps" / "4"), Run.load(short)
    for name, value in ended.model.state_dict().items():
        torch.testing.assert_close(kept.model.state_dict()[name], value, rtol=0, atol=0)
    assert kept.thresholds == ended.thresholds
    assert kept.record.facts["steps"] == 4
    assert kept.record.trained_on == ended.record.trained_on
    last = Run.load(out)
    assert any(
        not torch.equal(value, kept.model.state_dict()[name])
        for name, value in last.model.state_dict().items()
    )


def test_a_step_that_never_comes_is_not_kept(spec: Spec, cohort: Path, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="keep_steps: expected steps up to the last one, 3, got 9"):
        train(spec(cohort, steps=3, keep_steps=[2, 9]), tmp_path / "run")


def test_the_rate_falls_where_validation_stands_still(
    spec: Spec, cohort: Path, tmp_path: Path
) -> None:
    plateau = {"name": "reduce_on_plateau", "factor_each": 0.5, "patience": 0}
    asked = {"learning_rate": 1e-9, "schedule": plateau, "log_every": 1}
    out = train(spec(cohort, steps=6, validate_every=1, **asked), tmp_path / "run")
    names, *lines = rows(out)
    rates = [float(line[names.index("learning_rate")]) for line in lines]
    # Nothing is learnt at such a rate: every validation after the first is no better.
    assert rates == pytest.approx([1e-9 / 2**drops for drops in (0, 0, 1, 2, 3, 4)], rel=1e-3)
    with pytest.raises(SpecError, match="expected validate_every with reduce_on_plateau"):
        train(spec(cohort, steps=6, **asked), tmp_path / "other")
