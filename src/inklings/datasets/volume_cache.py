"""Every volume of a cohort decoded once, into files from which a crop reads only its chunks.

A compressed NIfTI or a folder of DICOM must be decoded whole for the smallest crop. The store is
a cohort of its own, with the same cases, labels and splits, whose images are ``.b2nd`` files; it
can stand wherever the cohort stood. A volume that does not fit under the bound stays where it is,
and the store's cohort points there.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import blosc2
import numpy as np
from numpy.typing import NDArray

from inklings.cache import GIB, digest, identity, locked, recipe, sweep
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.opening import SPACING_FACT, open_case
from inklings.errors import DataError, InklingsError, SpecError
from inklings.files import read_yaml, write_yaml
from inklings.geometry import Geometry
from inklings.labels.kinds import BallLabel
from inklings.orientation import in_array_order, orientation
from inklings.parallel import Summary, over_cases
from inklings.progress import note
from inklings.readers.stored import META, SUFFIX, description
from inklings.readers.volume import Volume

FOLDER = "volumes"
SETTINGS = "cache.yaml"
_CHUNKS = (32, 64, 64)
_BLOCKS = (8, 32, 32)
_PART = f".part{SUFFIX}"


class StoreFullError(InklingsError):
    """A volume would exceed the bound of the store."""


@dataclass(frozen=True)
class Cached:
    """What became of a cohort.

    Attributes:
        cohort: Of the store.
        summary: Of the cases.
        volumes: Files in the store.
        outside: Images that stayed where they were.
        bytes_on_disk: Of the files.
        bytes_decoded: Of their samples.
    """

    cohort: Cohort
    summary: Summary
    volumes: int
    outside: int
    bytes_on_disk: int
    bytes_decoded: int


def cache(
    cohort: Path,
    out: Path,
    spacing_mm: tuple[float, ...] | None = None,
    most_gb: float | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
) -> Cached:
    """Decode every volume of a cohort into ``out``; killed, it resumes where it stopped.

    Args:
        cohort: Folder made by ``inklings import``.
        out: The store, a cohort folder of its own.
        spacing_mm: Keep copies resampled to this, one number or ``(z, y, x)`` of the patient;
            labels must be in millimetres then, as masks would no longer fit.
        most_gb: GiB that the files of the store may take together.
        workers: Processes that share the cases, see `inklings.executors.processes`.
        scheduler: Address of a Dask scheduler instead.

    Raises:
        SpecError: If the store was made with another spacing, or labels do not allow one.
    """
    source = Cohort.read(cohort)
    _agree(source, out, spacing_mm)
    bound = None if most_gb is None else int(most_gb * GIB)
    task = _Store(cohort.resolve(), out.resolve(), spacing_mm, bound)
    names = [case.id for case in source]
    sweep(out / FOLDER, f".*{_PART}")
    summary = over_cases(
        task, names, out=out, what="caching", workers=workers, scheduler=scheduler, told=False,
        done=lambda name: task.is_done(task.case(source, name)),
    )  # fmt: skip
    cases = tuple(task.stored(case) for case in source)
    facts = {**source.facts, "cached_from": source.name}
    store = dataclasses.replace(source, cases=cases, facts=facts)
    store.write(out)
    files = [path for case in cases for path in case.images.values() if path.suffix == SUFFIX]
    total = sum(len(case.images) for case in cases)
    decoded = sum(int(description(path)["bytes"]) for path in files)
    disk = sum(path.stat().st_size for path in files)
    return Cached(store, summary, len(files), total - len(files), disk, decoded)


def _agree(source: Cohort, out: Path, spacing_mm: tuple[float, ...] | None) -> None:
    """The settings of a store never change; another spacing is another store."""
    wanted = {"spacing_mm": list(spacing_mm) if spacing_mm else None}
    path = out / SETTINGS
    if path.exists():
        before = read_yaml(path, "the settings of a store")
        if before != wanted:
            raise SpecError(
                f"{out}: expected the spacing of this store, {before['spacing_mm'] or 'as is'}, "
                f"got {wanted['spacing_mm'] or 'as is'}; give another --out"
            )
    elif out.exists() and any(out.iterdir()):
        raise SpecError(f"expected a new folder or a store, got {out}, which holds other things")
    if spacing_mm:
        fixed = {type(k).__name__ for case in source for k in case.labels}
        fixed -= {BallLabel.__name__, "BagLabel"}
        if fixed:
            raise SpecError(
                f"--spacing-mm: labels of this cohort are on the samples of its images "
                f"({', '.join(sorted(fixed))}); cache it as it is"
            )
    write_yaml(path, wanted)


@dataclass(frozen=True)
class _Store:
    """Decodes the volumes of one case; see `inklings.parallel.over_cases`."""

    cohort: Path
    out: Path
    spacing_mm: tuple[float, ...] | None
    bound: int | None

    def __call__(self, name: str) -> None:
        table = self.cohort / "cases.parquet"
        case = self.case(_cohort(self.cohort, table.stat().st_mtime_ns), name)
        for image in case.images:
            path = self.path(case, image)
            if _stamp_of(path) != self.key(case, image):
                self._write(case, image, path)

    @staticmethod
    def case(cohort: Cohort, name: str) -> Case:
        return next(case for case in cohort if case.id == name)

    def path(self, case: Case, image: str) -> Path:
        return self.out / FOLDER / f"{case.id}__{image}{SUFFIX}"

    def key(self, case: Case, image: str) -> str:
        """Of all that the samples in the store are made of."""
        stated = case.facts.get(SPACING_FACT)
        said = (identity(case.images[image]), case.choices.get(image), stated)
        return digest(said, self.spacing_mm, recipe())

    def is_done(self, case: Case) -> bool:
        return all(_stamp_of(self.path(case, k)) == self.key(case, k) for k in case.images)

    def stored(self, case: Case) -> Case:
        """The case with the images of the store, as far as they are there."""
        images = {
            k: self.path(case, k) if _stamp_of(self.path(case, k)) == self.key(case, k) else there
            for k, there in case.images.items()
        }
        # What lies in the store is one image.
        choices = {k: word for k, word in case.choices.items() if images[k] == case.images[k]}
        return dataclasses.replace(case, images=images, choices=choices)

    def _write(self, case: Case, image: str, path: Path) -> None:
        with open_case(case, image) as opened:
            if len(opened.geometry.shape) != 3:
                raise DataError(
                    f"{case.images[image]}: expected a volume, got a picture of "
                    f"{opened.geometry.shape}; the cache is for CT and MR"
                )
            view = opened
            if self.spacing_mm:
                lies = orientation(opened.geometry) or None
                view = opened.at(in_array_order(self.spacing_mm, lies))  # type: ignore[arg-type]
            samples = view.read(view.geometry.full)
            facts = opened.facts if isinstance(opened, Volume) else {}
            said = {
                "stamp": self.key(case, image),
                "bytes": int(samples.nbytes),
                "geometry": _plain(view.geometry),
                "channels": list(opened.channels),
                "notes": [[note.kind, note.text] for note in opened.notes],
                "facts": dict(facts),
            }
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.stem}.{os.getpid()}{_PART}")
        try:
            _write_array(temporary, samples, said)
            with locked(self.out):
                self._require_room(path, temporary.stat().st_size)
                temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    def _require_room(self, path: Path, size: int) -> None:
        if self.bound is None:
            return
        files = [p for p in path.parent.glob(f"*{SUFFIX}") if not p.name.startswith(".")]
        used = sum(p.stat().st_size for p in files if p != path)
        if used + size > self.bound:
            raise StoreFullError(
                f"{path.name}: {size / 1e6:.1f} MB more than the store may hold "
                f"({used / 1e6:.1f} of {self.bound / 1e6:.1f} MB are used); it stays where it is, "
                "or raise --max-gb"
            )


@functools.lru_cache(maxsize=1)
def _cohort(folder: Path, changed: int) -> Cohort:  # noqa: ARG001
    """Read once by each process, and again after a change."""
    return Cohort.read(folder)


def _write_array(path: Path, samples: NDArray[Any], said: dict[str, Any]) -> None:
    """One file of chunks; bytes of neighbours are shuffled, as Hounsfield units compress so."""
    shape = samples.shape
    chunks = (1, *(min(n, c) for n, c in zip(shape[1:], _CHUNKS, strict=True)))
    blocks = (1, *(min(n, c) for n, c in zip(chunks[1:], _BLOCKS, strict=True)))
    packing = blosc2.CParams(
        codec=blosc2.Codec.ZSTD, clevel=1, filters=[blosc2.Filter.SHUFFLE], nthreads=1
    )
    array = blosc2.asarray(
        np.ascontiguousarray(samples), chunks=chunks, blocks=blocks, urlpath=str(path), mode="w",
        cparams=packing,
    )  # fmt: skip
    array.schunk.vlmeta[META] = json.dumps(said)
    del array
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _plain(geometry: Geometry) -> dict[str, Any]:
    return json.loads(json.dumps(dataclasses.asdict(geometry)))  # type: ignore[no-any-return]


def _stamp_of(path: Path) -> str | None:
    if not path.is_file():
        return None
    try:
        return str(description(path)["stamp"])
    except (DataError, KeyError) as error:  # cut off by a full disk
        note(f"cache: {error}; it is made again")
        return None
