"""Trained through the commands: which new images are unlike those of the training."""

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from inklings.cli import app
from inklings.predictions.likeness import FILE
from inklings.predictions.likeness_table import TABLE, read_likeness
from inklings.simulation.phantoms.cohort import nuclei_cohort
from inklings.simulation.phantoms.nuclei import Microscope
from inklings.spec import Experiment
from inklings.tasks.train import train


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on fluorescent nuclei; validation patients are too few to be judged by alone."""
    home = tmp_path_factory.mktemp("likeness")
    cohort = nuclei_cohort(home / "cohort", 28, 64, "fluorescence")
    cases = [
        dataclasses.replace(case, split="val" if k % 4 == 0 else "train")
        for k, case in enumerate(cohort)
    ]
    dataclasses.replace(cohort, cases=tuple(cases)).write(home / "cohort")
    return train(experiment(home / "cohort"), home / "run")


def experiment(cohort: Path) -> Experiment:
    """Six steps of a tiny network."""
    record = {
        "cohort": str(cohort),
        "model": {"name": "unet", "width": 4, "depth": 2},
        "loss": "bce",
        "sampling": {"size": 32},
        "training": {"steps": 6, "batch_size": 4, "precision": "32-true", "loggers": []},
    }
    return Experiment.check(record, "test")


def predicted(run: Path, out: Path, count: int, microscope: Microscope) -> str:
    """What is said of nuclei that the run has not seen."""
    nuclei_cohort(out / "cohort", count, 64, microscope, 1)
    words = ("predict", run, out / "cohort", "--out", out / "predictions")
    result = CliRunner().invoke(app, [*map(str, words)])
    assert result.exit_code == 0, result.output
    return result.output


def test_another_microscope_is_unlike_and_the_same_one_is_not(run: Path, tmp_path: Path) -> None:
    said = " ".join(predicted(run, tmp_path / "a", 6, "stained").split())
    assert "6 of 6 images are unlike the training images" in said
    assert all(one.unlike for one in read_likeness(tmp_path / "a" / "predictions").values())
    predicted(run, tmp_path / "b", 12, "fluorescence")
    found = read_likeness(tmp_path / "b" / "predictions")
    assert np.mean([one.unlike for one in found.values()]) <= 2 / 12


def test_a_run_of_before_says_nothing(run: Path, tmp_path: Path) -> None:
    old = Path(shutil.copytree(run, tmp_path / "old"))
    (old / FILE).unlink()
    assert "unlike" not in predicted(old, tmp_path, 2, "stained")
    assert not (tmp_path / "predictions" / TABLE).exists()


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory")])
def test_a_training_is_not_lost_where_memory_does_not_suffice_to_look(
    run: Path,
    tmp_path: Path,
    error: Exception,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def ended(*_: Any) -> Any:
        raise error

    monkeypatch.setattr("inklings.tasks.likeness.predict_any", ended)
    out = train(experiment(run.parent / "cohort"), tmp_path / "run")
    assert "will not say which images are unlike" in capsys.readouterr().err
    assert (out / "run.json").is_file()
    assert not (out / FILE).exists()
