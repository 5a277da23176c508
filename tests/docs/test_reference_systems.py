"""The page on the reference systems: every test it names is there, every command parses and runs.

The commands of a system run in the order of the page, in one folder, on a miniature of its data.
"""

from __future__ import annotations

import ast
import itertools
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import site_worlds as worlds
from PIL import Image
from site_blocks import ROOT, Block, Command
from site_commands import run, told
from site_worlds import World, several

from inklings.files import parse_yaml
from inklings.losses import LOSSES
from inklings.models import MODELS
from inklings.registry import Registry
from inklings.sections import Component, section_at
from inklings.spec import TASKS, Experiment
from inklings.tasks import task_of
from inklings.training import OPTIMISERS, SCHEDULES

PAGE = "docs/reference-systems.md"
MISSING = "not here yet"
PLACEHOLDERS = {
    "PREDICTIONS",
    "TILES",
    "RUN",
    "BAGS",
    "CALLS",
    "MERGED",
}  # of commands that are only parsed
NOT_YET: set[str] = set()
"""Parts that the page says are missing: this set only ever shrinks."""


@dataclass(frozen=True)
class Row:
    """One line of a table.

    Attributes:
        line: Its number in the page.
        system: Heading that it stands under.
        what: The part, or the fault.
        here: How it is done; of a fault what is done about it.
        test: As in the page.
    """

    line: int
    system: str
    what: str
    here: str
    test: str

    @property
    def commands(self) -> Iterator[Command]:
        """Those of the program."""
        for text in re.findall(r"`(inklings [^`]+)`", self.here):
            yield Command(Block(PAGE, self.line, "", text), tuple(shlex.split(text)))

    @property
    def tests(self) -> list[str]:
        """Paths and names, from ``tests/`` on."""
        return re.findall(r"`([^`]+)`", self.test)


@cache
def page() -> str:
    return (ROOT / PAGE).read_text(encoding="utf-8")


