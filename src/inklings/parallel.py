"""The same work on many cases: in this process, on the cores of this machine, or on a cluster.

A case is the unit. The task writes its own files, each whole or not at all (`inklings.files`), so
that any process may be killed at any moment and the command run again does what is left. A case
that fails is quarantined in ``failed.json`` with its reason while the others are finished; a
worker that dies is replaced and its case done again, a few times at most.
"""

from __future__ import annotations

import errno
import time
import traceback
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inklings.errors import InklingsError, SpecError
from inklings.files import write_json
from inklings.progress import note, track
from inklings.records import read_record

FAILED = 3
"""Exit code of a command that finished, but not for every case."""

_FAILED_FILE = "failed.json"
_DEATHS = 2  # how many killed workers one case may cost beyond the first
_PATIENCE_S = 10.0

Task = Callable[[str], Any]


@dataclass(frozen=True)
class Summary:
    """What became of the cases.

    Attributes:
        finished: Done now.
        skipped: Done before.
        failed: Case to reason, as in ``failed.json``.
        seconds: All of it, by the clock.
    """

    finished: int
    skipped: int
    failed: dict[str, str]
    seconds: float = 0.0

    @property
    def code(self) -> int:
        """Exit code: 0, or 3 where cases failed."""
        return FAILED if self.failed else 0

    def line(self, verb: str, out: Path) -> str:
        """One line, such as ``12 tiled in 3.1 s, 4 were done before, 1 failed (...) -> out``."""
        before = f", {self.skipped} were done before" if self.skipped else ""
        failed = f", {len(self.failed)} failed (failed.json)" if self.failed else ""
        return f"{self.finished} {verb} in {self.seconds:.1f} s{before}{failed} -> {out}"


def over_cases(
    task: Task,
    names: Sequence[str],
    *,
    out: Path,
    what: str,
    workers: int | None = None,
    scheduler: str | None = None,
    done: Callable[[str], bool] | None = None,
    told: bool = True,
) -> Summary:
    """Call ``task(name)`` for every case that is not done yet.

    Args:
        task: Writes the files of one case, atomically. With workers it must be picklable and
            small (it travels with every case: paths rather than a whole cohort), hold absolute
            paths, and do no harm when a case is done twice.
        names: Ids of the cases.
        out: Where ``failed.json`` goes; it is removed when nothing is left in it.
        what: Says what is being done, for the progress bar: ``"tiling"``.
        workers: Processes on this machine; None or 0 works in this one.
        scheduler: Address of a Dask scheduler instead, ``tcp://host:8786``; its workers must see
            the same paths and have the same inklings installed.
        done: Whether a case was finished before; asked here and not by the workers.
        told: Whether each failure is said at once; False where the caller says it at the end.

    Returns:
        Counts, and the reason for each case that failed.

    Raises:
        SpecError: If there is no scheduler at that address, or both ways are asked for.
        OSError: If the disk is full: every other case would fail in the same way.
    """
    if scheduler and workers:
        raise SpecError(
            "expected --workers or --scheduler, got both; a cluster has its own workers"
        )
    start = time.perf_counter()
    todo = [name for name in names if done is None or not done(name)]
    failed: dict[str, str] = {}
    try:
        with ExitStack() as stack:
            outcomes = _outcomes(stack, task, todo, workers or 0, scheduler)
            for name, reason in track(outcomes, what, len(todo)):
                if reason is not None:
                    failed[name] = reason
                    if told:
                        note(f"{name}: {reason}")
    finally:
        quarantine(out, failed, set(names))
    return Summary(
        finished=len(todo) - len(failed),
        skipped=len(names) - len(todo),
        failed={name: failed[name] for name in todo if name in failed},
        seconds=time.perf_counter() - start,
    )


