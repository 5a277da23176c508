import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from inklings.changes import change
from inklings.cli import app
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.errors import SpecError
from inklings.labels.kinds import MaskLabel
from inklings.library.planning import plan, plan_of_run
from inklings.planning.budget import without_minutes
from inklings.planning.races import Result
from inklings.runs.run import Run
from inklings.spec import Experiment


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    """Twelve dark pictures with two bright discs each, of twelve patients, not split."""
    return discs(tmp_path, 9)


def discs(tmp_path: Path, radius: int) -> Path:
    rng = np.random.default_rng(0)
    cases = []
    y, x = np.mgrid[:64, :64]
    for i in range(12):
        mask = np.zeros((64, 64), np.uint8)
        for cy, cx in rng.integers(12, 52, (2, 2)):
            mask[(y - cy) ** 2 + (x - cx) ** 2 < radius**2] = 1
        picture = mask * 120 + rng.integers(5, 40, mask.shape).astype(np.uint8)
        Image.fromarray(picture).save(tmp_path / f"{i}.png")
        Image.fromarray(mask).save(tmp_path / f"{i}-mask.png")
        label = MaskLabel(tmp_path / f"{i}-mask.png", "image", "classes", ("disc",))
        cases.append(Case(f"c{i}", f"p{i}", {"image": tmp_path / f"{i}.png"}, (label,)))
    Cohort("discs", tuple(cases), ("disc",)).write(tmp_path / "cohort")
    return tmp_path / "cohort"


def test_a_cohort_is_planned_for_and_trained_in_one_go(
    cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    call = ["train", str(cohort), "--minutes", "0.02", "--out", str(out)]
    result = CliRunner().invoke(app, call)
    assert result.exit_code == 0, result.stderr
    assert "had no split, so it got one" in result.stderr
    assert Cohort.read(cohort).is_split
    assert Run.load(out).classes == ("disc",)
    planned = Experiment.load(out / "plan.yaml", ["training.minutes=0.02"])
    assert planned == Experiment.load(out / "experiment.yaml")
    assert CliRunner().invoke(app, [*call, "--resume"]).exit_code == 0
    monkeypatch.chdir(out)
    (out / "run.json").unlink()
    relative = ["train", "../cohort", "--minutes", "0.02", "--out", "../run"]
    assert CliRunner().invoke(app, [*relative, "--resume"]).exit_code == 0
    assert Run.load(out).classes == ("disc",)


def test_a_plan_is_a_file_that_trains_and_every_line_of_it_says_why(
    cohort: Path, tmp_path: Path
) -> None:
    file = tmp_path / "plan.yaml"
    call = ["plan", str(cohort), "--minutes", "0.02", "--device", "cpu", "--out", str(file)]
    assert CliRunner().invoke(app, call).exit_code == 0
    lines = file.read_text().splitlines()
    chosen = [i for i, line in enumerate(lines) if ": " in line and line[0] not in "#"]
    assert lines[chosen[0]] == f"cohort: {cohort}"
    bare = [lines[i] for i in chosen[1:] if "# " not in lines[i] + lines[i - 1]]
    assert len(chosen) > 15
    assert not bare
    done = CliRunner().invoke(app, ["train", str(file), "--out", str(tmp_path / "run")])
    assert done.exit_code == 0, done.stderr


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--memory", "much"], "expected a size such as 8GB"),
        (["--device", "tpu"], "expected cpu or gpu"),
        (["--minutes", "0"], "--minutes: expected a finite number above 0"),
        (["--set", "training.minutes=.nan"], "training.minutes: expected a finite number above 0"),
        (["--minutes", "5", "--set", "training.minutes=6"], "training.minutes=6, got both"),
        (["--recipe", "nucleus"], "did you mean 'nuclei'"),
        (["--set", "training.stepz=3"], "did you mean 'steps'"),
    ],
)
def test_what_cannot_be_planned_is_refused_in_one_line(
    more: list[str], told: str, cohort: Path, tmp_path: Path
) -> None:
    call = ["plan", str(cohort), *more, "--out", str(tmp_path / "plan.yaml")]
    result = CliRunner().invoke(app, call)
    assert result.exit_code == 2
    assert told in result.stderr
    assert not (tmp_path / "plan.yaml").exists()


