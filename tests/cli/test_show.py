from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from typer.testing import CliRunner

from inklings.cli import app
from inklings.simulation.phantoms.cohort import nuclei_cohort


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("show") / "cohort"
    nuclei_cohort(folder, patients=4, size=64)
    return folder


def test_a_cohort_is_summed_up_and_drawn(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "gallery.png"
    done = CliRunner().invoke(app, ["show", str(folder), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "4 cases of 4 patients" in done.stdout
    assert "sizes: all 64 x 64 (4)" in done.stdout
    assert "labels: all instances mask, complete (4)" in done.stdout
    assert Pillow.open(out).size[0] > 600


def test_a_case_is_named_by_the_beginning_of_its_id(folder: Path, tmp_path: Path) -> None:
    words = ["show", str(folder), "--out", str(tmp_path / "a.png"), "--cases"]
    assert CliRunner().invoke(app, [*words, "n002"]).exit_code == 0
    assert "got 'n0', which begins 4" in CliRunner().invoke(app, [*words, "n0"]).stderr
    assert "got 'x'" in CliRunner().invoke(app, [*words, "x"]).stderr


def test_a_file_says_what_it_is(tmp_path: Path) -> None:
    array = np.zeros((20, 30), np.uint8)
    array[:5] = 255
    Pillow.fromarray(array).save(tmp_path / "m.png")
    out = tmp_path / "drawn.png"
    done = CliRunner().invoke(app, ["show", str(tmp_path / "m.png"), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "size: 20 x 30 samples" in done.stdout
    assert "pixel spacing unknown: the file does not say" in done.stdout
    assert "only 2 values, perhaps a mask: 0 (75.0%), 255 (25.0%)" in done.stdout
    assert out.is_file()


def test_a_suffix_that_cannot_be_drawn_is_one_line_and_2(folder: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "gallery.xyz")
    done = CliRunner().invoke(app, ["show", str(folder), "--out", out, "--quiet"])
    assert done.exit_code == 2
    assert "ending in .png, .svg or .pdf, got 'gallery.xyz'" in done.stderr
