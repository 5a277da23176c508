from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from inklings import progress
from inklings.benchmark.demo import run_demo
from inklings.benchmark.demos import tissue
from inklings.cli import app
from inklings.errors import DataError

WORDS = ["demo", "--patients", "8", "--images", "2", "--size", "96", "--steps", "2"]


@pytest.fixture(autouse=True)
def _loud() -> Iterator[None]:
    yield
    progress.silence(False)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    out = tmp_path_factory.mktemp("demo") / "out"
    result = CliRunner().invoke(app, [*WORDS, "--out", str(out)])
    assert result.exit_code == 0, result.output
    return out, result.stdout


def test_it_runs_the_commands_that_a_user_would_type(finished: tuple[Path, str]) -> None:
    _, text = finished
    lines = [line.split()[2] for line in text.splitlines() if line.startswith("$ inklings ")]
    learning = ["train", "predict", "evaluate", "report"]
    assert lines == ["split", "weaken", "weaken", *(5 * learning), "report"]


def test_it_ends_with_a_table_and_the_path_of_the_report(finished: tuple[Path, str]) -> None:
    out, text = finished
    *_, last = text.strip().splitlines()
    assert last.startswith(f"report -> {out / 'report.html'}")
    assert (out / "report.html").stat().st_size > 1000
    rows = text[text.rindex("Dice of labels") :].splitlines()[1:6]
    assert [row[30:42].strip() for row in rows] == ["naive", *(2 * ["naive", "corrected"])]
    assert rows[0].split()[3] == "1.000"  # full masks are the truth


def test_a_second_run_trains_nothing_again(finished: tuple[Path, str]) -> None:
    out, _ = finished
    weights = sorted(out.glob("runs/*/weights.safetensors"))
    before = [path.stat().st_mtime_ns for path in weights]
    assert len(weights) == 5
    result = CliRunner().invoke(app, [*WORDS, "--out", str(out), "--quiet"])
    assert result.exit_code == 0, result.output
    assert [path.stat().st_mtime_ns for path in weights] == before
    assert result.stderr == ""


def test_two_demos_do_not_mix(finished: tuple[Path, str]) -> None:
    out, _ = finished
    with pytest.raises(DataError, match="holds another demo"):
        run_demo(tissue(seed=1), out, pytest.fail)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--bags", "--slides"], "expected one demo, got --bags --slides"),
        (["--volumes", "--patients", "8"], "not of --volumes"),
    ],
)
def test_options_of_two_demos_are_refused(tmp_path: Path, words: list[str], said: str) -> None:
    result = CliRunner().invoke(app, ["demo", *words, "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert said in result.output
    assert not (tmp_path / "out").exists()
