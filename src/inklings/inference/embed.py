"""Tiles of slides into feature vectors: one file a slide, streamed, half precision, resumable.

The folder that is written is a cohort of bags (`inklings.bags`): ``features/<case>.h5`` holds
``features (N, D)`` and ``coords (N, 2)``, which are ``(x, y)`` on level 0 with the attributes that
CLAM and TRIDENT expect (`inklings.inference.tile_places`).
Small tiles may stay as they are (``pixels (N, C, H, W)``), for networks that learn end to end.
A slide is read tile by tile and its features are appended, so memory does not grow with it.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from inklings.bags.answers import Ranks, answers
from inklings.bags.instance_truth import keep_instance_truth
from inklings.bags.places import COORDS_ON_LEVEL_0, SLIDES
from inklings.cohorts.case import Case
from inklings.cohorts.cohort import Cohort
from inklings.cohorts.opening import open_case
from inklings.data.tile_index import TileHead, TileIndex, read_tile
from inklings.data.tiling import cases_of
from inklings.errors import DataError, SpecError
from inklings.files import written
from inklings.inference.tile_encoder import PIXELS, Encoder, loaded, ready
from inklings.inference.tile_places import tile_places
from inklings.labels.kinds import BagLabel, Label
from inklings.parallel import Summary, over_cases
from inklings.progress import note
from inklings.readers.bag_files import not_finite


@dataclass(frozen=True)
class Labels:
    """How slides become labelled bags.

    Attributes:
        fact: Fact of the cases that holds the class (``isup``); None for bag labels.
        ranks: Whether its values are grades.
        by_patient: All slides of a patient are one bag.
    """

    fact: str | None = None
    ranks: Ranks = field(default_factory=Ranks)
    by_patient: bool = False


def embed(
    index: Path,
    out: Path,
    encoder: Encoder,
    labels: Labels | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
) -> Summary:
    """Encode every tile of an index and make a cohort of bags of it.

    Args:
        index: Folder made by ``inklings tile``.
        out: Folder of the cohort; slides whose features are there are skipped.
        encoder: What encodes.
        labels: How the bags get their labels.
        workers: Processes that share the slides; None, 0 or 1 for this one, whose network keeps all
            cores busy.
        scheduler: Address of a Dask scheduler instead.

    Raises:
        DataError: If there is no index, or no cohort behind it.
        SpecError: If ``out`` holds features of another encoder.
    """
    head, out = TileHead.read(index), out.resolve()
    tiles = TileIndex.read(index)
    names = [name for i, name in enumerate(tiles.cases) if (tiles.case == i).any()]
    if not names:
        raise DataError(f"{index}: expected tiles, got none; run 'inklings tile' first")
    source = Cohort.read(tiles.head.cohort)
    _classes(source, [case for case in source if case.id in set(names)], labels or Labels())
    task = Task(index.resolve(), out, encoder)
    _require_same(out, encoder, head, names)
    if any(not task.path(name).is_file() for name in names):
        ready(encoder, kept=(workers or 1) == 1 and scheduler is None)
    summary = over_cases(
        task,
        names,
        out=out,
        what="embedding",
        workers=workers or 1,
        scheduler=scheduler,
        done=lambda name: task.path(name).is_file(),
    )
    _write_cohort(tiles, out, task, labels or Labels())
    return summary


@dataclass(frozen=True)
class Task:
    """Encodes one slide; what travels to a worker."""

    index: Path
    out: Path
    encoder: Encoder

    def path(self, name: str) -> Path:
        """Where the features of a case go; there once they are complete."""
        return self.out / "features" / f"{name}.h5"

    def __call__(self, name: str) -> None:
        """Write the features of case ``name``."""
        tiles = TileIndex.read(self.index, [name])
        case = cases_of(tiles.head.cohort)[name]
        encode = loaded(self.encoder)
        with written(self.path(name), durable=False) as path, h5py.File(path, "w") as file:
            places = tile_places(case, tiles, self.out)
            file["coords"] = places.coords
            file["coords"].attrs.update(places.attributes)
            file.attrs.update(_origin(self.encoder, tiles.head))
            file.attrs["patch_size_level0"] = places.size
            store, first = None, 0
            for batch in _batches(case, tiles, self.encoder.batch):
                found = encode(batch)
                if len(wrong := not_finite(found)):
                    raise DataError(
                        f"case {name}: expected finite features, got NaN or infinity in tile "
                        f"{first + int(wrong[0]) + 1}; another encoder, or other weights"
                    )
                if store is None:
                    kind = "features" if found.ndim == 2 else "pixels"
                    store = file.create_dataset(kind, (len(tiles), *found.shape[1:]), found.dtype)
                store[first : first + len(found)] = found
                first += len(found)


def _batches(case: Case, tiles: TileIndex, size: int) -> Iterator[NDArray[Any]]:
    """``(b, C, side, side)`` uint8, read while the ones before are encoded."""
    with open_case(case, tiles.head.image) as slide:
        view = tiles.head.view(slide)
        with ThreadPoolExecutor(1) as reader:
            places = iter(range(len(tiles)))

            def read(numbers: Sequence[int]) -> NDArray[Any]:
                return np.stack([read_tile(view, tiles.region(i)) for i in numbers])

            waiting = reader.submit(read, first) if (first := list(islice(places, size))) else None
            while waiting is not None:
                following = list(islice(places, size))
                coming = reader.submit(read, following) if following else None
                yield waiting.result()
                waiting = coming


def _origin(encoder: Encoder, head: TileHead) -> dict[str, Any]:
    return {
        "encoder": str(Path(encoder.name).resolve()) if encoder.is_run else encoder.name,
        "weights": "none" if encoder.name == PIXELS else encoder.weights or "random",
        "size": head.size,
        "spacing_mm": head.spacing_mm or 0.0,
        "factor": head.factor or 0.0,
        "arguments": json.dumps(dict(encoder.arguments)),
        "input_size": encoder.input_size or 0,
        "normalisation": json.dumps([encoder.mean, encoder.spread]) if encoder.mean else "",
        COORDS_ON_LEVEL_0: True,
    }


def _require_same(out: Path, encoder: Encoder, head: TileHead, names: Sequence[str]) -> None:
    """Features of two encoders, or grids, in one folder would be learnt as one."""
    for name in names:
        path = out / "features" / f"{name}.h5"
        if not path.is_file():
            continue
        with h5py.File(path) as file:
            there = {k: file.attrs.get(k) for k in _origin(encoder, head)}
        for key, value in _origin(encoder, head).items():
            if there[key] != value:
                raise SpecError(
                    f"{out} holds features made with {key} {there[key]}, not {value}; choose "
                    "another --out"
                )
        return


def _write_cohort(tiles: TileIndex, out: Path, task: Task, labels: Labels) -> None:
    """A bag for each slide, or patient, that has features."""
    source = Cohort.read(tiles.head.cohort)
    there = [case for case in source if task.path(case.id).is_file()]
    classes, labelled, name = _classes(source, there, labels)
    bags: dict[str, Case] = {}
    for case in there:
        key = case.patient if labels.by_patient else case.id
        images = {case.id if labels.by_patient else "slide": task.path(case.id)}
        bag = dataclasses.replace(case, id=key, images=images, labels=labelled[case.id])
        if key in bags:
            said = bags[key].labels or bag.labels
            if bag.labels and set(said) != set(bag.labels):
                raise DataError(f"patient {key}: expected slides of one label, got several")
            if bags[key].split != bag.split:
                raise DataError(f"patient {key}: expected slides of one part, got several")
            together = {**bags[key].images, **images}
            bag = dataclasses.replace(bags[key], images=together, labels=said)
        bags[key] = bag
    slides = Path(os.path.relpath(tiles.head.cohort.resolve(), out)).as_posix()
    facts = {**source.facts, "task": name, "encoder": task.encoder.name, SLIDES: slides}
    cohort = Cohort(source.name, tuple(bags.values()), classes, facts)
    cohort.write(out)
    if not labels.by_patient and classes == tiles.head.classes:
        _keep_truth(tiles, out, {case.id for case in there})


def _classes(
    source: Cohort, cases: Sequence[Case], labels: Labels
) -> tuple[tuple[str, ...], dict[str, tuple[Label, ...]], str]:
    """Classes, labels by case, and the task."""
    if labels.fact is None:
        kept: dict[str, tuple[Label, ...]] = {
            c.id: tuple(x for x in c.labels if isinstance(x, BagLabel)) for c in cases
        }
        return source.classes, kept, "binary" if len(source.classes) == 1 else "multilabel"
    fact = labels.fact
    values = [case.facts.get(fact, "") for case in cases]
    if len({value for value in values if value}) < 2:
        some = ", ".join(sorted(set(values) - {""})) or "none"
        others = ", ".join(sorted({name for case in cases for name in case.facts})) or "none"
        raise SpecError(
            f"expected a fact {fact!r} of at least two values, got {some}; the cases have {others}"
        )
    found = answers({fact: values}, lambda i, _: f"case {cases[i].id}, fact {fact!r}", labels.ranks)
    for remark in found.notes:
        note(remark)
    questions = found.task == "binary"
    classes = found.classes if questions else tuple(f"{fact} {one}" for one in found.classes)
    kept = {
        case.id: tuple(
            BagLabel(name, there)
            for name, there in zip(classes, found.present[i], strict=True)
            if there is not None
        )
        for i, case in enumerate(cases)
    }
    return classes, kept, found.task


def _keep_truth(tiles: TileIndex, out: Path, names: set[str]) -> None:
    """Which tiles hold which class, from the masks that the index knows; for evaluation only."""
    truth = {}
    for name in names:
        own = tiles.of(name)
        if len(own) and (own.known > 0).all():
            best = own.labels.argmax(1)
            some = own.labels.max(1, initial=0) > 0
            truth[name] = np.where(some, best + 1, 0).astype(np.uint8)
    if truth:
        keep_instance_truth(out, truth)