@cache
def rows() -> tuple[Row, ...]:
    """Every line of every table."""
    found, system = [], ""
    for number, line in enumerate(page().splitlines(), 1):
        if line.startswith("## "):
            system = line.removeprefix("## ")
        if line.startswith("|"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            assert len(cells) == 3, f"{PAGE}:{number}: expected three cells, got {len(cells)}"
            if cells[2] != "test" and set(cells[0]) != {"-"}:
                found.append(Row(number, system, *cells))
    return tuple(found)


def is_missing(row: Row) -> bool:
    return row.here.startswith(MISSING)


def commands(system: str | None = None) -> list[Command]:
    """Those that can run, of one system or of all."""
    return [
        command
        for row in rows()
        if system in (None, row.system)
        for command in row.commands
        if not PLACEHOLDERS & set(command.words)
    ]


@cache
def names(path: Path) -> frozenset[str]:
    """Tests of a file, also those of classes, by the syntax alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
    return frozenset(n.name for n in found if n.name.startswith("test_"))


def test_every_system_has_its_table() -> None:
    counted = {system: sum(r.system == system for r in rows()) for system in WORLDS}
    assert all(count >= 12 for count in counted.values()), counted
    assert {r.system for r in rows()} == {*WORLDS, "Faults that are kept out"}


def test_every_test_of_the_page_is_there() -> None:
    lost = []
    for row in rows():
        for test in row.tests:
            path, _, name = test.partition("::")
            file = ROOT / "tests" / path
            if not file.is_file() or name not in names(file):
                lost.append(f"{PAGE}:{row.line}: {test}")
        if not row.tests and not is_missing(row):
            lost.append(f"{PAGE}:{row.line}: no test")
    assert not lost, "\n".join(lost)


def test_what_is_missing_is_said_and_listed_here() -> None:
    missing = {row.what for row in rows() if is_missing(row)}
    assert missing == NOT_YET, "a part that is there now leaves NOT_YET in the same change"
    assert not [row.what for row in rows() if MISSING in row.here and not is_missing(row)]
    assert not [row.what for row in rows() if is_missing(row) and row.tests]


def test_every_command_is_one_that_the_program_takes() -> None:
    assert not [line for row in rows() for c in row.commands if (line := told(c))]


def leads_somewhere(key: str) -> bool:
    """Whether the experiments of some task have a key."""
    first, *rest = key.split(".")
    sections = [TASKS.get(task) for task in TASKS]
    for part in rest:
        sections = [found for kind in sections if (found := section_at(kind, first))]
        if any(issubclass(kind, Component) for kind in sections):
            return True  # its options are those of what it names
        first = part
    return any(first in kind.model_fields for kind in sections)


def test_every_key_of_an_experiment_is_one() -> None:
    keys = {
        (row.line, found[1] or found[2])
        for row in rows()
        for text in re.findall(r"`([^`]+)`", row.here)
        if (found := re.match(r"([a-z_]+(?:\.[a-z_]+)*)=|([a-z_]+(?:\.[a-z_]+)+)$", text))
    }
    assert len(keys) > 30
    assert not [(line, key) for line, key in sorted(keys) if not leads_somewhere(key)]


def test_every_component_is_one_with_these_options() -> None:
    tables: dict[str, tuple[Registry[Any], dict[str, Any]]] = {
        "loss": (LOSSES, {}),
        "model": (MODELS, {"in_channels": 3, "out_channels": 1}),
        "training.optimiser": (OPTIMISERS, {"parameters": [], "learning_rate": 1.0}),
        "training.schedule": (SCHEDULES, {}),
    }
    said = re.findall(r"`(?:[^`]* ')?([a-z.]+)=(\{[^`']+\}|[a-z_]+)['`]", page())
    found = [(key, Component.model_validate(parse_yaml(v))) for key, v in said if key in tables]
    assert {key for key, _ in found} == set(tables)
    for key, component in found:
        table, given = tables[key]
        table.require(component.name, {**given, **component.options})


@pytest.mark.parametrize(
    "command", [c for c in commands() if c.words[1] == "train"], ids=lambda c: c.words[-1]
)
def test_every_training_is_one_that_could_begin(command: Command) -> None:
    words = list(command.words)
    changes = [words[k + 1] for k, word in enumerate(words) if word == "--set"]
    spec = Experiment.load(words[2], changes)
    task_of(spec).check(spec)


def single_pictures(here: Path) -> None:
    """Pictures in a folder for each class."""
    rng = np.random.default_rng(0)
    for name, level in (("tumour", 90), ("normal", 180)):
        (here / "pictures" / name).mkdir(parents=True)
        for k in range(12):
            pixels = rng.normal(level, 9, (32, 32, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(here / "pictures" / name / f"{k}.png")


def unlabelled_fields(here: Path) -> None:
    """Two more fields of nuclei."""
    (here / "stage1_test").mkdir()
    for k, (rgb, _) in enumerate(worlds.fields(2)):
        Image.fromarray(rgb).save(here / "stage1_test" / f"{k}.png")


def submitted(here: Path) -> None:
    """Abdomens, and the livers of two of them as participants of CHAOS hand their masks in."""
    worlds.chaos(here)
    for case in ("1", "2"):
        results = here / "theirs" / case / "Results"
        results.mkdir(parents=True)
        truth = here / "CHAOS" / "Train_Sets" / "MR" / case / "T1DUAL" / "Ground"
        for path in truth.glob("*.png"):
            greys = np.asarray(Image.open(path))
            Image.fromarray(np.where(greys == 63, greys, 0)).save(results / path.name)


def synapse(here: Path) -> None:
    """One case as slices and one as a volume, with the lists of both."""
    rng = np.random.default_rng(0)
    lists = here / "Synapse" / "lists" / "lists_Synapse"
    for folder in (lists, here / "Synapse" / "train_npz", here / "Synapse" / "test_vol_h5"):
        folder.mkdir(parents=True)
    seen = rng.random((3, 16, 16), np.float32)
    codes = rng.integers(0, 9, seen.shape).astype(np.float32)
    names = [f"case0005_slice{k:03d}" for k in range(len(seen))]
    for name, image, label in zip(names, seen, codes, strict=True):
        np.savez(here / "Synapse" / "train_npz" / f"{name}.npz", image=image, label=label)
    with h5py.File(here / "Synapse" / "test_vol_h5" / "case0001.npy.h5", "w") as file:
        file["image"], file["label"] = seen, codes
    (lists / "train.txt").write_text("\n".join(names))
    (lists / "test_vol.txt").write_text("case0001")


QUICK = "Nuclei"
WORLDS: dict[str, World] = {
    "Slides and labels of slides": several(
        worlds.many_slides,
        partial(worlds.pictures, images="temp", masks="temp"),
        partial(worlds.pictures, images="shots", masks="outlines"),
        partial(worlds.pictures, images="pictures", masks="masks"),
        worlds.patches,
        synapse,
    ),
    QUICK: several(worlds.dsb, unlabelled_fields),
    "Liver": submitted,
    "Bags of digits": several(worlds.mnist, single_pictures),
    "Lung nodules": worlds.chest,
}


def test_the_commands_before_a_training_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    WORLDS[QUICK](tmp_path)
    first = list(itertools.takewhile(lambda c: c.words[1] != "train", commands(QUICK)))
    assert {c.words[1] for c in first} >= {"import", "check", "split"}
    for command in first:
        run(command)


@pytest.mark.slow
@pytest.mark.parametrize("system", WORLDS)
def test_the_commands_of_a_system_run(
    system: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    WORLDS[system](tmp_path)
    for command in commands(system):
        run(command)
