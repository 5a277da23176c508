"""Synapse as TransUNet keeps it: slices become volumes, lists count, gaps are told."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from inklings.cli import app
from inklings.cohorts.cohort import Cohort
from inklings.datasets.importing import run
from inklings.datasets.synapse import ORGANS, Synapse
from inklings.errors import DataError
from inklings.labels.files import read_mask
from inklings.readers import open_image
from inklings.testing.datasets import DatasetContract

SHAPE = (4, 12, 10)


def scan(number: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(number)
    label = rng.integers(0, 9, SHAPE).astype(np.float32)
    return rng.random(SHAPE).astype(np.float32), label


def write(root: Path) -> Path:
    """Two cases as slices, one as a volume, one more of each that no list names."""
    lists = root / "lists" / "lists_Synapse"
    for folder in (root / "train_npz", root / "test_vol_h5", lists):
        folder.mkdir(parents=True)
    names = []
    for number in (5, 6, 9):
        for k, (image, label) in enumerate(zip(*scan(number), strict=True)):
            name = f"case{number:04d}_slice{k:03d}"
            np.savez(root / "train_npz" / f"{name}.npz", image=image, label=label)
            names += [name] * (number != 9)
    for number in (1, 2):
        with h5py.File(root / "test_vol_h5" / f"case{number:04d}.npy.h5", "w") as file:
            file["image"], file["label"] = scan(number)
    (lists / "train.txt").write_text("\n".join(reversed(names)) + "\n")
    (lists / "test_vol.txt").write_text("case0001\n")
    return root


class TestSynapse(DatasetContract):
    def dataset(self, root: Path) -> Synapse:
        return Synapse(write(root), (3.0, 1.0, 1.0))


def test_volumes_come_back_as_they_were(tmp_path: Path) -> None:
    source = write(tmp_path / "in")
    call = ["import", "synapse", source, "--spacing-mm", "3,1,1", "--out", tmp_path / "c"]
    told = CliRunner().invoke(app, [*map(str, call)])
    assert told.exit_code == 0, told.output
    cohort = Cohort.read(tmp_path / "c")
    assert cohort.classes == ORGANS
    splits = {case.id: case.split for case in cohort}
    assert splits == {"case0001": "test", "case0005": "train", "case0006": "train"}
    for case in cohort:
        image, label = scan(int(case.id[-4:]))
        with open_image(case.images["ct"]) as opened:
            assert opened.geometry.spacing == (3.0, 1.0, 1.0)
            np.testing.assert_array_equal(opened.read(opened.geometry.full)[0], image)
        np.testing.assert_array_equal(read_mask(case.labels[0].path), label)  # type: ignore[union-attr]


def test_what_is_missing_or_strange_is_set_aside(tmp_path: Path) -> None:
    source = write(tmp_path / "in")
    (source / "train_npz" / "case0005_slice002.npz").unlink()
    broken = source / "train_npz" / "case0006_slice001.npz"
    np.savez(broken, image=scan(6)[0][1], label=np.full(SHAPE[1:], 9.0))
    report = run(Synapse(source, (1.0, 1.0, 1.0)), tmp_path / "c", workers=1)
    assert [case.id for case in report.cohort] == ["case0001"]
    told = " ".join(finding.detail for finding in report.findings)
    assert "1 slices are missing (case0005_slice002, ...)" in told
    assert "expected numbers of organs from 0 to 8, got 9" in told


def test_another_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected folders train_npz or test_vol_h5"):
        Synapse(tmp_path, (1.0, 1.0, 1.0)).items(tmp_path)
    call = ["import", "synapse", str(tmp_path), "--spacing-mm", "3,1", "-o", str(tmp_path / "c")]
    told = CliRunner().invoke(app, call)
    assert told.exit_code == 2
    assert "expected three numbers above 0 like 3,1,1" in told.output