def _outcomes(
    stack: ExitStack, task: Task, todo: Sequence[str], workers: int, scheduler: str | None
) -> Iterator[tuple[str, str | None]]:
    """Pairs of a case and the reason why it failed, None where it did not, as they come."""
    if not todo or not (workers or scheduler):
        return ((name, attempt(task, name)) for name in todo)
    client = _connected(stack, scheduler) if scheduler else _local(stack, min(workers, len(todo)))
    return _distributed(client, task, todo)


def attempt(task: Task, name: str) -> str | None:
    """Why ``task(name)`` failed, None if it did not; a full disk is everybody's and is raised."""
    try:
        task(name)
    except InklingsError as error:
        return " ".join(str(error).split())
    except Exception as error:
        # One odd file must not cost the night; where it happened is kept for the report.
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(frame.filename).name}:{frame.lineno}"
        return f"unexpected {type(error).__name__}: {' '.join(str(error).split())} ({where})"
    return None


def failed_cases(out: Path) -> dict[str, str]:
    """``failed.json``: the reason for each case that failed and did not succeed since.

    Raises:
        DataError: If it is damaged.
    """
    path = out / _FAILED_FILE
    if not path.is_file():
        return {}
    record = read_record(dict[str, str | _Before], path, "failed cases", "delete it")
    return {case: r if isinstance(r, str) else r.reason for case, r in record.items()}


@dataclass(frozen=True)
class _Before:
    """How 0.1.0 noted a failure."""

    reason: str
    image: str = ""


def quarantine(out: Path, failed: Mapping[str, str], tried: Collection[str]) -> None:
    """Keep what failed now, and what failed before of cases that nobody asked for now.

    Args:
        out: Where ``failed.json`` is.
        failed: Reason of each case that failed.
        tried: All cases that were asked for.
    """
    record = {case: why for case, why in failed_cases(out).items() if case not in tried}
    record = {**record, **failed}
    if record:
        write_json(out / _FAILED_FILE, dict(sorted(record.items())))
    else:
        (out / _FAILED_FILE).unlink(missing_ok=True)


def _local(stack: ExitStack, workers: int) -> Any:
    """Processes of this machine, one thread each, replaced when they die."""
    import dask
    from distributed import Client, LocalCluster

    settings = {
        "distributed.scheduler.allowed-failures": _DEATHS,
        # One case at a time: otherwise a neighbour that only waited is blamed for the death.
        "distributed.scheduler.worker-saturation": 1.0,
        "distributed.logging": {"distributed": "error"},
    }
    stack.enter_context(dask.config.set(settings))
    cluster = stack.enter_context(
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            memory_limit=0,  # Dask's guess (memory by share of cores) would pause workers for ever
            dashboard_address=None,
            silence_logs=50,
        )
    )
    return stack.enter_context(Client(cluster, set_as_default=False))


def _connected(stack: ExitStack, address: str) -> Any:
    from distributed import Client

    try:
        client = stack.enter_context(Client(address, timeout=_PATIENCE_S, set_as_default=False))
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise SpecError(
            f"--scheduler: expected a Dask scheduler at {address}, got {reason}; start one with "
            "'dask scheduler' or dask-jobqueue, and give the address that it prints"
        ) from None
    if not client.scheduler_info()["workers"]:
        note(f"no worker has joined {address} yet; waiting for the first")
    return client


def _distributed(client: Any, task: Task, todo: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    from distributed import KilledWorker, as_completed

    run = uuid.uuid4().hex[:8]
    # Dask holds back the cases of one group until a worker is free; by names alone each would be a
    # group of its own, handed out at once and blamed for the death of the worker it waits at.
    keys = [(f"case-{run}", name) for name in todo]
    futures = client.map(attempt, [task] * len(todo), list(todo), key=keys, pure=False)
    names = {future.key: name for future, name in zip(futures, todo, strict=True)}
    for future in as_completed(futures, loop=client.loop):
        name = names[future.key]
        try:
            yield name, future.result()
        except KilledWorker:
            yield name, "every worker that took it was killed (out of memory?)"
        except CancelledError:
            raise InklingsError(
                "the Dask scheduler went away; start it again and run the same command: "
                "finished cases are skipped"
            ) from None
