"""The examples and the notebook run, from the first to the last line, on less of everything."""

from __future__ import annotations

import ast
import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib as mpl
import pytest
from site_blocks import ROOT

from inklings import progress

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
NOTEBOOK = ROOT / "examples" / "label_study.ipynb"
LESS: dict[str, dict[str, Any]] = {
    "bags": {"bags": (12, 6, 6), "steps": 3},
    "liver": {"patients": 5, "shape": (8, 48, 48), "steps": 2},
    "nodules": {"scans": 5, "shape": (32, 72, 72), "steps": 2},
    "nuclei": {"fields": 8, "steps": 3},
    "slides": {"slides": 5, "size": (640, 512), "steps": 2},
}


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
    module = imported(path)
    first = module.main(tmp_path, **LESS[path.stem])
    written = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("weights.safetensors")}
    assert written
    assert module.main(tmp_path, **LESS[path.stem]) == first
    assert {p: p.stat().st_mtime_ns for p in written} == written


def test_the_outputs_of_the_notebook_are_there_and_small() -> None:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert sum("image/png" in o.get("data", {}) for c in code for o in c["outputs"]) == 2
    assert not [o for c in code for o in c["outputs"] if o["output_type"] == "error"]
    assert NOTEBOOK.stat().st_size < 300_000


@pytest.mark.slow
def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its cells, one after the other, with a training of two steps."""
    monkeypatch.setattr("tempfile.mkdtemp", lambda: str(tmp_path))
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    names: dict[str, Any] = {"__name__": "notebook"}
    with mpl.rc_context({"backend": "agg"}):
        for cell in cells:
            if cell["cell_type"] == "code":
                text = "".join(cell["source"])
                text = text.replace("FIELDS, STEPS = 40, 150", "FIELDS, STEPS = 8, 2")
                exec(compile(text, cell["id"], "exec"), names)
    progress.silence(False)
    assert len(names["rows"]) == 8
    assert {line.weakness for line in names["lines"]} == set(names["ANNOTATORS"].values())
