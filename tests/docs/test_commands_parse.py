"""Every command on the site is one that the program takes."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from site_blocks import PAGES, ROOT, Block, blocks, commands
from site_commands import told

from inklings.spec import Experiment
from inklings.tasks import task_of

LEAST: dict[str, Any] = {"cohort": "c", "model": "unet", "loss": "bce", "training": {"steps": 1}}


def every(kind: str) -> list[Block]:
    return [block for page in PAGES for block in blocks(page) if block.language == kind]


@pytest.mark.parametrize("page", PAGES)
def test_every_command_is_one_that_the_program_takes(page: str) -> None:
    found = [command for block in blocks(page) for command in commands(block)]
    assert not [line for command in found if (line := told(command))]


def test_a_command_that_nobody_takes_is_found() -> None:
    block = Block("a.md", 1, "bash", "inklings split c --fraction 1 0 0\ninklings spilt c")
    first, second = (told(command) or "" for command in commands(block))
    assert "--fraction" in first
    assert "spilt" in second


def test_commands_are_told_from_what_they_answer() -> None:
    text = "$ inklings show a && make demo\ninklings: a: a gap\n12 tiles\n$ pip install \\\n  ."
    first, second, third = commands(Block("a.md", 1, "", text))
    assert (first.words, second.words) == (("inklings", "show", "a"), ("make", "demo"))
    assert (second.error, first.error) == ("inklings: a: a gap", None)
    assert third.words == ("pip", "install", ".")


def test_there_is_something_to_run() -> None:
    found = [command for page in PAGES for block in blocks(page) for command in commands(block)]
    assert sum(command.words[0] == "inklings" for command in found) > 150


def test_few_blocks_are_left_out_and_each_says_why() -> None:
    skipped = [block for page in PAGES for block in blocks(page) if block.skip]
    assert len(skipped) <= 12, "\n".join(map(str, skipped))
    assert all(len(block.skip or "") > 10 for block in skipped)


@pytest.mark.parametrize("block", every("yaml"), ids=str)
def test_every_experiment_is_one_that_could_run(block: Block) -> None:
    """A piece of an experiment is tried with the rest of the shortest one."""
    record = yaml.safe_load(block.text)
    if record.get("model", {}) == {"name": "tiny", "width": 4}:
        pytest.skip("a model of another package, whose own test installs it")
    whole = {**LEAST, **record}
    whole["training"] = {"steps": 1, **record.get("training", {})}
    spec = Experiment.check(whole, str(block))
    task_of(spec).check(spec)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_something(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!https?://|#)([^)#\s]+)", text)
    here = (ROOT / page).parent
    made = {"commands.md"}
    assert not [t for t in targets if t not in made and not (here / t).exists()]


def test_every_page_is_in_the_navigation() -> None:
    listed = re.findall(r"[\w/-]+\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    there = {p.removeprefix("docs/") for p in PAGES if p.startswith("docs/")}
    assert there <= set(listed), there - set(listed)
    assert {p for p in listed if not p.startswith("results/")} - there == {"commands.md"}
