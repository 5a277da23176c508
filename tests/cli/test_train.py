import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from inklings.cli import app
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.labels.kinds import MaskLabel, PointLabel
from inklings.runs.run import Run

EXPERIMENT = """
cohort: elsewhere
model: {name: unet, width: 4, depth: 2}
loss: bce_dice
sampling: {size: 32}
training: {steps: 9000, batch_size: 4, loggers: []}
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """An experiment file, and a cohort of four pictures with a bright half."""
    cases = []
    for i, split in enumerate(("train", "train", "val", "test")):
        mask = np.zeros((48, 48), np.uint8)
        mask[:, : 10 + 8 * i] = 1
        Image.fromarray(mask * 100 + 50).save(tmp_path / f"{i}.png")
        Image.fromarray(mask).save(tmp_path / f"{i}-mask.png")
        label = MaskLabel(tmp_path / f"{i}-mask.png", "image", "classes", ("half",))
        cases.append(
            Case(f"c{i}", f"p{i}", {"image": tmp_path / f"{i}.png"}, (label,), split)  # type: ignore[arg-type]
        )
    Cohort("halves", tuple(cases), ("half",)).write(tmp_path / "cohort")
    (tmp_path / "experiment.yaml").write_text(EXPERIMENT)
    return tmp_path / "experiment.yaml", tmp_path / "cohort"


def call(files: tuple[Path, Path], out: Path, *more: str) -> list[str]:
    experiment, cohort = files
    changes = ["--set", f"cohort={cohort}", "--set", "training.steps=3"]
    return ["train", str(experiment), *changes, "--out", str(out), *more]


def test_train_leaves_a_run_and_says_so_on_standard_output_in_one_line(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    call_it = [sys.executable, "-c", "from inklings.cli import run; run()"]
    done = subprocess.run(
        [*call_it, *call(files, tmp_path / "run")], capture_output=True, text=True, check=True
    )
    assert done.stdout.count("\n") == 1
    said = re.match(
        r"3 steps in (\d+) s \(start (\d+), reading (\d+), steps (\d+), finishing (\d+)\)",
        done.stdout,
    )
    assert said is not None, done.stdout
    total, *parts = map(int, said.groups())
    assert abs(total - sum(parts)) <= 3  # all of it, each rounded
    assert parts[0] >= 1  # torch alone takes so long to import
    assert done.stdout.rstrip().endswith(f"-> {tmp_path / 'run'}")
    assert "lightning" not in (done.stdout + done.stderr).lower()
    assert Run.load(tmp_path / "run").classes == ("half",)


def test_quiet_means_no_notes(files: tuple[Path, Path], tmp_path: Path) -> None:
    result = CliRunner().invoke(app, call(files, tmp_path / "run", "--quiet"))
    assert result.exit_code == 0
    assert result.stderr == ""


def test_a_finished_run_is_refused_with_code_2_and_one_line(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    runner = CliRunner()
    assert runner.invoke(app, call(files, tmp_path / "run")).exit_code == 0
    again = runner.invoke(app, call(files, tmp_path / "run"))
    assert again.exit_code == 2
    assert again.stderr.count("\n") == 1
    assert "finished run" in again.stderr
    assert runner.invoke(app, call(files, tmp_path / "run", "--resume")).exit_code == 0


def test_deterministic_twice_gives_the_same_weights(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    weights = []
    for name in ("a", "b"):
        result = CliRunner().invoke(app, call(files, tmp_path / name, "--deterministic"))
        assert result.exit_code == 0, result.stderr
        weights.append((tmp_path / name / "weights.safetensors").read_bytes())
    assert weights[0] == weights[1]


def test_an_unsplit_cohort_is_refused_with_the_command_that_splits_it(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    result = CliRunner().invoke(app, call(files, tmp_path / "run", "--set", "cohort=nowhere"))
    assert result.exit_code == 2
    assert "make one with 'inklings import'" in result.stderr


def test_the_recipe_for_weak_labels_says_what_it_found_and_where_it_cuts(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "weak"
    recipe = ["--set", "correction=auto", "--set", "inference.threshold=prior", "--trusted", "c0"]
    result = CliRunner().invoke(app, call(files, out, *recipe, "--quiet"))
    assert result.exit_code == 0, result.output
    (record,) = json.loads((out / "correction.json").read_text())["evidence"]
    assert record["class"] == "half"
    assert record["images"] == 3
    run = json.loads((out / "run.json").read_text())
    assert 0 < run["prior"][0]["value"] < 1
    assert "trusted" in (out / "experiment.yaml").read_text()


def test_boxes_are_learnt_with_their_loss_and_cut_at_one_half(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    out, boxes = tmp_path / "run", ["--set", "supervision=boxes"]
    done = CliRunner().invoke(app, call(files, out, *boxes, "--set", "loss=box"))
    assert done.exit_code == 0, done.output
    assert json.loads((out / "run.json").read_text())["thresholds"] == [0.5]
    done = CliRunner().invoke(app, call(files, tmp_path / "other", *boxes))
    assert done.exit_code == 2
    assert "take loss: box with it" in done.output


def test_a_point_in_every_object_is_learnt_from_and_one_without_a_next_is_refused(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    cases = []
    for case in Cohort.read(files[1]):
        points = [PointLabel("image", "half", at) for at in ((10.0, 4.0), (40.0, 4.0))]
        cases.append(dataclasses.replace(case, labels=tuple(points)))
    Cohort("halves", tuple(cases), ("half",)).write(tmp_path / "points")
    asked = [
        "--set",
        f"cohort={tmp_path / 'points'}",
        "--set",
        "supervision=points",
        "--set",
        "loss=bce",
    ]
    done = CliRunner().invoke(app, call(files, tmp_path / "run", *asked))
    assert done.exit_code == 0, done.output
    assert Run.load(tmp_path / "run").classes == ("half",)
    assert "over 30.0 pixels from every mark" in done.output
    assert Run.load(tmp_path / "run").record.facts["reach"] == {
        "distance": 30.0,
        "unit": "pixels",
        "source": "the distance from point to point, image by image",
    }
    alone = [dataclasses.replace(case, labels=case.labels[:1]) for case in cases]
    Cohort("halves", tuple(alone), ("half",)).write(tmp_path / "alone")
    asked[1] = f"cohort={tmp_path / 'alone'}"
    done = CliRunner().invoke(app, call(files, tmp_path / "other", *asked))
    assert done.exit_code == 2
    assert "say it: supervision: {name: points, reach: 20}" in done.output


def test_exact_case_that_is_not_there_is_refused_in_one_line(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    wrong = ["--set", "correction=auto", "--trusted", "c9"]
    result = CliRunner().invoke(app, call(files, tmp_path / "run", *wrong, "--quiet"))
    assert result.exit_code == 2
    assert "expected cases of the train or val part, got c9" in result.output


def test_self_training_keeps_each_round_and_what_it_changed(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "rounds"
    rounds = [
        "--set",
        "self_training.iterations=2",
        "--set",
        "self_training.share=1",
        "--set",
        "inference.threshold=0.5",
    ]
    result = CliRunner().invoke(app, call(files, out, *rounds, "--quiet"))
    assert result.exit_code == 0, result.output
    (record,) = json.loads((out / "run.json").read_text())["facts"]["rounds"]
    assert record["number"] == 2
    assert record["relabelled"] == 2
    assert (out / "rounds" / "1" / "checkpoints").is_dir()
    assert Run.load(out).classes == ("half",)


def test_a_scheduler_that_takes_the_time_away_is_told_how_to_go_on(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    # SLURM sends SIGTERM before it kills.
    words = call(files, tmp_path / "run")
    words[words.index("training.steps=3")] = "training.steps=9000"
    start = [sys.executable, "-c", "from inklings.cli import run; run()", *words]
    running = subprocess.Popen(start, stderr=subprocess.PIPE, text=True)
    assert running.stderr is not None
    said = []
    for line in running.stderr:
        said.append(line)
        if line.startswith("train: step"):
            running.terminate()
    assert running.wait() == 143, said
    assert said[-1].startswith("inklings: interrupted; run the same command again")
