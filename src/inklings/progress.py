"""Progress with an estimate, on standard error; silent when asked or when nobody watches."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")

_EVERY = 10.0
_RECENT = 12
"""Seconds between two lines, and how many of them an estimate looks back."""

_quiet = False
_live: Any = None


def silence(quiet: bool) -> None:
    """Turn all progress and notes off (or on again); set once by the command line."""
    global _quiet
    _quiet = quiet


@contextmanager
def silenced() -> Iterator[None]:
    """Say nothing within, and go on afterwards as before; also a decorator."""
    before = _quiet
    silence(True)
    try:
        yield
    finally:
        silence(before)


def is_silent() -> bool:
    """Whether ``--quiet`` was given."""
    return _quiet


def note(text: str) -> None:
    """One line for whoever watches, on standard error."""
    if not _quiet:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def track(items: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """Yield ``items`` and show how many are done and how long the rest will take.

    On a terminal this is a bar; in a log file it is a line every ten seconds. Estimates are of the
    last two minutes: what was finished before an interruption goes by faster than what comes.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    if _quiet:
        yield from items
    elif sys.stderr.isatty():
        yield from _bar(items, what, total)
    else:
        yield from _lines(items, what, total)


def _bar(items: Iterable[T], what: str, total: int | None) -> Iterator[T]:
    from rich.console import Console
    from rich.progress import Progress

    global _live
    if _live is not None:  # there can be only one bar at a time: this one joins it
        task = _live.add_task(what, total=total)
        try:
            yield from _live.track(items, total=total, task_id=task)
        finally:
            _live.remove_task(task)
        return
    with Progress(console=Console(stderr=True), transient=True) as bar:
        _live = bar
        try:
            yield from bar.track(items, total=total, description=what)
        finally:
            _live = None


def _lines(items: Iterable[T], what: str, total: int | None) -> Iterator[T]:
    said = deque([(time.monotonic(), 0)], maxlen=_RECENT)
    for done, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if now - said[-1][0] >= _EVERY:
            then, before = said[0]
            said.append((now, done))
            each = (now - then) / (done - before)
            left = f", {each * (total - done):.0f} s left" if total else ""
            note(f"{what}: {done}{f' of {total}' if total else ''}{left}")
