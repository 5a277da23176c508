"""Any dataset into a cohort folder: both cores, bounded memory, and safe to kill at any moment.

The one engine of all imports. A dataset (`inklings.datasets.dataset`, which says how one is
written) lists its items; a worker converts one at a time to images and labels of any kind, puts
the files in place atomically, and then one line is appended to the journal
(`inklings.datasets.journal`). An import that is run again converts only what the journal does not
have, or what changed in the source since. A case that cannot be read is set aside with the name of
its file. At the end ``cases.parquet``, ``cohort.yaml`` and the report of findings are written;
splits and patients that were assigned to an earlier state of the cohort are kept.

Images given as bytes are copied, so that the cohort can be moved on its own; images given as paths
stay where they lie.
"""

from __future__ import annotations

import errno
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from inklings.cohorts.case import SPLITS, Case
from inklings.cohorts.cohort import Cohort, to_row
from inklings.datasets.assembly import assembled, found_in
from inklings.datasets.dataset import Converted, Dataset, Item, Mask, Stored
from inklings.datasets.findings import ImportFinding, fatal
from inklings.datasets.given import require_there
from inklings.datasets.journal import Journal
from inklings.datasets.masks import write_numbers
from inklings.errors import DataError, InklingsError, LabelError
from inklings.files import write_bytes
from inklings.labels.kinds import CaseLabel, Label, MaskLabel
from inklings.parallel import mapped
from inklings.progress import note

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE)
"""Errors that say nothing of the case: the import stops, and goes on when run again."""


@dataclass(frozen=True)
class Report:
    """What an import did.

    Attributes:
        folder: Of the cohort.
        cohort: As it now is on disk.
        now: How many cases this call converted.
        findings: What is odd about cases, and what was done.
        words: What else the dataset has to tell, a line each.
        noun: What its cases are called.
    """

    folder: Path
    cohort: Cohort
    now: int
    findings: tuple[ImportFinding, ...]
    words: tuple[str, ...] = ()
    noun: str = "cases"

    @property
    def left_out(self) -> tuple[str, ...]:
        """Ids of the cases that are too broken to use."""
        return tuple(sorted({f.case for f in self.findings if f.is_fatal}))


def run(
    dataset: Dataset,
    out: Path,
    workers: int | None = None,
    scheduler: str | None = None,
    annotates: str | None = None,
) -> Report:
    """Import ``dataset`` into the cohort folder ``out``, or go on with it, or find it complete.

    Args:
        dataset: What to import.
        out: New folder, or one that an interrupted import of the same data left.
        workers: Processes that share the cases, see `inklings.executors.processes`.
        scheduler: Address of a Dask scheduler instead.
        annotates: Which classes the labels speak of (`inklings.cohorts.annotated`); None for all,
            or what an earlier import was told.

    Raises:
        DataError: If the source is not what it should be, or ``out`` holds something else.
    """
    out = out.absolute()
    require_there(dataset)
    state = _state(dataset)
    there = _absolute(dataset) if scheduler else dataset
    with Journal(out, head_of(dataset)) as journal:
        if state is not None and journal.complete == state and not _missing(journal, out):
            return _report(dataset, journal, out, 0, False, annotates)
        scratch = out / ".unpacked"
        done = _converted(there, journal, scratch, workers, scheduler)
        outdated = done > 0 or journal.complete is None
        report = _report(dataset, journal, out, done, outdated, annotates)
        if outdated:
            journal.close_books(state or "listed", report.words)
        shutil.rmtree(scratch, ignore_errors=True)
        return report


def _converted(
    dataset: Dataset, journal: Journal, scratch: Path, workers: int | None, scheduler: str | None
) -> int:
    """How many cases were converted now; what their source held of them is not kept."""
    out = scratch.parent
    items = dataset.items(scratch)
    _require_one_each(items)
    _require_foreign(items, out)
    todo = _todo(items, journal, out)
    if journal.records and todo:
        note(f"resuming: {len(items) - len(todo)} of {len(items)} cases are done")
    dataset.prepare(todo)
    _sweep(out)
    store = _Store(dataset, out)
    for record in mapped(store, todo, what="importing", workers=workers, scheduler=scheduler):
        journal.append(record)
    here = {item.id for item in items}
    journal.forget({*journal.broken, *_missing(journal, out)} - here)
    return len(todo)


def _absolute(dataset: Dataset) -> Dataset:
    """The same for processes that stand in another folder."""
    paths = {k: v.absolute() for k, v in vars(dataset).items() if isinstance(v, Path)}
    return replace(dataset, **paths)  # type: ignore[type-var]


def head_of(dataset: Dataset) -> dict[str, Any]:
    """What makes this import another than one with a different head."""
    return {
        "dataset": type(dataset).__name__.lower(),
        "source": str(dataset.source.resolve()) if dataset.source else None,
        "options": dict(dataset.options()),
    }


def _state(dataset: Dataset) -> str | None:
    """Sizes and times of an archive or a file; None for a folder, which is listed to know."""
    source = dataset.source
    if source is None or source.is_dir():
        return None
    beside = [value for value in vars(dataset).values() if isinstance(value, Path)]
    stats = [path.stat() for path in (source, *sorted(beside)) if path.is_file()]
    return "; ".join(f"{stat.st_size} bytes of {stat.st_mtime_ns}" for stat in stats)


def _require_one_each(items: Sequence[Item]) -> None:
    if not items:
        raise DataError("expected cases to import, got none")
    name, times = Counter(item.id for item in items).most_common(1)[0]
    if times > 1:
        raise DataError(f"expected a name for each case, got {name!r} for {times}; rename them")


