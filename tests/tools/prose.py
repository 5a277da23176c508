"""What `make lint` asks of every Markdown file: no long line, and no link that leads nowhere.

Offline. Tables and the output of commands (blocks of ``console``) cannot be wrapped and may be
longer; addresses of other sites are not looked up. ``docs/commands.md`` is made by `make docs`.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

WIDTH = 120
MADE = {"docs/commands.md"}
FENCE = re.compile(r"^\s*(```|~~~)\s*(\w*)")
LINK = re.compile(r"\]\(<?([^)<>\s]+)>?(?:\s+\"[^\"]*\")?\)")
CODE = re.compile(r"(`+)(?:.+?)\1", re.DOTALL)


def fenced(text: str) -> Iterator[tuple[int, str, str | None]]:
    """Each line with its number, and the language of the block it is in (None outside)."""
    block: str | None = None
    for number, line in enumerate(text.splitlines(), 1):
        fence = FENCE.match(line)
        if fence:
            block = fence[2] if block is None else None
            continue
        yield number, line, block


def anchors(text: str) -> set[str]:
    """The names of the headings of a page, as GitHub and as the site write them."""
    found: set[str] = set(re.findall(r"(?:id|name)=\"([^\"]+)\"", text))
    for _, line, block in fenced(text):
        if block is None and (heading := re.match(r"#+\s+(.*?)\s*#*$", line)):
            words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).lower()
            name = re.sub(r"[^\w\- ]", "", words).strip().replace(" ", "-")
            found |= {name, re.sub(r"-+", "-", name)}
    return found


def faults(root: Path, pages: list[Path]) -> Iterator[str]:
    """One line for each fault: page, line, what is wrong."""
    texts = {page: page.read_text() for page in pages}
    for page, text in texts.items():
        shown = page.relative_to(root)
        prose = list(fenced(text))
        for number, line, block in prose:
            if len(line) > WIDTH and block != "console" and not line.lstrip().startswith("|"):
                yield f"{shown}:{number}: {len(line)} characters, at most {WIDTH}"
        plain = "\n".join("" if block is not None else line for _, line, block in prose)
        for link in LINK.findall(CODE.sub("", plain)):
            if re.match(r"[a-z]+:", link):
                continue
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            if str(target.relative_to(root)) in MADE:
                continue
            if not target.exists():
                yield f"{shown}: no file for the link {link}"
            elif anchor and target.suffix == ".md":
                known = anchors(texts.get(target) or target.read_text())
                if anchor not in known:
                    yield f"{shown}: no heading for the link {link}"


def main() -> int:
    """Print every fault; 1 where there is one."""
    root = Path(__file__).resolve().parents[2]
    listed = subprocess.run(
        ["git", "ls-files", "*.md"], cwd=root, capture_output=True, text=True, check=True
    ).stdout.split()
    found = list(faults(root, [root / name for name in listed if (root / name).exists()]))
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
