"""The folder of one slide appears when all of it is there, and not before."""

from __future__ import annotations

import os
import platform
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from inklings.errors import DataError
from inklings.heatmaps.record import (
    CLASSES,
    HEATMAP,
    OUTLINES,
    RECORD,
    SlidePrediction,
    folder_of,
)

_ABANDONED_SECONDS = 7 * 86_400  # where nobody can be asked whether the process still lives


@contextmanager
def slide_written(out: Path, case: str) -> Iterator[Path]:
    """A hidden folder that becomes ``cases/<case>`` when the block ends well.

    Its name says which process fills it, so that what a killed one left can be told from what
    another is still writing.
    """
    target = folder_of(out, case)
    part = target.parent / f".{case}.{_host()}-{os.getpid()}.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        for path in part.iterdir():
            with path.open("rb+") as file:
                os.fsync(file.fileno())
        if target.exists() and not (target / RECORD).exists():
            shutil.rmtree(target)
        if target.exists():
            old = target.parent / f".{case}.{_host()}-{os.getpid()}.old.part"
            target.rename(old)
            shutil.rmtree(old)
        part.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def clear_abandoned(out: Path) -> None:
    """Remove what killed processes have left."""
    for path in (out / "cases").glob(".*.part"):
        found = re.search(r"\.([^.]*)-(\d+)(\.old)?\.part$", path.name)
        if not (path.is_dir() and found):
            continue
        here = found[1] == _host()
        old = time.time() - path.stat().st_mtime > _ABANDONED_SECONDS
        if old or (here and not psutil.pid_exists(int(found[2]))):
            shutil.rmtree(path, ignore_errors=True)


def slide_image(out: Path, case: str) -> Path | None:
    """Which file a finished slide was read from; None where the prediction is damaged."""
    folder = folder_of(out, case)
    if not all((folder / name).is_file() for name in (HEATMAP, CLASSES, OUTLINES)):
        return None
    try:
        return SlidePrediction.read(out, case).image
    except DataError:
        return None


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9_]", "_", platform.node()) or "here"
