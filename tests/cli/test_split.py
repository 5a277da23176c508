import dataclasses
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from inklings.cli import app
from inklings.cohorts.cohort import Cohort
from inklings.simulation.phantoms.cohort import nuclei_cohort


@pytest.fixture(scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("split") / "cohort"
    nuclei_cohort(folder, patients=10, size=64)
    return folder


@pytest.fixture
def folder(_made: Path) -> Path:
    for name in ("split.json", "excluded.json"):
        (_made / name).unlink(missing_ok=True)
    made = Cohort.read(_made)
    cases = tuple(dataclasses.replace(case, split=None) for case in made)
    dataclasses.replace(made, cases=cases).write(_made)
    return _made


def run(*words: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["split", *map(str, words)])
    return done.exit_code, done.stdout, done.stderr


def test_fractions_and_seed_decide_the_split(folder: Path) -> None:
    code, out, _ = run(folder, "--fractions", 0.6, 0.2, 0.2, "--seed", 0)
    assert code == 0
    cohort = Cohort.read(folder)
    assert [len(cohort.part(part)) for part in ("train", "val", "test")] == [6, 2, 2]
    assert f"split hash {cohort.split_hash}" in out
    run(folder, "--fractions", 0.6, 0.2, 0.2, "--seed", 0)
    assert Cohort.read(folder).split_hash == cohort.split_hash


def test_another_split_says_that_it_replaces_the_first(folder: Path) -> None:
    run(folder)
    first = Cohort.read(folder).split_hash
    assert f"this replaces split {first}" in run(folder, "--folds", 5, "--fold", 2)[2]


def test_excluding_alone_keeps_the_split(folder: Path) -> None:
    run(folder)
    before = {case.id: case.split for case in Cohort.read(folder)}
    code, out, _ = run(folder, "--exclude", "n003")
    assert code == 0
    assert "keep their split" in out
    del before["n003"]
    assert {case.id: case.split for case in Cohort.read(folder)} == before
    assert json.loads((folder / "excluded.json").read_text())[0]["id"] == "n003"
    nuclei_cohort(folder, patients=10, size=64)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--fractions", 0.7, 0.1, 0.3), "add up to 1"),
        (("--fractions", 0.7, 0.1, 0.2, "--folds", 5), "--fractions or --folds"),
        (("--fold", 1), "--folds"),
        (("--folds", 20), "at least 20 independent groups"),
        (("--stratify", "site"), "known: "),
        (("--exclude", "n03"), "did you mean"),
    ],
)
def test_a_mistake_is_one_line_and_2(folder: Path, words, message: str) -> None:
    code, out, err = run(folder, *words, "--quiet")
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.strip().splitlines()) == 1
