import os
import resource
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from inklings.cli import COMMANDS, app

HEAVY = {"torch", "lightning", "matplotlib", "scipy", "pandas", "pyarrow", "skimage", "sklearn"}


def _run(code: str) -> "subprocess.CompletedProcess[str]":
    env = {**os.environ, "COLUMNS": "100", "TERM": "dumb"}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=env
    )


def test_help_answers_in_half_a_second() -> None:
    """In seconds of the processor, which a busy machine does not stretch; the best of several."""
    code = "import sys; sys.argv = ['inklings', '--help']; from inklings.cli import run; run()"
    seconds = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = _run(code)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        assert done.returncode == 0, done.stderr
        assert "weak labels" in done.stdout
        if min(seconds) < 0.5:
            return
    pytest.fail(f"inklings --help took {min(seconds):.2f} s at best")


def test_the_command_line_loads_nothing_heavy() -> None:
    done = _run("import sys, inklings.cli; print(*sorted({m.split('.')[0] for m in sys.modules}))")
    assert done.returncode == 0, done.stderr
    assert not HEAVY & set(done.stdout.split())


def test_commands_are_listed_in_the_order_of_the_work() -> None:
    text = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "100", "TERM": "dumb"}).stdout
    panels = [text.index(f" {group} ") for group in COMMANDS if f" {group} " in text]
    assert panels == sorted(panels)
    assert len(panels) >= 4
    cohorts = [text.index(f"│ {name} ") for name in COMMANDS["Cohorts"]]
    assert cohorts == sorted(cohorts)


@pytest.mark.parametrize("name", [name for names in COMMANDS.values() for name in names])
def test_every_command_has_help_quiet_and_debug(name: str) -> None:
    runner = CliRunner()
    env = {"COLUMNS": "160", "TERM": "dumb"}
    result = runner.invoke(app, [name, "--help"], env=env)
    assert result.exit_code == 0, result.output
    if " COMMAND " in result.stdout:  # its subcommands have them
        return
    assert "--quiet" in result.stdout
    assert "--debug" in result.stdout


def test_a_mistake_is_one_line_and_exit_code_2(tmp_path: object) -> None:
    missing = f"{tmp_path}/nowhere"
    result = CliRunner().invoke(app, ["show", missing])
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    assert len([line for line in result.stderr.splitlines() if line.strip()]) == 1
