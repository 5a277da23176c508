"""Generated damage: a few a file in the suite, 200 with `make fuzz`, others with another seed."""

from __future__ import annotations

import contextlib
import io
import os
import resource
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import damage
from typer.testing import CliRunner

from inklings.cli import _explain, app
from inklings.errors import InklingsError

COUNT = int(os.environ.get("INKLINGS_FUZZ", "4"))
SEED = int(os.environ.get("INKLINGS_FUZZ_SEED", "0"))
SECONDS = 20
KILOBYTES = 2_000_000

Told = tuple[int, str]


def command(*arguments: object) -> Told:
    """How a command ends: its exit code, and what it says of an error."""
    ran = CliRunner().invoke(app, [*map(str, arguments), "--quiet"])
    assert "Traceback" not in ran.output
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    return ran.exit_code, ran.stderr or ran.output


def call(read: Callable[[], Any]) -> Told:
    """How a function of the library ends, as a command would tell it."""
    said = io.StringIO()
    try:
        read()
    except (InklingsError, OSError) as error:  # a name that is too long is one of the system's
        with contextlib.redirect_stderr(said):
            return _explain(error), said.getvalue()
    return 0, ""


def hold(path: Path, run: Callable[[Path], Told], out: Path) -> None:
    """Damage a file in many ways: each ends in 0, 2 or 3, in one line, in time and memory.

    Args:
        path: What is damaged, and is whole again at the end.
        run: Reads it; it may write below the folder that it is given.
        out: Where these folders go.
    """
    whole = path.read_bytes()
    code, told = run(out / "whole")
    assert code == 0, told
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        for k in range(COUNT):
            what, data = damage.one(whole, SEED + k)
            path.write_bytes(data)
            start = time.process_time()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # of other libraries
                code, told = run(out / str(k))
            seed = f"{path.name}, seed {SEED + k}, {what}: {told}"
            assert code in (0, 2, 3), seed
            assert code != 2 or told.strip().count("\n") == 0 or ":\n" in told, seed
            assert "unreadable case" not in told, seed  # so is any error called
            assert time.process_time() - start < SECONDS, seed
    finally:
        path.write_bytes(whole)
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert used < KILOBYTES, f"{used} kB"
