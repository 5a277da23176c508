"""Any dataset into a cohort folder: both cores, bounded memory, and safe to kill at any moment.

A case is converted by a worker, its files are put in place atomically, and then one line is
appended to the journal (`inklings.datasets.journal`). An import that is run again converts only
what the journal does not have, or what changed in the source since. At the end ``cases.parquet``,
``cohort.yaml`` and the report of findings are written; splits and patients that were assigned to
an earlier state of the cohort are kept.

Images are copied byte by byte, so that the cohort can be moved on its own; with ``in_place`` the
cohort points at the files where they lie (for data too large to have twice).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from inklings.cases.cohort import Cohort
from inklings.datasets.assembly import assembled, found_in
from inklings.datasets.findings import Finding
from inklings.datasets.instances import encode
from inklings.datasets.journal import Journal
from inklings.datasets.workers import converted
from inklings.errors import DataError
from inklings.files import write_bytes
from inklings.labels.kinds import Extent
from inklings.progress import note, track


class Item(Protocol):
    """What one case will be made of; small, and picklable."""

    @property
    def id(self) -> str:
        """Id of the case."""

    @property
    def stamp(self) -> str:
        """Changes when one of the files of the case does."""


@dataclass(frozen=True)
class Mask:
    """The numbers that go into a label file, and what they mean (see `MaskLabel`)."""

    samples: NDArray[np.uint8] | NDArray[np.uint16]
    kind: Literal["classes", "instances"]
    classes: tuple[str, ...]
    extent: Extent = "complete"


@dataclass(frozen=True)
class Converted:
    """One case, ready to be written.

    Attributes:
        image: The encoded picture, or where it lies if it is to stay there; None if the
            findings keep the case out.
        suffix: Of the copied picture, with its dot.
    """

    image: bytes | Path | None
    suffix: str = ".png"
    patient: str | None = None
    mask: Mask | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


class Dataset(Protocol):
    """Something on disk that can become a cohort; small, and picklable."""

    @property
    def name(self) -> str:
        """Short name, also of the cohort."""

    @property
    def source(self) -> Path:
        """What lies on disk."""

    @property
    def classes(self) -> tuple[str, ...]:
        """What the labels distinguish; background is never named."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """Licence, citation, home page."""

    def options(self) -> Mapping[str, Any]:
        """What, besides the source, decides the outcome: two imports that differ do not mix."""

    def items(self, scratch: Path) -> Sequence[Item]:
        """What there is to convert; ``scratch`` may hold unpacked archives until the end.

        Raises:
            DataError: If there is nothing of the expected layout.
        """

    def prepare(self, items: Sequence[Any]) -> None:
        """Look at all that is going to be converted, before the first of it is.

        Raises:
            DataError: If something is wrong that concerns more than one case.
        """

    def convert(self, item: Any) -> Converted:
        """Make one case; what is wrong with it is a finding, never an exception."""


@dataclass(frozen=True)
class Report:
    """What an import did.

    Attributes:
        cohort: As it now is on disk.
        now: How many cases this call converted.
        left_out: Ids of the cases that are broken.
    """

    folder: Path
    cohort: Cohort
    now: int
    findings: tuple[Finding, ...]

    @property
    def left_out(self) -> tuple[str, ...]:
        """Ids of the cases that are too broken to use."""
        return tuple(sorted({f.case for f in self.findings if f.is_fatal}))


def run(dataset: Dataset, out: Path, workers: int | None = None) -> Report:
    """Import ``dataset`` into the cohort folder ``out``, or go on with it, or find it complete.

    Args:
        dataset: What to import.
        out: New folder, or one that an interrupted import of the same data left.
        workers: Processes; by default as many as there are cores.

    Raises:
        DataError: If the source is not what it should be, or ``out`` holds something else.
    """
    out = out.absolute()
    if not dataset.source.exists():
        raise DataError(f"expected data at {dataset.source}, but there is no such file or folder")
    state = _state(dataset.source)
    with Journal(out, head_of(dataset)) as journal:
        if state is not None and journal.complete == state and not _missing(journal, out):
            return _report(dataset, journal, out, 0, rewrite=False)
        scratch = out / ".unpacked"
        items = dataset.items(scratch)
        todo = _todo(items, journal, out)
        if journal.records and todo:
            note(f"going on: {len(items) - len(todo)} of {len(items)} cases are done")
        dataset.prepare(todo)
        _sweep(out)
        for record in track(_records(dataset, todo, out, workers), "importing", len(todo)):
            journal.append(record)
        journal.forget_broken(without={item.id for item in items})
        outdated = bool(todo) or journal.complete is None
        report = _report(dataset, journal, out, len(todo), rewrite=outdated)
        if outdated:
            journal.close_books(state or "listed")
        shutil.rmtree(scratch, ignore_errors=True)
        return report


def head_of(dataset: Dataset) -> dict[str, Any]:
    """What makes this import another than one with a different head."""
    return {
        "dataset": type(dataset).__name__.lower(),
        "source": str(dataset.source.resolve()),
        "options": dict(dataset.options()),
    }


def _state(source: Path) -> str | None:
    """Size and time of an archive; None for a folder, which has to be listed to know."""
    if source.is_dir():
        return None
    stat = source.stat()
    return f"{stat.st_size} bytes of {stat.st_mtime_ns}"


def _records(
    dataset: Dataset, todo: Sequence[Item], out: Path, workers: int | None
) -> Iterator[dict[str, Any]]:
    return converted(_Store(dataset, out), todo, workers)


@dataclass(frozen=True)
class _Store:
    """Converts an item, puts its files in place, and says so in a record."""

    dataset: Dataset
    out: Path

    def __call__(self, item: Item) -> dict[str, Any]:
        case = self.dataset.convert(item)
        record: dict[str, Any] = {
            "id": item.id,
            "stamp": item.stamp,
            "findings": [[f.kind, f.detail, f.count] for f in case.findings],
        }
        if case.image is None:
            return record
        if isinstance(case.image, bytes):
            image = f"images/{item.id}{case.suffix}"
            size = self._put(image, case.image)
        else:
            image, size = str(case.image.resolve()), case.image.stat().st_size
        record |= {"image": image, "files": {image: size}}
        record |= {"patient": case.patient or item.id, "facts": dict(case.facts)}
        if case.mask is not None:
            mask = f"labels/{item.id}.png"
            record["files"][mask] = self._put(mask, encode(case.mask.samples))
            record["mask"] = [mask, case.mask.kind, list(case.mask.classes), case.mask.extent]
        return record

    def _put(self, name: str, data: bytes) -> int:
        # The journal knows the size, so a file that a power cut emptied is made again.
        write_bytes(self.out / name, data, durable=False)
        return len(data)


def _todo(items: Sequence[Item], journal: Journal, out: Path) -> list[Item]:
    missing = _missing(journal, out)
    return [
        item
        for item in items
        if item.id in missing
        or item.id not in journal.records
        or journal.records[item.id]["stamp"] != item.stamp
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


def _report(dataset: Dataset, journal: Journal, out: Path, now: int, rewrite: bool) -> Report:
    facts = {**dataset.facts, "source": dataset.source.name}
    cohort = assembled(dataset.name, dataset.classes, facts, journal, out, rewrite)
    return Report(out, cohort, now, tuple(found_in(journal)))