def test_a_file_that_is_there_is_not_planned_over(cohort: Path, tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text("mine")
    result = CliRunner().invoke(app, ["plan", str(cohort), "--out", str(tmp_path / "plan.yaml")])
    assert result.exit_code == 2
    assert "plan.yaml is there" in result.stderr
    assert (tmp_path / "plan.yaml").read_text() == "mine"


def test_a_run_goes_on_with_its_plan_and_with_no_other(
    cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inklings.library.planning.rehearse", None)
    other = tmp_path / "other"
    Cohort.read(cohort).write(other)
    out, again = tmp_path / "run", {"minutes": 5.0, "recipe": "nuclei"}
    path = plan_of_run(cohort, out, minutes=5, recipe="nuclei")
    text = path.read_text()
    for same in (again, {}, {"minutes": 5.0}, {"changes": ["training.seed=1"]}):
        assert plan_of_run(cohort, out, **same) == path  # type: ignore[arg-type]
    for where, how, told in (
        (other, again, "is a plan for the cohort .*cohort, not for .*other"),
        (cohort, {"minutes": 6.0}, "for 5 minutes, not for 6"),
        (cohort, {"recipe": "weak"}, "has the recipe nuclei, and not weak"),
    ):
        with pytest.raises(SpecError, match=told):
            plan_of_run(where, out, **how)  # type: ignore[arg-type]
    plain = plan_of_run(cohort, tmp_path / "plain")
    with pytest.raises(SpecError, match="has no recipe, and not nuclei"):
        plan_of_run(cohort, tmp_path / "plain", recipe="nuclei")
    path.write_text(f"# mine\n{text}")
    with pytest.raises(SpecError, match="for 5 minutes, not for 6"):
        plan_of_run(cohort, out, minutes=6)
    path.write_text(text.partition("\n")[2])  # by its owner, who has taken it over
    assert plan_of_run(cohort, out, minutes=6, recipe="weak") == path
    assert plain.is_file()


@pytest.mark.parametrize("minutes", ["1", "2.5", "120"])
def test_whatever_the_minutes_a_plan_knows_them_again(
    minutes: str, cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inklings.library.planning.rehearse", None)
    by_set = plan(cohort, changes=[f"training.minutes={minutes}"])
    assert by_set.head == plan(cohort, minutes=float(minutes)).head
    plan_of_run(cohort, tmp_path / "run", minutes=float(minutes))
    with pytest.raises(SpecError, match=f"for {minutes} minutes, not for 30"):
        plan_of_run(cohort, tmp_path / "run", minutes=30)


@pytest.mark.parametrize(
    "changes",
    [["training.minutes=9"], ["training={minutes: 9}"], ["training={minutes: 9, seed: 3}"]],
)
def test_minutes_are_taken_out_of_changes_however_they_are_written(changes: list[str]) -> None:
    kept = without_minutes([*changes, "model.width=8"])
    record: dict[str, Any] = {}
    for text in kept:
        change(record, text)
    seed = {"training": {"seed": 3}} if "seed" in changes[0] else {}
    assert record == {"model": {"width": 8}} | seed


@pytest.mark.parametrize("value", ["5", "minutes", "[minutes]", "null", "{seed: 3}"])
def test_a_training_without_minutes_stays_as_it_was_said(value: str) -> None:
    assert without_minutes([f"training={value}"]) == [f"training={value}"]


@pytest.mark.parametrize("minutes", ["0", "-1", "nan", "inf", "-inf"])
@pytest.mark.parametrize("option", ["--minutes", "--set=training.minutes"])
@pytest.mark.parametrize("command", ["plan", "train", "crossval"])
def test_minutes_that_are_none_are_refused_by_every_command_and_leave_nothing(
    command: str, option: str, minutes: str, cohort: Path, tmp_path: Path
) -> None:
    said = minutes if option == "--minutes" else re.sub("(nan|inf)", r".\1", minutes)
    (tmp_path / "mine.yaml").write_text("task: segmentation\ncohort: cohort\n")
    for source in (cohort, tmp_path / "mine.yaml"):
        call = [command, str(source), f"{option}={said}", "--out", str(tmp_path / "out")]
        result = CliRunner().invoke(app, call)
        assert result.exit_code == 2
        assert "minutes: expected a finite number" in result.stderr
        assert result.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
    assert not Cohort.read(cohort).is_split


def test_what_races_chose_stands_in_plan_and_run_and_they_are_run_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cohort = discs(tmp_path, 5)  # ten wide: on half the grid or the whole one
    cases = [
        dataclasses.replace(case, split="val" if i < 4 else "train" if i < 11 else "test")
        for i, case in enumerate(Cohort.read(cohort))
    ]
    dataclasses.replace(Cohort.read(cohort), cases=tuple(cases)).write(cohort)
    run = []

    def race(experiment: Any, there: Cohort, seconds: float, seed: int) -> Result:
        run.append((seconds, seed))
        better = experiment.model.options["stride"] == 1
        return Result(200, {c.patient: 0.9 if better else 0.6 for c in there.part("val")})

    monkeypatch.setattr("inklings.library.planning.race", race)
    monkeypatch.setattr("inklings.library.planning.rehearse", None)
    out = tmp_path / "run"
    said = "training.minutes=0.04"
    call = ["train", str(cohort), "--set", said, "--try", "--out", str(out)]
    assert CliRunner().invoke(app, call).exit_code == 0
    # A quarter of 2.4 s in four equal races, on two seeds; the rest is left to the training.
    assert run == [(pytest.approx(0.15), seed) for seed in (0, 0, 1, 1)]
    said = (
        "model.stride 1: won .900 against .600 on 4 validation patients after 0.15 and 0.15 s "
        "(seed 0 and 1)"
    )
    assert said in (out / "plan.yaml").read_text()
    assert Run.load(out).record.facts["races"] == [said]
    experiment = Experiment.load(out / "experiment.yaml")
    assert experiment.training.minutes == pytest.approx(0.03)
    assert CliRunner().invoke(app, [*call, "--resume"]).exit_code == 0
    (out / "plan.yaml").unlink()  # ended before it was written
    file = ["plan", str(cohort), "--minutes", "0.04", "--try", "--out", str(out / "plan.yaml")]
    result = CliRunner().invoke(app, file)
    assert result.exit_code == 0, result.stderr
    assert "4 comparisons exist" in result.stderr
    assert len(run) == 4


def test_races_that_cannot_be_are_refused_in_one_line(cohort: Path, tmp_path: Path) -> None:
    out, file = tmp_path / "run", tmp_path / "plan.yaml"
    call = ["plan", str(cohort), "--try", "--out", str(file)]
    for args, told in (
        (call, "expected at least 4 validation patients with labels"),
        ([*call, "--device", "gpu"], "--try: expected the device of this machine"),
        (["train", "nuclei", "--try", "--out", str(out)], "--try: expected a cohort beside it"),
    ):
        result = CliRunner().invoke(app, args)
        assert result.exit_code == 2
        assert told in result.stderr
    assert not file.exists()