def _require_foreign(items: Sequence[Item], out: Path) -> None:
    """Refuse what an earlier import wrote: where ``out`` lies in the folder that is searched."""
    own = [out.resolve() / "images", out.resolve() / "labels"]
    for item in items:
        for path in _paths_of(item):
            if set(own) & {*path.resolve().parents}:
                raise DataError(
                    f"expected data to import, found {path}, which lies in --out {out}; give --out "
                    "a folder outside of the one that is searched"
                )


@dataclass(frozen=True)
class _Store:
    """Converts an item, puts its files in place, and says so in a record."""

    dataset: Dataset
    out: Path

    def __call__(self, item: Item) -> dict[str, Any]:
        """The line of the journal: ``id``, ``stamp``, ``findings``; ``case`` and its ``files``."""
        files: dict[str, int] = {}
        made = self._made(item)
        case = None
        if made.images and not fatal(made.findings):
            try:
                case = self._case(item, made, files)
            except DataError as error:
                made = replace(made, findings=(*made.findings, _set_aside(item, error)))
        record: dict[str, Any] = {
            "id": item.id,
            "stamp": item.stamp,
            "findings": [[f.kind, f.detail, f.count, f.case] for f in made.findings],
        }
        if case is None:
            return record
        return {**record, "case": to_row(case, self.out.resolve()), "files": files}

    def _made(self, item: Item) -> Converted:
        try:
            return self.dataset.convert(item)
        except DataError as error:
            return Converted({}, findings=(_set_aside(item, error),))
        except InklingsError:
            raise  # an option that cannot be, an extra that is not installed: of all cases
        except Exception as error:
            if isinstance(error, OSError) and error.errno in _FULL:
                raise
            return Converted({}, findings=(_set_aside(item, error),))

    def _case(self, item: Item, made: Converted, files: dict[str, int]) -> Case:
        if made.split is not None and made.split not in SPLITS:
            raise DataError(f"expected a split of {', '.join(SPLITS)}, got {made.split!r}")
        images = {name: self._image(item, made, name, files) for name in made.images}
        case = Case(
            id=item.id,
            patient=made.patient or item.id,
            images=images,
            split=made.split,
            facts=dict(made.facts),
            choices={name: one.choice for name, one in made.images.items() if one.choice},
        )
        labels = [self._label(label, case, k, files) for k, label in enumerate(made.labels)]
        return replace(case, labels=tuple(labels))

    def _image(self, item: Item, made: Converted, name: str, files: dict[str, int]) -> Path:
        if not re.fullmatch(r"[A-Za-z0-9_][\w.+ -]*", name):
            raise DataError(f"expected a name of letters and digits for an image, got {name!r}")
        one: Stored = made.images[name]
        if isinstance(one.content, Path):
            path = one.content.absolute()
            if path.is_file():
                files[str(path)] = path.stat().st_size
            return path
        only = len(made.images) == 1
        place = f"images/{item.id}{'' if only else f'~{name}'}{one.suffix}"
        write_bytes(self.out / place, one.content, durable=False)
        # The journal knows the size, so a file that a power cut emptied is made again.
        files[place] = len(one.content)
        return self.out / place

    def _label(self, label: Label | Mask, case: Case, number: int, files: dict[str, int]) -> Label:
        on = None if isinstance(label, CaseLabel) else label.image or next(iter(case.images))
        if on is not None and on not in case.images:
            had = ", ".join(case.images)
            raise LabelError(f"a label lies on image {on!r}, the case has {had}")
        if not isinstance(label, Mask):
            return label
        assert on is not None
        stem = case.id + (f"~{number + 1}" if number else "")
        path = write_numbers(self.out / "labels", stem, label, case, on)
        files[f"labels/{path.name}"] = path.stat().st_size
        return MaskLabel(path, on, label.kind, label.classes, label.extent)


def _set_aside(item: Item, error: BaseException) -> ImportFinding:
    """What is wrong, with the file; libraries that decode files raise errors of any kind."""
    detail = " ".join(str(error).split())
    if isinstance(error, OSError) and error.filename:
        detail = f"{error.filename}: {error.strerror}"
    elif isinstance(error, MemoryError):
        detail = f"{_files_of(item)}: more than fits in memory"
    elif not isinstance(error, DataError):
        detail = f"{_files_of(item)}: {type(error).__name__}: {detail}"
    return ImportFinding(item.id, "unreadable case", detail)


def _files_of(item: Item) -> str:
    """The files that an item names."""
    return ", ".join(path.name for path in _paths_of(item)) or item.id


def _paths_of(item: Item) -> Iterator[Path]:
    for value in vars(item).values() if hasattr(item, "__dict__") else ():
        every = value.values() if isinstance(value, dict) else [value]
        yield from (one for one in every if isinstance(one, Path))


def _todo(items: Sequence[Item], journal: Journal, out: Path) -> list[Item]:
    missing = _missing(journal, out)
    return [
        item
        for item in items
        if item.id in missing
        or item.id not in journal.records
        or journal.records[item.id].get("stamp") != item.stamp
    ]


def _missing(journal: Journal, out: Path) -> set[str]:
    """Cases whose files are gone, or not as long as they were."""
    return {
        name
        for name, record in journal.records.items()
        if any(_size(out / path) != size for path, size in record.get("files", {}).items())
    }


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _sweep(out: Path) -> None:
    """Remove what a killed process left half written."""
    for folder in (out, out / "images", out / "labels"):
        for path in folder.glob(".*.part*"):
            path.unlink(missing_ok=True)


def _report(
    dataset: Dataset, journal: Journal, out: Path, now: int, rewrite: bool, annotates: str | None
) -> Report:
    cohort, words = assembled(dataset, journal, out, rewrite, annotates)
    return Report(out, cohort, now, tuple(found_in(journal)), words, dataset.noun)
