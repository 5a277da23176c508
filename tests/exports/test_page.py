"""The page about exports does what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "exports.md"


def test_the_code_of_the_page_prints_what_it_says(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    said = re.findall(r"#  ?(.*)$", code.strip().splitlines()[-1])
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == said[-1]


def test_the_page_names_every_format() -> None:
    from inklings.exports import EXPORTS

    text = PAGE.read_text(encoding="utf-8")
    assert not [name for name in EXPORTS if f"`{name}`" not in text]
