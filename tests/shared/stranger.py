"""A stranger's machine: the wheel in an environment of its own, no clone, no settings."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Stranger:
    """An environment with the wheel, and the folder where its owner works."""

    command: Path
    home: Path

    def runs(self, *words: object, code: int = 0) -> str:
        """One command, as it is typed; what it printed."""
        keep = {k: os.environ[k] for k in ("PATH", "LANG", "TMPDIR") if k in os.environ}
        done = subprocess.run(
            [str(self.command), *map(str, words)],
            cwd=self.home,
            env={**keep, "HOME": str(self.home), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )
        assert done.returncode == code, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr


def stranger(folder: Path) -> Stranger:
    """Build the wheel and install it, with the libraries of this environment beside it.

    Skips where the wheel cannot be built without the network.
    """
    wheels = folder / "wheels"
    how = ("--no-deps", "--no-build-isolation", "--quiet", "--wheel-dir", str(wheels))
    built = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", str(ROOT), *how],
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode:
        pytest.skip(f"the wheel cannot be built here: {built.stderr.strip().splitlines()[-1]}")
    (wheel,) = wheels.glob("inklings-*.whl")
    home = folder / "env"
    venv.create(home, with_pip=True)
    own = sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)})
    # Of a folder named in a .pth file no .pth files are read: the editable install stays outside.
    (Path(own) / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    install = ("-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall", "--no-index")
    subprocess.run([str(python), *install, str(wheel)], check=True)
    work = folder / "home"
    work.mkdir()
    return Stranger(python.parent / "inklings", work)
