from pathlib import Path

import pytest

from inklings import machine


def test_cores_and_memory_are_those_of_this_process() -> None:
    assert machine.cores() >= 1
    total, available = machine.memory_bytes()
    assert 0 < available <= total
    size, free = machine.disk_bytes(Path.cwd())
    assert 0 < free <= size


def test_the_version_of_a_missing_package_is_none() -> None:
    assert machine.version("numpy") is not None
    assert machine.version("no-such-distribution") is None


def test_an_extra_says_which_of_its_modules_are_missing() -> None:
    extra = machine.Extra("nothing", ("json", "no_such_module"))
    assert extra.missing == ("no_such_module",)


def test_extras_are_those_of_the_package() -> None:
    declared = Path(__file__).parents[1] / "pyproject.toml"
    for name in machine.EXTRAS:
        assert f"\n{name} = [" in declared.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("flags", "expected"), [("fpu avx512_bf16 sse", True), ("fpu avx512f", False), ("", False)]
)
def test_bf16_is_read_from_the_flags(
    monkeypatch: pytest.MonkeyPatch, flags: str, expected: bool
) -> None:
    monkeypatch.setattr(machine, "_cpuinfo", lambda: {"flags": flags})
    assert machine.processor_has_bf16() is expected
