"""What every dataset must pass, and a miniature of the Data Science Bowl to try things on."""

from __future__ import annotations

import pickle
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow

from inklings.cohorts.cohort import Cohort
from inklings.cohorts.label_checks import inspect
from inklings.cohorts.opening import open_case
from inklings.datasets.dataset import Converted, Dataset, Item
from inklings.datasets.importing import run
from inklings.datasets.instances import encode
from inklings.errors import DataError
from inklings.files import write_bytes
from inklings.labels.kinds import MaskLabel


class DatasetContract(ABC):
    """Inherit, and say how a miniature is made.

    The miniature must lie under ``root`` and have at least three whole cases.
    """

    @abstractmethod
    def dataset(self, root: Path) -> Dataset:
        """Write a miniature under ``root`` and return the dataset that reads it."""

    def test_every_label_lies_on_the_grid_of_its_image(self, tmp_path: Path) -> None:
        """Images open with the readers, masks have their shape, ids are in order."""
        cohort = run(self.dataset(tmp_path / "in"), tmp_path / "out", workers=1).cohort
        ids = [case.id for case in cohort]
        assert len(ids) >= 3
        assert ids == sorted(set(ids))
        for case in cohort:
            grids = {}
            for name in case.images:
                with open_case(case, name) as image:
                    grids[name] = image.geometry
            for label in case.labels:
                inspect(label, case, grids, cohort.classes)

    def test_a_dataset_and_its_items_travel_to_other_processes(self, tmp_path: Path) -> None:
        """Both survive pickling, and say the same afterwards."""
        dataset = self.dataset(tmp_path / "in")
        items = list(dataset.items(tmp_path / "scratch"))
        again: Dataset
        again, copies = pickle.loads(pickle.dumps((dataset, items)))
        assert [(i.id, i.stamp) for i in copies] == [(i.id, i.stamp) for i in items]
        assert dict(again.options()) == dict(dataset.options())

    def test_the_second_import_finds_everything_done(self, tmp_path: Path) -> None:
        """Nothing is converted twice, and the table on disk stays the same."""
        dataset, out = self.dataset(tmp_path / "in"), tmp_path / "out"
        first = run(dataset, out, workers=1)
        before = _snapshot(out)
        second = run(dataset, out, workers=1)
        assert (first.now, second.now) == (len(list(dataset.items(tmp_path / "scratch"))), 0)
        assert _snapshot(out) == before

    def test_an_interrupted_import_goes_on_where_it_stopped(self, tmp_path: Path) -> None:
        """Stopped after two cases, it converts the others only, to the same cohort."""
        dataset = self.dataset(tmp_path / "in")
        run(dataset, tmp_path / "whole", workers=1)
        total = len(list(dataset.items(tmp_path / "scratch")))
        with _interrupted(dataset, after=2), pytest.raises(_Stop):
            run(dataset, tmp_path / "out", workers=1)
        assert run(dataset, tmp_path / "out", workers=1).now == total - 2
        assert contents(tmp_path / "out") == contents(tmp_path / "whole")

    def test_a_folder_with_something_else_is_refused(self, tmp_path: Path) -> None:
        """In one line, and without touching it."""
        dataset = self.dataset(tmp_path / "in")
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "thesis.txt").write_text("do not touch")
        with pytest.raises(DataError, match="was not made by"):
            run(dataset, tmp_path / "out", workers=1)
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.txt"]


class _Stop(BaseException):
    """Stands in for a signal."""


@contextmanager
def _interrupted(dataset: Dataset, after: int) -> Iterator[None]:
    """Make a dataset raise `_Stop` after some conversions."""
    convert, left = type(dataset).convert, iter(range(after))

    def stopping(self: Dataset, item: Item) -> Converted:
        if next(left, None) is None:
            raise _Stop
        return convert(self, item)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(dataset), "convert", stopping)
        yield


def _snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_mtime_ns, path.stat().st_ino)
        for path in folder.rglob("*")
        if path.is_file()
    }


def contents(cohort: Path) -> dict[str, tuple[object, ...]]:
    """What a cohort folder holds, whatever it is called: bytes, labels and facts of each case."""
    return {
        case.id: (
            case.patient,
            dict(case.facts),
            tuple((name, _bytes(path)) for name, path in case.images.items()),
            tuple(
                (label.kind, label.classes, label.extent, label.path.read_bytes())
                if isinstance(label, MaskLabel)
                else label
                for label in case.labels
            ),
        )
        for case in Cohort.read(cohort)
    }


def _bytes(path: Path) -> bytes:
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return b"".join(file.read_bytes() for file in files if file.is_file())


def discs(shape: tuple[int, int], count: int, seed: int) -> NDArray[np.uint16]:
    """Numbered discs that do not touch, ``shape``, 0 between them."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.uint16)
    grid = np.indices(shape)
    made = 0
    while made < count:
        centre = rng.integers(0, shape)[:, None, None]
        disc = ((grid - centre) ** 2).sum(0) <= rng.integers(2, 5) ** 2
        wide = ((grid - centre) ** 2).sum(0) <= 49
        if not labels[wide].any():
            made += 1
            labels[disc] = made
    return labels


def picture_of(labels: NDArray[np.uint16], colour: bool = False) -> NDArray[np.uint8]:
    """An RGBA picture of objects: bright on dark, or violet on white; alpha 255."""
    ground, ink = ((240, 235, 245), (90, 40, 150)) if colour else ((8, 8, 8), (150, 150, 150))
    picture = np.full((*labels.shape, 4), 255, np.uint8)
    picture[..., :3] = np.where(labels[..., None] > 0, ink, ground)
    return picture


def miniature_dsb2018(
    root: Path,
    fields: int = 4,
    shape: tuple[int, int] = (48, 64),
    nuclei: int = 3,
    masks: bool = True,
) -> dict[str, NDArray[np.uint16]]:
    """Write ``<id>/images`` and ``<id>/masks`` as the competition lays them out.

    Returns:
        The numbered nuclei of each id ``(H, W)``; mask files are named in the order of numbers.
    """
    truth = {}
    for k in range(fields):
        name = f"{k:064x}"
        labels = truth[name] = discs(shape, nuclei, seed=k)
        write_png(root / name / "images" / f"{name}.png", picture_of(labels, colour=k % 3 == 2))
        for number in range(1, nuclei + 1) if masks else ():
            mask = np.where(labels == number, 255, 0).astype(np.uint8)
            write_bytes(root / name / "masks" / f"{number:064x}.png", encode(mask))
    return truth


def write_png(path: Path, picture: NDArray[np.uint8]) -> None:
    """Write a picture, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.fromarray(picture).save(path)


def zipped(folder: Path, archive: Path, prefix: str = "", compression: int = 0) -> Path:
    """The files under ``folder`` as a zip archive, below ``prefix`` in it."""
    with zipfile.ZipFile(archive, "w", compression) as to:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                to.write(path, prefix + path.relative_to(folder).as_posix())
    return archive
