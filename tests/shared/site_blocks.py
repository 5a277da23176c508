"""The code blocks of the documentation, and the commands in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (
        ROOT / "README.md",
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "experiments").rglob("README.md"),
    )
    if path.name != "commands.md"  # made by Typer from the commands themselves
)
PROGRAMS = ("inklings", "make", "pip", "python", "dask", "torchrun", "srun", "sbatch", "cat", "ssh")
_FENCE = re.compile(r"^( *)```(\w*)")
_MARK = re.compile(r"<!-- not run: (.+) -->")
_LIST = re.compile(r"^\s*([-*]|\d+\.)\s")


@dataclass(frozen=True)
class Block:
    """One block of code.

    Attributes:
        page: Path from the root of the repository.
        line: Of its first line.
        language: What the fence says; empty for none, and for indented blocks.
        skip: Why it cannot run here; None if it can.
    """

    page: str
    line: int
    language: str
    text: str
    skip: str | None = None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def is_shell(self) -> bool:
        """Whether it holds commands rather than code or a picture of files."""
        return self.language in ("", "bash", "console", "sh")


@dataclass(frozen=True)
class Command:
    """One command of a block; ``error`` is the line of mistake that the block shows after it."""

    block: Block
    words: tuple[str, ...]
    error: str | None = None

    def __str__(self) -> str:
        return f"{self.block}: {shlex.join(self.words)}"


def blocks(page: str) -> Iterator[Block]:
    """The blocks of a page, in order."""
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    number, skip = 0, None
    while number < len(lines):
        line = lines[number]
        if mark := _MARK.fullmatch(line.strip()):
            skip, number = mark[1], number + 1
            continue
        if fence := _FENCE.match(line):
            end = _end_of_fence(lines, number, fence[1])
            text = "\n".join(k.removeprefix(fence[1]) for k in lines[number + 1 : end])
            yield Block(page, number + 2, fence[2], text, skip)
            skip, number = None, end + 1
        elif _begins_indented(lines, number):
            end = number
            while end < len(lines) and (lines[end].startswith("    ") or not lines[end].strip()):
                end += 1
            text = "\n".join(k.removeprefix("    ") for k in lines[number:end]).rstrip()
            yield Block(page, number + 1, "", text, skip)
            skip, number = None, end
        else:
            skip = skip if not line.strip() else None
            number += 1


def commands(block: Block) -> Iterator[Command]:
    """The commands of a block of the shell; what it shows of their answers is left out.

    Raises:
        ValueError: If a line of a block marked as bash begins with a program nobody expects.
    """
    if not block.is_shell:
        return
    lines = _joined(block.text)
    prompted = any(line.startswith("$ ") for line in lines)
    found: list[Command] = []
    for line in lines:
        if prompted and not line.startswith("$ "):
            if line.startswith("inklings: ") and found:
                found[-1] = Command(block, found[-1].words, line)
            continue
        for part in _parts(line.removeprefix("$ ")):
            if part[0] in PROGRAMS:
                found.append(Command(block, part))
            elif block.language:
                raise ValueError(f"{block}: {part[0]!r} is none of {PROGRAMS}")
    yield from found


def _parts(line: str) -> Iterator[tuple[str, ...]]:
    """Words of each command of a line that joins several by ``&&``, without the comment."""
    line = re.sub(r'"\$\(cat ([^)]+)\)"', r"@\1", line).replace("$(which inklings)", "inklings")
    words: list[str] = []
    for word in [*shlex.split(line, comments=True), "&&"]:
        if word != "&&":
            words.append(word)
        elif words:
            yield tuple(words)
            words = []


def _joined(text: str) -> list[str]:
    """Lines, those that end in a backslash joined with the next."""
    return re.sub(r"\s*\\\n\s*", " ", text).splitlines()


def _end_of_fence(lines: list[str], start: int, indent: str) -> int:
    for number in range(start + 1, len(lines)):
        if lines[number].rstrip() == f"{indent}```":
            return number
    raise ValueError(f"the block that begins in line {start + 1} does not end")


def _begins_indented(lines: list[str], number: int) -> bool:
    """Four blanks after an empty line, and not within a list."""
    if not lines[number].startswith("    ") or (number and lines[number - 1].strip()):
        return False
    before = next((k for k in reversed(lines[:number]) if k.strip()), "")
    return not _LIST.match(before) and not before.startswith("  ")
