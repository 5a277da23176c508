import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from inklings import machine
from inklings.cli import app
from inklings.cohorts.cohort import Cohort
from inklings.planning.forecast import Measured
from inklings.testing.folders import write_cohort


def test_json_holds_what_the_machine_can_do() -> None:
    result = CliRunner().invoke(app, ["doctor", "--json"])
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert report["cores"] >= 1
    assert report["memory_gb"] > 0
    assert isinstance(report["bf16"], bool)
    assert report["versions"]["torch"] == machine.version("torch")
    assert set(report["extras"]) == set(machine.EXTRAS)


def test_a_missing_extra_comes_with_the_line_that_brings_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(machine, "EXTRAS", {"owls": machine.Extra("owls", ("no_such_module",))})
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 0
    assert "pip install 'inklings[owls]'" in result.stdout


def test_a_broken_openslide_is_said_and_not_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "openslide_problem", lambda: "not installed")
    result = CliRunner().invoke(app, ["doctor"])
    assert "OpenSlide  not installed" in result.stdout


def test_of_a_cohort_it_says_what_training_on_it_would_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Worked by hand: three cases to read at 3 s each, three quarters of a second a step."""
    found = Measured(3.0, 1 << 30, 3 << 30, 0.75, 1 << 20, 5 << 30, 4.0)
    monkeypatch.setattr("inklings.library.planning.rehearse", lambda *_: found)
    monkeypatch.setattr(machine, "disk_bytes", lambda *_: (1 << 40, 1 << 39))
    cohort = write_cohort(tmp_path / "cohort")
    before = sorted((path, path.stat().st_mtime_ns) for path in cohort.rglob("*"))
    said = CliRunner().invoke(app, ["doctor", str(cohort)]).stdout.splitlines()
    told = said[said.index("") + 1 :]
    assert "steps of 0.75 s in 30 minutes, after 9 s of reading (timed" in told[-4]
    assert "images 3 GB decoded" in told[-3]
    assert told[-2] == "Disk: 5 GB for the run, of 512 GB free here"
    assert told[-1].startswith("Prediction: 7 s a case")
    assert json.loads(CliRunner().invoke(app, ["doctor", str(cohort), "--json"]).stdout)[
        "plan"
    ] == list(told)
    assert sorted((path, path.stat().st_mtime_ns) for path in cohort.rglob("*")) == before


def test_a_cohort_without_a_split_is_not_split_by_the_doctor(tmp_path: Path) -> None:
    cohort = write_cohort(tmp_path / "cohort", [None] * 5)
    result = CliRunner().invoke(app, ["doctor", str(cohort)])
    assert result.exit_code == 2
    assert "expected a cohort with a split; 'inklings split' makes one" in result.stderr
    assert not Cohort.read(cohort).is_split
