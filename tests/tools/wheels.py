"""Whether every package that inklings needs has a wheel for a version of Python, as pip sees it.

``python tests/tools/wheels.py 3.12 3.13 3.14``: a line for each, and exit code 1 if one is missing.
Needs the network; nothing is installed, and nothing but descriptions is downloaded.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLATFORMS = {"linux": ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")}


def missing(version: str, needs: list[str]) -> list[str]:
    """Requirements of which pip finds no wheel for this Python on Linux."""
    platforms = [word for one in PLATFORMS["linux"] for word in ("--platform", one)]
    lost = []
    for need in needs:
        with tempfile.TemporaryDirectory() as folder:
            asked = subprocess.run(
                [
                    *(sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--no-deps"),
                    *("--disable-pip-version-check", "--only-binary=:all:", "--target", folder),
                    *("--python-version", version, *platforms, need),
                ],
                capture_output=True,
                text=True,
                check=False,
            )  # fmt: skip
        if asked.returncode:
            lost.append(need)
    return lost


def main(versions: list[str]) -> int:
    """Print a line for each version; 1 where a wheel is missing."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needs = project["dependencies"]
    failed = False
    for version in versions:
        lost = missing(version, needs)
        failed |= bool(lost)
        print(f"Python {version}: {len(needs) - len(lost)} of {len(needs)}", *lost, flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["3.12", "3.13", "3.14"]))
