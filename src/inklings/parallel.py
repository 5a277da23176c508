"""The one map over cases: in this process, in processes of this machine, or on a Dask cluster.

A case is the unit. `over_cases` is for work that leaves files: the task writes those of one case,
each whole or not at all (`inklings.files`), so that any process may be killed at any moment and
the command run again does what is left; a case that fails is quarantined in ``failed.json`` with
its reason while the others are finished. `map_cases` is for work that yields a result for each
case, or the reason why there is none; `mapped` for work in which an error is everybody's. All
three share the cases by `inklings.executors`.
"""

from __future__ import annotations

import errno
import time
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from inklings.errors import DataError, InklingsError
from inklings.executors import Killed, answers
from inklings.files import write_json
from inklings.progress import note, track
from inklings.records import read_record

FAILED = 3
"""Exit code of a command that finished, but not for every case."""

_FAILED_FILE = "failed.json"

Task = Callable[[str], Any]
Item = TypeVar("Item")
Value = TypeVar("Value")


@dataclass(frozen=True)
class CaseOutcome(Generic[Value]):
    """What became of one case.

    Attributes:
        case: Its id.
        value: What the task returned; None where it failed.
        error: Why it failed; None where it did not.
    """

    case: str
    value: Value | None = None
    error: InklingsError | None = None

    @property
    def reason(self) -> str | None:
        """The error in one line."""
        return None if self.error is None else " ".join(str(self.error).split())


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
    workers: int | None = 1,
    scheduler: str | None = None,
    done: Callable[[str], bool] | None = None,
    told: bool = True,
) -> Summary:
    """Call ``task(name)`` for every case that is not done yet.

    Args:
        task: Writes the files of one case, atomically. With workers it must be picklable and
            small (it travels to each: paths rather than a whole cohort), hold absolute paths, and
            do no harm when a case is done twice.
        names: Ids of the cases.
        out: Where ``failed.json`` goes; it is removed when nothing is left in it.
        what: Says what is being done, for the progress bar: ``"tiling"``.
        workers: Processes that share the cases, one by default, see
            `inklings.executors.processes`.
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
    start = time.perf_counter()
    todo = [name for name in names if done is None or not done(name)]
    failed: dict[str, str] = {}
    try:
        items = {name: name for name in todo}
        for one in map_cases(task, items, what=what, workers=workers, scheduler=scheduler):
            if one.reason is not None:
                failed[one.case] = one.reason
                if told:
                    note(f"{one.case}: {one.reason}")
    finally:
        quarantine(out, failed, set(names))
    return Summary(
        finished=len(todo) - len(failed),
        skipped=len(names) - len(todo),
        failed={name: failed[name] for name in todo if name in failed},
        seconds=time.perf_counter() - start,
    )


def map_cases(
    task: Callable[[Item], Value],
    items: Mapping[str, Item],
    *,
    what: str,
    workers: int | None = 1,
    scheduler: str | None = None,
) -> Iterator[CaseOutcome[Value]]:
    """What ``task`` returns for every case, as they come; a case that fails is an outcome, too.

    Args:
        task: Called with the item of a case. With workers, task, items and values travel: they
            must be picklable and small, with absolute paths, and a case may be done twice.
        items: Id of a case to what the task is called with.
        what: Says what is being done, for the progress bar: ``"evaluate"``.
        workers: Processes that share the cases, one by default, see
            `inklings.executors.processes`.
        scheduler: Address of a Dask scheduler instead, as of `over_cases`.

    Raises:
        SpecError: If there is no scheduler at that address, or both ways are asked for.
        OSError: If the disk is full: every other case would fail in the same way.
    """
    cases = list(items.items())
    with closing(answers(partial(_attempted, task), cases, workers, scheduler)) as done:
        for number, outcome, error in track(done, what, len(cases)):
            if isinstance(error, Killed):
                yield CaseOutcome(cases[number][0], error=error)
            elif error is not None:
                raise error
            else:
                yield outcome


def mapped(
    task: Callable[[Item], Value],
    items: Sequence[Item],
    *,
    what: str,
    workers: int | None = 1,
    scheduler: str | None = None,
) -> Iterator[Value]:
    """``task(item)`` of all items, in whatever order they are done; the first error is raised.

    Args:
        task: As for `map_cases`; must leave nothing half done when its process is killed.
        items: What it is called with.
        what: Says what is being done, for the progress bar: ``"importing"``.
        workers: Processes that share the items, one by default, see
            `inklings.executors.processes`.
        scheduler: Address of a Dask scheduler instead, as of `over_cases`.

    Raises:
        DataError: If a worker is killed again and again.
        SpecError: If there is no scheduler at that address, or both ways are asked for.
    """
    with closing(answers(task, items, workers, scheduler)) as done:
        for _, value, error in track(done, what, len(items)):
            if isinstance(error, Killed):
                raise DataError(
                    "a worker process was killed (out of memory?); run again, with --workers 1"
                )
            if error is not None:
                raise error
            yield value


def attempt(task: Callable[[Item], Value], case: str, item: Item) -> CaseOutcome[Value]:
    """What ``task(item)`` returns or why it failed; a full disk is everybody's and is raised."""
    try:
        return CaseOutcome(case, task(item))
    except InklingsError as error:
        return CaseOutcome(case, error=error)
    except Exception as error:
        # One odd file must not cost the night; where it happened is kept for the report.
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(frame.filename).name}:{frame.lineno}"
        unexpected = InklingsError(f"unexpected {type(error).__name__}: {error} ({where})")
        unexpected.__cause__ = error
        return CaseOutcome(case, error=unexpected)


def _attempted(task: Callable[[Item], Value], named: tuple[str, Item]) -> CaseOutcome[Value]:
    return attempt(task, *named)


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
