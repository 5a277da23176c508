import json

import pytest
from typer.testing import CliRunner

from inklings import machine
from inklings.cli import app


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
