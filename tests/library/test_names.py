"""The library is nineteen names, which cost nothing until they are used."""

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import inklings as ik

SOURCE = Path(__file__).parents[2] / "src"
NAMES = (
    "open_image", "Image", "Geometry", "Region", "import_dataset", "Cohort", "Case",
    "simulate_weak_labels", "Experiment", "recipes", "train", "Run", "predict", "Prediction",
    "evaluate", "Scores", "export", "view", "InklingsError",
)  # fmt: skip
HEAVY = {
    "torch", "numpy", "pandas", "scipy", "pyarrow", "pydantic", "lightning", "yaml", "typer",
    "matplotlib", "fastapi", "SimpleITK", "nibabel", "pydicom", "PIL",
}  # fmt: skip


def imported_by(code: str) -> tuple[set[str], str]:
    """Modules that a fresh interpreter holds after ``code``, and its ``-X importtime``."""
    done = subprocess.run(
        [
            sys.executable, "-X", "importtime", "-c",
            f"{code}; import sys, json; print(json.dumps(sorted(sys.modules)))",
        ],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": str(SOURCE)},
    )  # fmt: skip
    return set(json.loads(done.stdout)), done.stderr


def test_there_are_nineteen_and_each_is_there() -> None:
    assert sorted(ik.__all__) == sorted(NAMES)
    assert len(NAMES) == 19
    for name in NAMES:
        assert getattr(ik, name) is getattr(ik, name)
    assert set(NAMES) <= set(dir(ik))


def test_a_name_that_is_none_is_an_attribute_error() -> None:
    assert not hasattr(ik, "trian")


def test_importing_takes_less_than_a_fifth_of_a_second_and_nothing_heavy() -> None:
    modules, times = imported_by("import inklings")
    assert not modules & HEAVY
    assert [name for name in modules if name.split(".")[0] == "inklings"] == ["inklings"]
    line = next(k for k in times.splitlines() if k.split("|")[-1].strip() == "inklings")
    assert int(line.split("|")[1]) < 200_000, line  # microseconds, all that it imports included


def test_geometry_and_errors_do_not_import_torch() -> None:
    modules, _ = imported_by("import inklings as ik; ik.Geometry; ik.open_image; ik.Cohort")
    assert "torch" not in modules


def test_functions_say_what_they_take_return_and_raise() -> None:
    for name in NAMES:
        value = getattr(ik, name)
        text = inspect.getdoc(value) or ""
        assert text, name
        if inspect.isfunction(value):
            assert "Raises:" in text, name
            for parameter in inspect.signature(value).parameters:
                assert f"{parameter}:" in text, f"{name}: {parameter}"


def test_recipes_are_a_module_with_names_and_texts() -> None:
    assert isinstance(ik.recipes, ModuleType)
    assert "weak" in ik.recipes.names()
    assert "model:" in ik.recipes.text("weak")
