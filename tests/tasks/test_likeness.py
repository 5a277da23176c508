"""Trained through the commands: which new images are unlike those of the training."""

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from inklings.cli import app
from inklings.cohorts.case import Case, Split
from inklings.cohorts.cohort import Cohort
from inklings.inference.predict import predict
from inklings.labels.kinds import BallLabel
from inklings.predictions.likeness import FILE
from inklings.predictions.likeness_table import TABLE, read_likeness
from inklings.readers.bag_files import write as write_bag
from inklings.runs.run import Run
from inklings.simulation.phantoms.bags import vector_bags
from inklings.simulation.phantoms.cohort import nuclei_cohort
from inklings.simulation.phantoms.nuclei import Microscope
from inklings.spec import Component, Experiment, SegmentationExperiment
from inklings.tasks.likeness import likeness_of
from inklings.tasks.train import train
from inklings.testing.bags import bag_experiment
from inklings.testing.runs import blobs, untrained_run, write_pyramid


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
    assert "will not report unlike images" in capsys.readouterr().err
    assert (out / "run.json").is_file()
    assert not (out / FILE).exists()


def judged(run: Path, like: list[Path], unlike: list[Path], out: Path) -> None:
    """New cases as those of the training are not called unlike, others are."""
    for images, expected in ((like, False), (unlike, True)):
        folder = out / str(expected)
        predict(run, images, folder)
        found = read_likeness(folder)
        assert len(found) == len(images)
        share = np.mean([one.unlike for one in found.values()])
        assert share == 1 if expected else share < 0.5


def test_slides_are_compared_by_some_of_their_windows(tmp_path: Path) -> None:
    def written(name: str, count: int, seed: int, darker: float = 1.0) -> list[Path]:
        paths = [tmp_path / f"{name}{k}.tiff" for k in range(count)]
        for k, path in enumerate(paths):
            write_pyramid(path, (blobs((260, 220), seed + k) * darker).astype(np.uint8), 1.0)
        return paths

    home = untrained_run(tmp_path / "run", intensity=Component(name="half"), spacing_um=1.0)
    parts: tuple[Split, ...] = ("train", "val")
    cases = [
        Case(path.stem, path.stem, {"slide": path}, (), parts[k % 2])
        for k, path in enumerate(written("s", 12, 0))
    ]
    run = Run.load(home)
    assert isinstance(run.experiment, SegmentationExperiment)
    tiled = run.experiment.model_copy(update={"tiles": "tiles"})
    found = likeness_of(dataclasses.replace(run, experiment=tiled), Cohort("s", tuple(cases), ()))
    assert found is not None
    found.write(home)
    judged(home, written("n", 4, 50), written("d", 4, 60, 0.6), tmp_path / "out")


def test_scans_of_a_detector_are_compared(tmp_path: Path) -> None:
    def written(name: str, count: int, noise: float = 12) -> list[Path]:
        paths = [tmp_path / f"{name}{k}.nii.gz" for k in range(count)]
        for k, path in enumerate(paths):
            rng = np.random.default_rng([len(name), k])
            values = 300 + 400 * rng.random((16, 16, 16)) + noise * rng.normal(size=(16, 16, 16))
            nibabel.save(nibabel.Nifti1Image(values.astype("f4"), np.diag([2.0, 2, 2, 1])), path)
        return paths

    label = BallLabel("mr", "lesion", (0.0, 0.0, 16.0), 8.0)
    cases = [
        Case(path.name[:2], path.name[:2], {"mr": path}, (label,), "train")
        for path in written("s", 10)
    ]
    Cohort("lesions", tuple(cases), ("lesion",)).write(tmp_path / "cohort")
    record = {
        "task": "detection",
        "cohort": str(tmp_path / "cohort"),
        "model": {"name": "centre_point", "width": 4, "blocks": 1},
        "loss": "centre_point",
        "training": {"steps": 2, "batch_size": 2, "loggers": [], "precision": "32-true"},
        "detection": {"side": 16, "spacing_mm": 2.0},
    }
    run = train(Experiment.check(record, "test"), tmp_path / "run")
    judged(run, written("new", 4), written("loud", 4, 900), tmp_path / "out")


def test_bags_are_compared_by_what_their_instances_are_encoded_as(tmp_path: Path) -> None:
    def written(name: str, shift: float) -> list[Path]:
        paths = [tmp_path / f"{name}{k}.h5" for k in range(4)]
        for k, path in enumerate(paths):
            write_bag(path, np.random.default_rng(k).normal(shift, 1, (4, 4)).astype("f4"))
        return paths

    vector_bags(tmp_path / "c", 60)
    run = train(bag_experiment(tmp_path / "c", 3), tmp_path / "run")
    judged(run, written("like", 0), written("far", 40), tmp_path / "out")
