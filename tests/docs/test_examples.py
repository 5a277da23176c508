"""The examples and the notebook run, from the first to the last line, on less of everything."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib as mpl
import pytest
from site_blocks import ROOT

import inklings as ik
from inklings.simulation.phantoms.biopsy import SlidePlan
from inklings.simulation.phantoms.chaos import write_studies
from inklings.simulation.phantoms.cohort import write_dsb
from inklings.simulation.phantoms.luna import write_luna
from inklings.simulation.phantoms.slides import write_panda

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
NOTEBOOK = ROOT / "examples" / "label_study.ipynb"
LESS: dict[str, dict[str, Any]] = {
    "bags": {"bags": (12, 6, 6), "steps": 3},
    "liver": {"steps": 2},
    "nodules": {"steps": 2},
    "nuclei": {"steps": 3},
    "slides": {"steps": 2},
}


def drawn(name: str, folder: Path) -> Path | str:
    """What an example reads, smaller than `inklings phantoms` draws it."""
    if name == "liver":
        write_studies(folder, 5, shape=(8, 48, 48))
    elif name == "nodules":
        write_luna(folder, 5, shape=(32, 72, 72))
    elif name == "nuclei":
        write_dsb(folder, 8)
    elif name == "slides":
        write_panda(folder, 5, SlidePlan(size=(640, 512), um=1.0, tissue=0.35))
    else:
        return "digits"
    return folder


def code_of(path: Path) -> str:
    """The Python of a script, or of the cells of a notebook."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return text
    cells = json.loads(text)["cells"]
    return "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")


def beyond_the_library(code: str) -> Iterator[str]:
    """What ``code`` takes of inklings that is none of the names of ``import inklings as ik``."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (
                ast.unparse(node)
                for alias in node.names
                if alias.name.split(".")[0] == "inklings"
                and (alias.name, alias.asname) != ("inklings", "ik")
            )
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "inklings":
            yield ast.unparse(node)
        elif (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "ik"
            and node.attr not in ik.__all__
        ):
            yield f"ik.{node.attr}"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_uses_the_nineteen_names_and_nothing_else(path: Path) -> None:
    code = code_of(path)
    assert "import inklings as ik" in code
    assert not [*beyond_the_library(code)]


@pytest.mark.parametrize(
    "code",
    ["import inklings", "import inklings.cli as ik", "from inklings import train", "ik.readers"],
)
def test_what_is_beyond_the_library_is_noticed(code: str) -> None:
    assert [*beyond_the_library(code)] == [code]


def imported(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{path.stem}", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_is_one_for_each_reference_system() -> None:
    assert [path.stem for path in EXAMPLES] == sorted(LESS)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_short_and_says_what_it_does(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 80
    assert f"python examples/{path.name}" in (ast.get_docstring(ast.parse(text)) or "")


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs_and_goes_on_where_it_was(path: Path, tmp_path: Path) -> None:
    module, source = imported(path), drawn(path.stem, tmp_path / "drawn")
    first = module.main(source, tmp_path / "out", **LESS[path.stem])
    written = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("weights.safetensors")}
    assert written
    assert module.main(source, tmp_path / "out", **LESS[path.stem]) == first
    assert {p: p.stat().st_mtime_ns for p in written} == written


def test_the_outputs_of_the_notebook_are_there_and_small() -> None:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert sum("image/png" in o.get("data", {}) for c in code for o in c["outputs"]) == 2
    assert not [o for c in code for o in c["outputs"] if o["output_type"] == "error"]
    assert NOTEBOOK.stat().st_size < 300_000


def test_whatever_the_notebook_imports_is_there() -> None:
    """Its run is slow, and a module that was renamed should not wait for it."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    named = [
        (node.module, alias.name)
        for text in texts
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    ]
    assert len(named) > 5
    for module, name in named:
        assert hasattr(importlib.import_module(module), name), f"{module} has no {name}"


@pytest.mark.slow
def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its cells, one after the other, on few fields, with trainings of two steps."""
    monkeypatch.setattr("tempfile.mkdtemp", lambda: str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    beside = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{beside}{os.pathsep}{os.environ['PATH']}")
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    names: dict[str, Any] = {"__name__": "notebook"}
    with mpl.rc_context({"backend": "agg"}):
        for cell in cells:
            if cell["cell_type"] == "code":
                text = "".join(cell["source"])
                text = text.replace("FIELDS, STEPS = 40, 150", "FIELDS, STEPS = 8, 2")
                exec(compile(text, cell["id"], "exec"), names)
    assert set(names["dice"]) == {"truth", "Ann", "Ben", "Cas"}
    assert all(set(learnt) == {"trusted", "corrected"} for learnt in names["dice"].values())
