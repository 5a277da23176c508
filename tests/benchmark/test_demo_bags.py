"""The demo of bags."""

from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from inklings.cli import app
from inklings.evaluation.scores import Scores


def test_it_ends_in_a_picture_of_bags(tmp_path: Path) -> None:
    out = tmp_path / "demo"
    done = CliRunner().invoke(app, ["demo", "--bags", "--out", str(out), "--steps", "30"])
    assert done.exit_code == 0, done.output
    assert Image.open(out / "bags.png").width > 300
    assert (out / "runs" / "bags" / "report.html").is_file()
    again = CliRunner().invoke(app, ["demo", "--bags", "--out", str(out), "--steps", "31"])
    assert again.exit_code == 2
    assert "another demo" in again.output


@pytest.mark.slow
def test_the_digit_is_found(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["demo", "--bags", "--out", str(tmp_path / "demo")])
    assert done.exit_code == 0, done.output
    table = Scores.read(tmp_path / "demo" / "predictions" / "bags")
    assert table["auc"].value > 0.998
    assert table["top1"].value > 0.98
