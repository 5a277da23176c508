"""The commands of the site: whether the program takes them, and how they end in miniature."""

from __future__ import annotations

import itertools
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import click
import typer
from site_blocks import ROOT, Command
from typer.testing import CliRunner

from inklings import recipes
from inklings.changes import change
from inklings.cli import app

PLUGGED = {"mylab"}  # a dataset of the page about own parts, which its own test installs
SHORT = (
    "training.steps=2", "training.batch_size=2", "training.epochs=null", "training.minutes=null",
    "training.loggers=[]",
)  # fmt: skip
ANEW = {"import", "tile", "train", "predict"}
SERIAL = {"import", "weaken"}  # a pool of processes costs these more than the work
# Commands whose own tests run them: demos at full size, installations, clusters.
ELSEWHERE = ("make", "pip", "dask", "torchrun", "srun", "sbatch", "ssh", "cat", "demo", "python")


def shortened(words: tuple[str, ...]) -> list[str]:
    """The same command, quick."""
    told = [re.sub(r"^@(.+)", lambda m: Path(m[1]).read_text().strip(), w) for w in words[1:]]
    for option in ("--workers", "--scheduler"):
        while option in told:
            del told[told.index(option) : told.index(option) + 2]
    if told[0] in ("train", "crossval", "study"):
        told += [word for change in SHORT for word in ("--set", change)]
    if told[0] == "crossval":
        told += ["--folds", "2", "--repeats", "1"]
    if told[0] == "study":
        told += ["--seeds", "1", "--workers", "1"]
        told += ["--weakness", "drop:keep=0.5", "--learner", "inklings"]
    if told[0] == "phantoms":
        told += ["--count", "6"]
    if told[0] in SERIAL and told[1] not in (
        "mnist-bags",
        "mil-table",
        "features",
        "corrections",
        "predictions",
    ):
        told += ["--workers", "1"]
    if told[:2] == ["import", "folder"] and "--masks" in told and not {
        "--values", "--instances"
    } & set(told):  # fmt: skip
        told.append("--yes")  # a user would be asked
    return told


def run(command: Command) -> None:
    """Run it, and compare how it ends with what the page shows."""
    if command.words[0] in ELSEWHERE or command.words[1] in ELSEWHERE:
        return
    words = shortened(command.words)
    if words[0] in ANEW and "--out" in words:  # a page may show several ways to one folder
        shutil.rmtree(words[words.index("--out") + 1], ignore_errors=True)
    result = CliRunner().invoke(app, words, env={"COLUMNS": "200", "TERM": "dumb"})
    if command.error:
        assert result.exit_code == 2, result.output
        assert result.stderr.strip() == command.error
    else:
        ends = (0, 1) if words[0] == "check" else (0,)
        assert result.exit_code in ends, f"{command}\n{result.output}\n{result.exception!r}"


def parse(words: tuple[str, ...]) -> None:
    """Walk down the subcommands, and let the last one parse its options without running."""
    command: Any = typer.main.get_command(app)
    rest = list(words[1:])
    context = click.Context(command, info_name="inklings")
    while hasattr(command, "get_command"):
        name = rest.pop(0)
        if name in PLUGGED:
            return
        inner = command.get_command(context, name)
        assert inner is not None, f"no command {name!r}"
        command = inner
    if "--help" not in rest:
        command.make_context(command.name, rest)


def told(command: Command) -> str | None:
    """What is wrong with a command; None if nothing is."""
    program, *rest = command.words
    try:
        if "inklings" in command.words:  # also behind srun and torchrun
            parse(command.words[command.words.index("inklings") :])
            for word, value in itertools.pairwise(rest):
                if word == "--set":
                    change({}, value)
                named = not value.endswith(".yaml") and not value.isupper()
                # Without one beside it the first word is a cohort, which is planned for.
                beside = any(other.startswith("cohort=") for other in rest)
                if word in ("train", "crossval") and named and beside:
                    recipes.text(value)
        for word in rest:
            if word.startswith("inklings "):
                parse(tuple(shlex.split(word)))
        if program == "make":
            targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M)
            assert rest[0] in targets, f"the Makefile has no {rest[0]}"
        paths = [w for w in command.words if w.startswith(("experiments/", "benchmarks/", "exam"))]
        for path in paths:
            assert (ROOT / path).exists(), f"there is no {path}"
    except Exception as error:
        return f"{command}: {getattr(error, 'message', None) or error}"
    return None
