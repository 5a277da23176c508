"""Folders of OME-Zarr as images of the three imports that take patterns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from inklings.datasets.dataset import Dataset
from inklings.datasets.folder import Folder
from inklings.datasets.importing import run
from inklings.datasets.slides import Slides
from inklings.datasets.volumes import VolumeFolder
from inklings.exports.ome_zarr import write_labels

zarr = pytest.importorskip("zarr", reason="OME-Zarr: pip install inklings[zarr]")
KINDS: dict[str, type[Dataset]] = {"folder": Folder, "slides": Slides, "volumes": VolumeFolder}


def image(path: Path, seed: int, *shape: int) -> None:
    numbers = np.random.default_rng(seed).integers(0, 99, shape, dtype=np.uint8)
    write_labels(path, path.stem, numbers, (2.0, 5e-4, 5e-4)[-len(shape) :], None, ["a"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pattern", ["*.zarr", "**/*.zarr", "**/*", "one/b.ome.zarr"])
def test_a_folder_of_ome_zarr_is_one_image_and_its_chunks_are_none(
    tmp_path: Path, kind: str, pattern: str
) -> None:
    data = tmp_path / "data"
    shape = (3, 40, 50) if kind == "volumes" else (40, 50)
    image(data / "a.zarr", 0, *shape)
    image(data / "one" / "b.ome.zarr", 1, *shape)
    dataset = KINDS[kind](images=str(data / pattern))  # type: ignore[call-arg]
    report = run(dataset, tmp_path / "out", workers=1)
    wanted = {"*.zarr": {"a"}, "one/b.ome.zarr": {"b"}}.get(pattern, {"a", "b"})
    assert {case.id for case in report.cohort} == wanted
    for case in report.cohort:
        (path,) = case.images.values()
        assert path.is_dir()
        assert path.is_relative_to(data)
    assert run(dataset, tmp_path / "out", workers=1).now == 0
    changed = next(iter(report.cohort.cases)).images.popitem()[1]  # type: ignore[attr-defined]
    image(changed, 2, *shape)
    assert run(dataset, tmp_path / "out", workers=1).now == 1
