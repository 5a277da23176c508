import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from typer.testing import CliRunner

from inklings.cli import app
from inklings.cohorts.cohort import Cohort
from inklings.labels.kinds import MaskLabel
from inklings.simulation.phantoms.cohort import nuclei_cohort


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    nuclei_cohort(tmp_path / "cohort", patients=6, size=64)
    return tmp_path / "cohort"


def test_a_sound_cohort_ends_with_0_and_leaves_a_record(folder: Path) -> None:
    done = CliRunner().invoke(app, ["check", str(folder)])
    assert done.exit_code == 0, done.output
    assert "6 cases, nothing that would spoil a training" in done.stdout
    assert f"inklings split {folder} --fractions 0.7 0.1 0.2" in done.stdout
    assert (folder / "checks.json").is_file()


def test_partial_labels_are_drawn_and_whole_ones_are_not(folder: Path) -> None:
    CliRunner().invoke(app, ["check", str(folder)])
    assert not (folder / "strokes.png").exists()
    (mask,) = (k for k in Cohort.read(folder).cases[0].labels if isinstance(k, MaskLabel))
    codes = np.full((64, 64), 255, np.uint8)
    codes[10, 5:50], codes[40, 5:50] = 0, 1
    Pillow.fromarray(codes).save(mask.path)
    there = Cohort.read(folder)
    part = dataclasses.replace(mask, kind="classes", extent="partial")
    case = dataclasses.replace(there.cases[0], labels=(part,))
    dataclasses.replace(there, cases=(case, *there.cases[1:])).write(folder)
    done = CliRunner().invoke(app, ["check", str(folder)])
    assert "2.20% of the samples are annotated" in done.output
    assert (folder / "strokes.png").is_file()


def test_a_truncated_image_ends_with_1_and_its_repair_repairs(folder: Path) -> None:
    image = Cohort.read(folder).cases[0].images["image"]
    image.write_bytes(image.read_bytes()[:300])
    done = CliRunner().invoke(app, ["check", str(folder), "--json"])
    assert done.exit_code == 1
    record = json.loads(done.stdout)
    (finding,) = record["findings"]
    assert (finding["case"], finding["kind"]) == ("n000", "unreadable image")
    assert record["counts"] == {"unreadable image": 1}
    assert not record["ok"]
    assert finding["repair"] == f"inklings split {folder} --exclude n000"
    assert CliRunner().invoke(app, finding["repair"].split()[1:]).exit_code == 0
    assert CliRunner().invoke(app, ["check", str(folder)]).exit_code == 0


def test_a_mismatch_is_told_with_the_difference(folder: Path) -> None:
    mask = Cohort.read(folder).cases[1].labels[0].path
    Pillow.fromarray(np.zeros((64, 63), np.uint16)).save(mask)
    done = CliRunner().invoke(app, ["check", str(folder)])
    assert done.exit_code == 1
    assert "shape 64 x 63 instead of 64 x 64" in done.stdout


def test_a_folder_that_is_no_cohort_is_one_line_and_2(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["check", str(tmp_path)])
    assert done.exit_code == 2
    assert len(done.stderr.strip().splitlines()) == 1
