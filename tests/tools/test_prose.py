"""The check of the documentation finds what it is there to find, and nothing else."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def prose() -> Any:
    spec = importlib.util.spec_from_file_location("prose", Path(__file__).with_name("prose.py"))
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GOOD = "# One page\n\n## A class's *own* part\n\n[a](b.md#first-part) [c](#a-classs-own-part)\n"


@pytest.mark.parametrize(
    ("added", "fault"),
    [
        ("", None),
        ("x" * 121, "121 characters"),
        ("| " + "x" * 200 + " |", None),
        ("```console\n" + "x" * 200 + "\n```", None),
        ("```bash\n" + "x" * 200 + "\n```", "200 characters"),
        ("[a](c.md)", "no file for the link c.md"),
        ("`[a](c.md)`", None),
        ("[a](https://example.org/c.md)", None),
        ("[a](b.md#second)", "no heading for the link b.md#second"),
        ("![a](d.png)", "no file for the link d.png"),
    ],
)
def test_a_fault_is_named_and_what_is_none_is_not(
    prose: Any, tmp_path: Path, added: str, fault: str | None
) -> None:
    pages = [tmp_path / "a.md", tmp_path / "b.md"]
    pages[0].write_text(GOOD + "\n" + added + "\n")
    pages[1].write_text("# B\n\n## First part\n")
    found = list(prose.faults(tmp_path, pages))
    assert len(found) == (fault is not None)
    assert all(fault in line for line in found if fault)
