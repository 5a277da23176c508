"""Findings of a phantom chest, exported afterwards as a segmentation and a report."""

from __future__ import annotations

from pathlib import Path

import highdicom
import numpy as np
import pytest
from pydicom.sr.codedict import codes
from typer.testing import CliRunner

from inklings.cli import app
from inklings.findings.finding import Finding
from inklings.predictions import findings as files
from inklings.predictions.findings import Findings
from inklings.readers import open_image
from inklings.readers.dicom_segments import read_segments
from inklings.readers.placing import placed
from inklings.simulation.phantoms.chest import Chest, chest
from inklings.simulation.phantoms.dicom_files import SeriesText, write_series

LIDC = Path(__file__).parents[3] / ".." / "shared" / "data" / "lidc_idri_0001.zip"


LUNG = {"organ": "lung", "malignancy_probability": 0.5}


@pytest.fixture(scope="module")
def phantom() -> Chest:
    return chest(3, (64, 128, 128), nodules=3)


@pytest.fixture(scope="module")
def found(phantom: Chest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the cascade would say if it were always right, but for one doubtful candidate."""
    folder = tmp_path_factory.mktemp("found")
    text = SeriesText("chest", "P1", modality="CT", bits=16, slope=1, intercept=0)
    write_series(folder / "ct", phantom.image, phantom.geometry, text)
    with open_image(folder / "ct") as image:
        frame = image.geometry.frame
    sure = [
        Finding("nodule", 0.9 - 0.1 * k, n.centre_mm, n.diameter_mm, LUNG)
        for k, n in enumerate(phantom.nodules)
    ]
    doubtful = Finding("nodule", 0.1, phantom.nodules[0].centre_mm, 5.0, LUNG)
    facts = {"image": str(folder / "ct"), "threshold": 0.3, "stages": {"detector": "runs/d"}}
    Findings("ct", (*sure, doubtful), frame, {}, facts).write(folder)
    return folder


def export(folder: Path, out: Path, *more: str) -> str:
    words = ["export", str(folder), "--to", "dicom-sr", "--out", str(out), *more]
    ran = CliRunner().invoke(app, words)
    return f"{ran.exit_code} {ran.stdout}{ran.stderr}"


def test_reported_are_the_findings_above_the_threshold_with_an_outline_each(
    found: Path, phantom: Chest, tmp_path: Path
) -> None:
    assert export(found, tmp_path).startswith("0 1 cases exported to dicom-sr")
    report = highdicom.sr.srread(tmp_path / "ct_report.dcm")
    groups = report.content.get_volumetric_roi_measurement_groups()
    assert len(groups) == len(phantom.nodules)
    for group, nodule in zip(groups, phantom.nodules, strict=True):
        (diameter,) = group.get_measurements(name=codes.SCT.Diameter)
        assert diameter.value == pytest.approx(nodule.diameter_mm)
    back = read_segments(tmp_path / "ct_seg.dcm")
    with open_image(found / "ct") as image:
        grid = image.geometry
    for number, nodule in enumerate(phantom.nodules, 1):
        mask = placed(back.masks[number], back.geometry, grid).array
        centre = grid.to_points(np.argwhere(mask)).mean(0)
        assert np.linalg.norm(centre - nodule.centre_mm) < nodule.diameter_mm / 2


def test_findings_of_other_organs_are_balls_called_by_their_name(
    found: Path, phantom: Chest, tmp_path: Path
) -> None:
    nodules = Findings.read(found, "ct")
    lesion = Finding("lesion", 0.9, phantom.nodules[0].centre_mm, 20.0)
    Findings("ct", (lesion,), nodules.frame, {}, nodules.facts).write(tmp_path)
    assert export(tmp_path, tmp_path / "out").startswith("0 1 cases exported")
    back = read_segments(tmp_path / "out" / "ct_seg.dcm")
    with open_image(found / "ct") as image:
        grid = image.geometry
    mask = placed(back.masks[1], back.geometry, grid).array
    volume = np.count_nonzero(mask) * grid.cell_mm
    assert (6 * volume / np.pi) ** (1 / 3) == pytest.approx(20.0, rel=0.03)
    report = highdicom.sr.srread(tmp_path / "out" / "ct_report.dcm")
    assert report.SeriesDescription.endswith("lesions, not verified")


def test_a_lost_scan_and_findings_that_are_not_there_are_one_line(
    found: Path, tmp_path: Path
) -> None:
    lost = files.read_all(found)[0]
    lost = Findings(lost.case, lost.found, lost.frame, {}, {"image": str(tmp_path / "gone")})
    lost.write(tmp_path)
    told = export(tmp_path, tmp_path / "out")
    assert told.startswith("2 ")
    assert "give its location with --cohort" in told
    assert export(tmp_path / "nothing", tmp_path / "out").startswith("2 ")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.skipif(not LIDC.exists(), reason="lidc_idri_0001.zip is not beside the repository")
def test_the_nodule_of_a_real_scan_is_outlined_where_luna16_has_it(tmp_path: Path) -> None:
    with open_image(LIDC) as image:
        grid = image.geometry
    nodule = Finding("nodule", 0.99, (56.2, 86.3, -115.9), 23.35, {**LUNG, "side": "left"})
    facts = {"image": str(LIDC), "threshold": 0.5}
    Findings("lidc", (nodule,), grid.frame, {}, facts).write(tmp_path)
    assert export(tmp_path, tmp_path / "out").startswith("0 ")
    back = read_segments(tmp_path / "out" / "lidc_seg.dcm")
    mask = placed(back.masks[1], back.geometry, grid).array
    indices = np.argwhere(mask)
    assert np.linalg.norm(grid.to_points(indices).mean(0) - nodule.centre_mm) < 5
    volume = len(indices) * np.prod(grid.require_spacing())
    assert (6 * volume / np.pi) ** (1 / 3) == pytest.approx(23.35, rel=0.15)
