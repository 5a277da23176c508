from pathlib import Path

from typer.testing import CliRunner

from inklings.cli import app
from inklings.predictions.slides import SlidePrediction
from inklings.spec import Component
from inklings.testing.runs import pictures, slides, untrained_run


def test_predict_says_what_it_wrote_and_where(tmp_path: Path) -> None:
    run, images = untrained_run(tmp_path / "run"), pictures(tmp_path / "images", 2)
    arguments = ["predict", str(run), str(images), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0
    assert result.stdout.startswith("2 predicted in")
    assert result.stdout.strip().endswith(f"-> {tmp_path / 'out'}")
    again = CliRunner().invoke(app, arguments)
    assert "0 predicted" in again.stdout
    assert "2 were done before" in again.stdout


def test_predict_ends_with_3_when_an_image_failed(tmp_path: Path) -> None:
    run, images = untrained_run(tmp_path / "run"), pictures(tmp_path / "images", 2)
    (images / "p000.png").write_bytes(b"")
    result = CliRunner().invoke(
        app, ["predict", str(run), str(images), "--out", str(tmp_path / "out")]
    )
    assert result.exit_code == 3
    assert "1 predicted" in result.stdout
    assert "1 failed" in result.stdout
    assert "failed: p000" in result.stderr
    assert "is empty (0 bytes)" in result.stderr


def test_predict_with_no_run_is_one_line_and_2(tmp_path: Path) -> None:
    images = pictures(tmp_path / "images", 1)
    result = CliRunner().invoke(
        app, ["predict", str(tmp_path / "no"), str(images), "--out", str(tmp_path / "out")]
    )
    assert result.exit_code == 2
    assert len(result.stderr.strip().splitlines()) == 1


def test_slides_good_and_broken_end_with_3_and_the_good_ones_are_finished(tmp_path: Path) -> None:
    half = Component(name="half")
    run = untrained_run(tmp_path / "run", intensity=half, spacing_um=1.0)
    folder = slides(tmp_path / "slides", 2)
    (folder / "broken.svs").write_bytes(b"IJrEr1vV" * 100)
    out = tmp_path / "out"
    arguments = ["predict", str(run), str(folder), "--out", str(out), "--heatmap-spacing-um", "8"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 3
    assert result.stdout.startswith("2 predicted in")
    failures = [line for line in result.stderr.splitlines() if "broken" in line]
    assert len(failures) == 1
    assert failures[0].startswith("failed: broken:")
    for case in ("s000", "s001"):
        assert (out / "cases" / case / "slide.json").is_file()
        assert SlidePrediction.read(out, case).map_spacing_um == (8, 8)


def test_wishes_that_contradict_each_other_are_one_line_and_2(tmp_path: Path) -> None:
    run, folder = untrained_run(tmp_path / "run"), slides(tmp_path / "slides", 1)
    common = ["predict", str(run), str(folder), "--out", str(tmp_path / "out")]
    for wish in (
        ["--heatmap-spacing-um", "8", "--heatmap-factor", "4"],
        ["--factor", "0"],
        ["--tissue", "otsu"],
        ["--workers", "2", "--scheduler", "tcp://nowhere:1"],
    ):
        result = CliRunner().invoke(app, [*common, *wish])
        assert result.exit_code == 2
        assert len(result.stderr.strip().splitlines()) == 1
