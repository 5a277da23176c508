"""Cases converted by several processes, a few in flight at a time, gone when their parent is."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection, parent_process
from typing import Any, TypeVar

from inklings.errors import DataError

T = TypeVar("T")
R = TypeVar("R")

_FEW = 12  # below this many cases a second process takes longer to start than it saves
_task: Callable[[Any], Any] | None = None


def converted(
    task: Callable[[T], R], items: Sequence[T], workers: int | None = None
) -> Iterator[R]:
    """``task(item)`` of all items, in whatever order they are done.

    Args:
        task: Picklable; must leave nothing half done when the process is killed.
        items: Picklable too.
        workers: Processes; 1 works in this one. By default the cores this process may use.

    Raises:
        DataError: If a worker is killed from outside.
    """
    workers = workers or _cores()
    if workers == 1 or len(items) < _FEW:
        yield from map(task, items)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=_start, initargs=(task,))
    try:
        yield from _bounded(pool, items, 3 * workers)
    except BrokenProcessPool:
        raise DataError(
            "a worker process was killed (out of memory?); run again, with --workers 1"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # what a container or a scheduler granted
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _bounded(pool: ProcessPoolExecutor, items: Sequence[T], most: int) -> Iterator[Any]:
    flying: set[Future[Any]] = set()
    for item in items:
        flying.add(pool.submit(_call, item))
        if len(flying) >= most:
            done, flying = wait(flying, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
    while flying:
        done, flying = wait(flying, return_when=FIRST_COMPLETED)
        yield from (future.result() for future in done)


def _start(task: Callable[[Any], Any]) -> None:
    global _task
    _task = task
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to explain
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    """A killed parent cannot stop its workers, so they watch for its end."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _call(item: Any) -> Any:
    assert _task is not None
    return _task(item)
