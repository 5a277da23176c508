from pathlib import Path

import pytest
from typer.testing import CliRunner

from inklings.cli import app
from inklings.exports import EXPORTS
from inklings.inference.predict import predict
from inklings.testing.runs import pictures, untrained_run


@pytest.fixture
def predictions(tmp_path: Path) -> Path:
    run = untrained_run(tmp_path / "run")
    predict(run, [pictures(tmp_path / "images", 2)], tmp_path / "predictions")
    return tmp_path / "predictions"


OF_VOLUMES = ("dicom-labelmap", "dicom-seg", "mha", "nifti", "nrrd", "rtstruct")
OF_OTHERS = {
    "csv": "bags",
    "tile-maps": "bags",
    "json": "bags",
    "parquet": "bags",
    "dicom-sr": "findings",
}


@pytest.mark.parametrize("name", OF_VOLUMES)
def test_pictures_are_refused_by_formats_of_volumes_in_one_line(
    name: str, predictions: Path
) -> None:
    result = CliRunner().invoke(app, ["export", str(predictions), "--to", name])
    assert result.exit_code == 2
    assert "expected a volume (z, y, x), got a picture" in result.stderr
    assert not (predictions / "exports").exists()


OF_SOURCES = {"dicom-ann": "expected a slide of DICOM", "nnunet": "expected a cohort"}


@pytest.mark.parametrize("name", OF_SOURCES)
def test_formats_that_need_more_than_pictures_say_so(name: str, predictions: Path) -> None:
    result = CliRunner().invoke(app, ["export", str(predictions), "--to", name])
    assert result.exit_code == 2
    assert OF_SOURCES[name] in result.stderr
    assert not (predictions / "exports").exists()


@pytest.mark.parametrize("name", sorted(set(EXPORTS) - {*OF_VOLUMES, *OF_OTHERS, *OF_SOURCES}))
def test_every_format_is_written_beside_the_predictions(name: str, predictions: Path) -> None:
    result = CliRunner().invoke(app, ["export", str(predictions), "--to", name])
    assert result.exit_code == 0
    assert result.stdout.startswith(f"2 cases exported to {name} -> {predictions}")
    assert any((predictions / "exports" / name).iterdir())


@pytest.mark.parametrize("name", OF_OTHERS)
def test_pictures_are_refused_by_formats_of_others_in_one_line(
    name: str, predictions: Path
) -> None:
    result = CliRunner().invoke(app, ["export", str(predictions), "--to", name])
    assert result.exit_code == 2
    assert f"only {OF_OTHERS[name]} go to {name}" in result.stderr
    assert not (predictions / "exports").exists()


def test_an_unknown_format_names_the_nearest(predictions: Path) -> None:
    result = CliRunner().invoke(app, ["export", str(predictions), "--to", "kagle"])
    assert result.exit_code == 2
    assert "did you mean 'kaggle'?" in result.stderr
