"""What operating systems do differently, each with a fallback for Windows."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import IO, Any

_SEEKING = threading.Lock()


def read_at(descriptor: int, count: int, offset: int) -> bytes:
    """Up to ``count`` bytes of an open file from ``offset`` on; its own position stays."""
    if hasattr(os, "pread"):
        return os.pread(descriptor, count, offset)
    with _SEEKING:
        before = os.lseek(descriptor, 0, os.SEEK_CUR)
        try:
            os.lseek(descriptor, offset, os.SEEK_SET)
            return os.read(descriptor, count)
        finally:
            os.lseek(descriptor, before, os.SEEK_SET)


def open_to_read(path: os.PathLike[str]) -> int:
    """A descriptor whose bytes are those of the file: Windows turns line ends otherwise."""
    return os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))


def after_fork(action: Callable[[], None]) -> None:
    """Call ``action`` in every forked child; where nothing forks, never."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=action)


def hold(file: IO[Any], wait: bool) -> None:
    """Hold a file for this process alone, until it is closed or the process ends.

    Raises:
        OSError: If another process holds it and ``wait`` is False.
    """
    if find_spec("fcntl") is None:
        _hold_on_windows(file, wait)
        return
    unix = import_module("fcntl")
    unix.flock(file, unix.LOCK_EX if wait else unix.LOCK_EX | unix.LOCK_NB)


def _hold_on_windows(file: IO[Any], wait: bool) -> None:
    windows = import_module("msvcrt")
    while True:
        file.seek(0)
        try:
            windows.locking(file.fileno(), windows.LK_LOCK if wait else windows.LK_NBLCK, 1)
            return
        except OSError:  # LK_LOCK gives up after ten seconds
            if not wait:
                raise


def link_or_copy(source: str, to: str) -> None:
    """A second name of a file; a copy where the file system has no such names."""
    try:
        os.link(source, to)
    except OSError:
        shutil.copy2(source, to)
