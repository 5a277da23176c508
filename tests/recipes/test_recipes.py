"""Recipes are complete experiments by name; files are what has a suffix or a slash."""

import subprocess
import sys
from pathlib import Path

import pytest

import inklings
from inklings import recipes
from inklings.errors import DataError, SpecError
from inklings.files import write_yaml
from inklings.spec import Experiment
from inklings.tasks import task_of

ROOT = Path(__file__).parents[2]
GIVEN = ["cohort=c", "tiles=null"]
OF_BEFORE = {
    "bags": ("digits", "mnist", "recipe2018", "reference", "tables"),
    "chaos": ("liver", "liver_reference"),
    "dsb2018": ("nuclei", "reference", "weak"),
    "hippocampus": ("hippocampus",),
    "luna16": (
        "classifier", "detector", "malignancy", "reference_classifier", "reference_segmenter",
    ),
    "panda": ("naive", "slides", "strong", "weak"),
}  # fmt: skip


@pytest.mark.parametrize("name", recipes.names())
def test_every_recipe_is_an_experiment_that_could_run(name: str) -> None:
    record = recipes.record(name)
    given = [one for one in GIVEN if one.partition("=")[0] in record]
    if isinstance(record["loss"], dict) and record["loss"].get("prior") == recipes.OPEN:
        given.append("loss.prior=0.4")  # which nobody but the user knows
    experiment = Experiment.load(name, given)
    task_of(experiment).check(experiment)


@pytest.mark.parametrize("name", recipes.names())
def test_every_recipe_says_what_for_and_where_it_was_measured(name: str) -> None:
    recipe = recipes.recipe(name)
    assert len(recipe.about) <= 110
    assert name in (ROOT / recipe.measured / "README.md").read_text(encoding="utf-8")
    assert f"# inklings train {name} --set cohort=COHORT" in recipe.text


@pytest.mark.parametrize("name", recipes.names())
def test_the_task_in_the_head_is_that_of_the_key(name: str) -> None:
    said = {
        "bags": "bags", "detection": "nodule detection", "candidates": "nodule classification",
        "malignancy": "nodule malignancy", "nodule_segmentation": "nodule segmentation",
        "segmentation": "segmentation of",
    }[recipes.record(name).get("task", "segmentation")]  # fmt: skip
    assert recipes.recipe(name).task.startswith(said)


def test_names_of_the_contract_are_there() -> None:
    asked = {"weak", "nuclei", "strong", "slides", "liver", "hippocampus", "bags", "detector"}
    assert asked <= set(recipes.names())


@pytest.mark.parametrize("name", recipes.names())
def test_a_recipe_knows_no_folder_of_somebody_else(name: str) -> None:
    with pytest.raises(SpecError, match=rf"recipe {name}: expected cohort.*--set cohort=COHORT"):
        Experiment.load(name)


def test_what_is_open_deep_inside_is_named_with_its_keys(tmp_path: Path) -> None:
    write_yaml(tmp_path / "a.yaml", {"cohort": "c", "nodules": {"detector": "???"}})
    with pytest.raises(SpecError, match=r"expected nodules.detector, .*nodules.detector=DETECTOR"):
        recipes.load(tmp_path / "a.yaml")
    record, where = recipes.load(tmp_path / "a.yaml", ["nodules.detector=run"])
    assert record["nodules"] == {"detector": "run"}
    assert where == str(tmp_path / "a.yaml")


@pytest.mark.parametrize(
    ("folder", "name"), [(folder, n) for folder, names in OF_BEFORE.items() for n in names]
)
def test_commands_of_before_find_the_recipe_of_that_place(
    folder: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    record, where = recipes.load(f"experiments/{folder}/{name}.yaml", GIVEN)
    found = where.removeprefix("recipe ")
    assert recipes.recipe(found).measured == f"experiments/{folder}"
    assert record == {**recipes.record(found), "cohort": "c", "tiles": None}
    assert f"experiments/{folder}/{name}.yaml does not exist" in capsys.readouterr().err


def test_a_file_that_lies_at_the_place_of_before_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_yaml(Path("experiments/panda/weak.yaml"), {"cohort": "mine"})
    assert recipes.load("experiments/panda/weak.yaml")[0] == {"cohort": "mine"}
    assert not capsys.readouterr().err


def test_a_name_is_the_recipe_and_a_path_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_yaml(Path("weak"), {"cohort": "mine"})
    write_yaml(Path("weak.yaml"), {"cohort": "mine"})
    for path in ("./weak", "weak.yaml", Path("weak")):
        assert recipes.load(path)[0] == {"cohort": "mine"}
    assert not capsys.readouterr().err
    record, where = recipes.load("weak", GIVEN)
    assert (record["correction"], where) == ("auto", "recipe weak")
    assert capsys.readouterr().err.count("(./weak)") == 1


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("waek", SpecError, "no recipe named 'waek'; did you mean 'weak'?"),
        ("q", SpecError, "no recipe named 'q'; 'inklings recipes' lists them"),
        ("mine", SpecError, "no recipe named 'mine'; for the file of that name give ./mine"),
        (
            "weak.yaml",
            DataError,
            "at weak.yaml, but .*; the recipe is called weak",
        ),
        ("experiments/mine/weak.yaml", DataError, "the recipe is called weak"),
        ("experiments/panda/nuclei.yaml", DataError, "the recipe is called nuclei"),
        ("nowhere.yaml", DataError, "at nowhere.yaml, but there is no such file$"),
        ("../weak", DataError, r"at \.\./weak, but there is no such file"),
    ],
)
def test_what_is_neither_is_refused_with_the_nearest(
    source: str, error: type[Exception], message: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    write_yaml(Path("mine"), {"cohort": "mine"})
    with pytest.raises(error, match=message.replace("?", r"\?")):
        recipes.load(source)


def test_a_recipe_that_was_printed_is_the_same_experiment(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(recipes.text("nuclei"))
    here = Experiment.load(tmp_path / "mine.yaml", ["cohort=c"])
    assert here == Experiment.load("nuclei", ["cohort=c"])


def test_recipes_are_listed_without_torch() -> None:
    code = "import sys; from inklings import recipes; recipes.load('weak', ['cohort=c']); "
    done = subprocess.run(
        [sys.executable, "-c", code + "print('torch' in sys.modules, 'numpy' in sys.modules)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["False", "False"]


def test_the_wheel_holds_every_recipe() -> None:
    wheel = pytest.importorskip("hatchling.builders.wheel", reason="hatchling is not installed")
    files = wheel.WheelBuilder(str(ROOT)).recurse_included_files()
    inside = {file.distribution_path for file in files}
    assert {f"inklings/recipes/{name}.yaml" for name in recipes.names()} <= inside
    assert Path(inklings.__file__).parent == ROOT / "src/inklings"
