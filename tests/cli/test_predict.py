from pathlib import Path

from typer.testing import CliRunner

from inklings.cli import app
from inklings.testing.runs import pictures, untrained_run


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
