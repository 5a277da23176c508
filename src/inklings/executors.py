"""Where work on many items is done: here, in processes of this machine, or on a Dask cluster.

One item is in flight for each process, a process that dies is replaced and its item done again, a
few times at most, and processes end with their parent. `inklings.parallel` is the way in.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import traceback
import uuid
from collections import Counter, deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from multiprocessing import connection, parent_process
from typing import Any

from inklings.errors import InklingsError, SpecError
from inklings.machine import cores
from inklings.progress import is_silent, note, silence

_FEW = 12  # below so many cases a second process takes longer to start than it saves
_DEATHS = 2  # how many killed workers one case may cost beyond the first
_PATIENCE_S = 10.0
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_KILLED = "every worker that took it was killed (out of memory?)"

Answers = Generator[tuple[int, Any, Exception | None], None, None]
"""Number of an item, what its task returned, and the error instead."""


class Killed(InklingsError):
    """Every worker that took an item was killed."""


def processes(workers: int | None, cases: int) -> int:
    """How many processes share the cases, by what ``--workers`` says; 1 is this one alone.

    Args:
        workers: As many, but no more than there are cases; 0 or 1 for this process. None: one a
            core that this process may use, and this one for a few cases.
        cases: How many there are to do.
    """
    if workers is None:
        return cores() if cases >= _FEW else 1
    return max(1, min(workers, cases))


def answers(
    task: Callable[[Any], Any], items: Sequence[Any], workers: int | None, scheduler: str | None
) -> Answers:
    """The answers of all items as they come, from wherever the work is done."""
    if scheduler and (workers or 0) > 1:
        raise SpecError(
            "expected --workers or --scheduler, got both; a cluster has its own workers"
        )
    many = 1 if scheduler else processes(workers, len(items))
    if scheduler and items:
        yield from _of_cluster(task, items, scheduler)
    elif many > 1:
        yield from _of_processes(task, items, many)
    else:
        yield from ((number, task(item), None) for number, item in enumerate(items))


class _Worker:
    """A process that does one item at a time, with one thread for the libraries of numbers."""

    def __init__(self, task: Callable[[Any], Any]) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, there = context.Pipe()
        self.number: int | None = None
        self.process = context.Process(target=_work, args=(there, task, is_silent()), daemon=True)
        alone = {name: "1" for name in _THREADS if name not in os.environ}
        os.environ.update(alone)  # read when the libraries are loaded, so before they are
        try:
            self.process.start()
        finally:
            for name in alone:
                del os.environ[name]
        there.close()  # so that the pipe ends where the process does

    def take(self, number: int, item: Any) -> None:
        self.number = number
        with suppress(BrokenPipeError, ConnectionResetError):  # the end of the pipe will say so
            self.pipe.send(item)

    def stop(self) -> None:
        self.pipe.close()
        self.process.kill()
        self.process.join()


def _of_processes(task: Callable[[Any], Any], items: Sequence[Any], many: int) -> Answers:
    """By processes of this machine, with one item in flight for each."""
    waiting, deaths = deque(range(len(items))), Counter[int]()
    workers = {worker.pipe: worker for worker in (_Worker(task) for _ in range(many))}
    try:
        while workers:
            for pipe in connection.wait([*workers]):
                worker = workers[pipe]  # type: ignore[index]
                number, answer = worker.number, _received(worker)
                if answer is None and number is None:
                    raise InklingsError(
                        "a worker process did not start, and said why above; a script of yours "
                        "that shares work needs 'if __name__ == \"__main__\":', or workers=1"
                    )
                if answer is None:
                    del workers[worker.pipe]
                    worker.stop()
                    assert number is not None
                    deaths[number] += 1
                    if deaths[number] <= _DEATHS:
                        waiting.append(number)
                        number = None
                    if waiting:
                        worker = _Worker(task)
                        workers[worker.pipe] = worker
                elif waiting:
                    worker.take(waiting[0], items[waiting.popleft()])
                else:
                    del workers[worker.pipe]
                    worker.stop()
                if number is not None:
                    yield number, *(answer or (None, Killed(_KILLED)))
    finally:
        for worker in workers.values():
            worker.stop()


def _received(worker: _Worker) -> tuple[Any, Exception | None] | None:
    """What a process answers; nothing where it has died."""
    try:
        answer: tuple[Any, Exception | None] = worker.pipe.recv()
    except (EOFError, ConnectionResetError):
        return None
    return answer


def _work(pipe: connection.Connection, task: Callable[[Any], Any], quiet: bool) -> None:
    """Answer items until there are no more; the first answer says that the process is there."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to explain
    threading.Thread(target=_die_with_parent, daemon=True).start()
    silence(quiet)
    answer: tuple[Any, Exception | None] = None, None
    while True:
        try:
            pipe.send(answer)
        except (TypeError, AttributeError, pickle.PicklingError) as error:
            pipe.send((None, RuntimeError(f"a result cannot leave its process: {error}")))
        try:
            item = pipe.recv()
        except EOFError:
            return
        try:
            answer = task(item), None
        except Exception as error:
            answer = None, _portable(error)


def _portable(error: Exception) -> Exception:
    """An error that can travel, with the place where it happened."""
    error.add_note("".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _die_with_parent() -> None:
    """A killed parent cannot stop its workers, so they watch for its end."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _of_cluster(task: Callable[[Any], Any], items: Sequence[Any], address: str) -> Answers:
    """By the workers of a Dask scheduler, which replaces those that die."""
    from distributed import KilledWorker, as_completed

    with _connected(address) as client:
        run = uuid.uuid4().hex[:8]
        # Dask holds back the cases of one group until a worker is free; by names alone each would
        # be a group of its own, handed out at once and blamed for the death of its worker.
        keys = [(f"case-{run}", str(number)) for number in range(len(items))]
        futures = client.map(task, list(items), key=keys, pure=False)
        numbers = {future.key: number for number, future in enumerate(futures)}
        for future in as_completed(futures, loop=client.loop):
            number = numbers[future.key]
            try:
                yield number, future.result(), None
            except KilledWorker:
                yield number, None, Killed(_KILLED)
            except CancelledError:
                raise InklingsError(
                    "the Dask scheduler went away; start it again and run the same command: "
                    "finished cases are skipped"
                ) from None
            except Exception as error:
                yield number, None, error


def _connected(address: str) -> Any:
    from distributed import Client

    try:
        client = Client(address, timeout=_PATIENCE_S, set_as_default=False)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise SpecError(
            f"--scheduler: expected a Dask scheduler at {address}, got {reason}; start one with "
            "'dask scheduler' or dask-jobqueue, and give the address that it prints"
        ) from None
    if not client.scheduler_info()["workers"]:
        note(f"no worker has joined {address} yet; waiting for the first")
    return client
