"""``inklings recipes``, and training by the name of one."""

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from inklings import recipes
from inklings.cli import app
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.split_files import split_cohort
from inklings.cohorts.splits import SplitOptions
from inklings.runs.run import Run
from inklings.simulation.phantoms.cohort import nuclei_cohort

SHORT = ("training.steps=2", "training.batch_size=2", "training.loggers=[]")


def call(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(words), env={"COLUMNS": "200", "TERM": "dumb"})
    return result.exit_code, result.stdout, result.stderr


def test_the_list_has_a_line_for_each() -> None:
    code, out, _ = call("recipes")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == list(recipes.names())
    (weak,) = (line for line in out.splitlines() if line.startswith("weak "))
    assert "segmentation of images" in weak
    assert "experiments/dsb2018" in weak


def test_one_is_printed_as_it_is() -> None:
    code, out, err = call("recipes", "weak")
    assert (code, out, err) == (0, recipes.text("weak"), "")
    assert yaml.safe_load(out)["correction"] == "auto"


def test_an_unknown_name_is_one_line_with_the_nearest() -> None:
    code, out, err = call("recipes", "nucli")
    assert (code, out) == (2, "")
    assert err == "inklings: no recipe named 'nucli'; did you mean 'nuclei'?\n"


@pytest.mark.parametrize("command", ["train", "crossval"])
def test_without_a_cohort_a_recipe_is_refused_in_one_line(command: str, tmp_path: Path) -> None:
    code, out, err = call(command, "tables", "--out", str(tmp_path / "run"))
    assert (code, out) == (2, "")
    assert err == ("inklings: recipe tables: expected cohort, got ???; give --set cohort=COHORT\n")
    assert not (tmp_path / "run").exists()


@pytest.fixture
def cohort(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    nuclei_cohort(Path("cohort"), 6, 96)
    split_cohort(Path("cohort"), SplitOptions((0.5, 0.25, 0.25)))
    assert Cohort.read(Path("cohort")).is_split
    return Path("cohort")


def test_a_network_is_trained_by_the_name_or_the_old_place_of_a_recipe(cohort: Path) -> None:
    changes = [word for one in (f"cohort={cohort}", *SHORT) for word in ("--set", one)]
    for source, out in (("weak", "a"), ("experiments/dsb2018/weak.yaml", "b")):
        code, _, err = call("train", source, *changes, "--out", out)
        assert code == 0, err
        assert ("using recipe weak" in err) == (out == "b")
    assert Run.load(Path("a")).experiment == Run.load(Path("b")).experiment
