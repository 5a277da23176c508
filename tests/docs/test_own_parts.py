"""The page about own parts, word for word: a package that is installed, found and used."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from site_blocks import blocks
from test_blocks_run import run_page
from typer.testing import CliRunner

from inklings.cli import app
from inklings.cohorts.cohort import Cohort
from inklings.datasets import DATASETS
from inklings.losses import LOSSES
from inklings.models import MODELS

PAGE = "docs/how-to/own-parts.md"
REGISTRIES = (MODELS, LOSSES, DATASETS)


def files() -> dict[str, str]:
    """What the page tells to put where: blocks of one file add up."""
    found: dict[str, str] = {}
    for block in blocks(PAGE):
        if named := re.match(r"# ((?:test_)?myparts\.py)\n", block.text):
            found[named[1]] = found.get(named[1], "") + block.text + "\n\n"
        elif block.language == "toml":
            found["pyproject.toml"] = block.text
        elif block.language == "yaml":
            found["colonies.yaml"] = block.text
    found["test_myparts.py"] = "from myparts import *\n" + found["test_myparts.py"]
    return found


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The package as an installer leaves it: a module, and the metadata with its entry points."""
    home = tmp_path / "site"
    home.mkdir()
    written = files()
    for name in ("myparts.py", "test_myparts.py"):
        (home / name).write_text(written[name])
    project = tomllib.loads(written["pyproject.toml"])["project"]
    info = home / f"{project['name']}-{project['version']}.dist-info"
    info.mkdir()
    head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (info / "METADATA").write_text(head)
    points = [
        f"[{group}]\n" + "".join(f"{name} = {where}\n" for name, where in names.items())
        for group, names in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(points))
    monkeypatch.syspath_prepend(str(home))
    tables = [dict(registry._table) for registry in REGISTRIES]
    for registry in REGISTRIES:
        monkeypatch.setattr(registry, "_plugged", False)
    yield home
    for registry, table in zip(REGISTRIES, tables, strict=True):
        registry._table.clear()
        registry._table.update(table)
    sys.modules.pop("myparts", None)
    importlib.invalidate_caches()


def plates(here: Path) -> None:
    """Six pictures, bright on dark; two of each plate."""
    (here / "colonies.yaml").write_text(files()["colonies.yaml"])
    (here / "lab" / "plates").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for k in range(8):
        grey = rng.integers(0, 80, (40, 48)).astype(np.uint8)
        grey[8:20, 8 + k : 20 + k] += 150
        Image.fromarray(grey).save(here / "lab" / "plates" / f"p{k // 2}_colony_{k}.png")


def test_the_commands_of_the_page_run_with_the_package(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (package / "myparts.py").exists()
    here = tmp_path / "work"
    here.mkdir()
    run_page(PAGE, here, monkeypatch, plates)
    cohort = Cohort.read(here / "cohort")
    assert cohort.classes == ("colony",)
    assert {case.patient for case in cohort} == {"p0", "p1", "p2", "p3"}
    assert (here / "run" / "model.json").read_text().count('"tiny"') == 1
    assert len(list((here / "predictions" / "cases").iterdir())) >= 2


def test_a_plugged_dataset_is_listed_and_has_help(package: Path) -> None:
    assert package.is_dir()
    env = {"COLUMNS": "120", "TERM": "dumb"}
    assert " mylab " in CliRunner().invoke(app, ["import", "--help"], env=env).stdout
    assert "--workers" in CliRunner().invoke(app, ["import", "mylab", "--help"], env=env).stdout


def test_without_the_package_its_dataset_is_no_command() -> None:
    result = CliRunner().invoke(app, ["import", "mylab", "lab", "--out", "c"])
    assert result.exit_code == 2
    assert "No such command" in result.output


@pytest.mark.slow
def test_the_contracts_of_the_page_hold_for_its_parts(package: Path) -> None:
    """In a process of its own, as its author would run them."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_myparts.py"],
        cwd=package, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed
    assert int(passed[1]) > 30
