"""``--workers`` and ``--scheduler`` mean the same wherever they stand."""

from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from inklings.cli import app
from inklings.executors import processes

SHARED = {
    "cache",
    "calibrate",
    "crossval",
    "embed",
    "evaluate",
    "import",
    "nodules",
    "predict",
    "refine",
    "study",
    "tile",
    "weaken",
}


def commands(command: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if hasattr(command, "list_commands"):
        context = typer.Context(command)
        for one in command.list_commands(context):
            inner = command.get_command(context, one)
            yield from commands(inner, f"{name} {one}".strip())
    else:
        yield name, command


FOUND = {
    (name, option.name): option
    for name, command in commands(typer.main.get_command(app))
    for option in command.params
    if option.name in ("workers", "scheduler")
}


def test_every_command_that_goes_case_by_case_shares_them() -> None:
    assert {name.split()[0] for name, option in FOUND if option == "workers"} == SHARED
    assert {name for name, o in FOUND if o == "workers"} == {
        name for name, o in FOUND if o == "scheduler"
    }


@pytest.mark.parametrize("option", ["workers", "scheduler"])
def test_it_is_one_option(option: str) -> None:
    same = [o for (_, name), o in FOUND.items() if name == option]
    assert len(same) > 20  # each dataset is a command
    said = {(o.help, o.type_descriptor.annotation, o.min, o.default, *o.opts) for o in same}
    assert len(said) == 1


def test_what_it_says_is_a_number_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inklings.executors.cores", lambda: 6)
    assert [processes(n, 100) for n in (0, 1, 2, 50)] == [1, 1, 2, 50]
    assert processes(8, 3) == 3  # no more than there are cases
    assert processes(8, 0) == 1
    assert processes(None, 100) == 6
    assert processes(None, 11) == 1  # few are done before a process has started


@pytest.mark.parametrize("workers", [0, 1, 2])
@pytest.mark.parametrize(
    "command",
    [
        "predict r c --out o",
        "weaken c --kind drop --out o",
        "evaluate said",
        "import folder --images x --out o",
    ],
)
def test_a_cluster_takes_no_number_of_processes(command: str, workers: int) -> None:
    words = [*command.split(), "--workers", str(workers), "--scheduler", "tcp://x:1"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2
    assert f"--workers {workers} and --scheduler tcp://x:1; a cluster has" in done.stderr


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "0", "-1"])
@pytest.mark.parametrize(
    "command",
    [
        "import folder --images x --out o --spacing-mm",
        "import slides x --out o --spacing-um",
        "cache c --out o --spacing-mm",
        "tile c --out o --spacing-um",
        "predict r c --out o --spacing-um",
    ],
)
def test_a_length_is_a_number_above_0(command: str, value: str) -> None:
    done = CliRunner().invoke(app, [*command.split(), value])
    assert done.exit_code == 2
    assert "--spacing-" in done.stderr
