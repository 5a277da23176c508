import dataclasses
from pathlib import Path

import pytest
import slides
from typer.testing import CliRunner

from inklings.cli import app


def call(*arguments: object):
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cohort")
    cases = [
        dataclasses.replace(slides.write(folder, name, slides.blobs((600, 500), k)), split=split)
        for k, (name, split) in enumerate((("a", "train"), ("b", "val")))
    ]
    return slides.cohort(folder / "cohort", cases)


def test_it_says_how_many_tiles_of_how_many_slides_and_where(cohort: Path, tmp_path: Path) -> None:
    result = call("tile", cohort, "--out", tmp_path / "tiles", "--size", "128")
    assert result.exit_code == 0, result.output
    assert " tiles of 128 x 128 at level 0 from 2 slides" in result.stdout
    assert "2 slides tiled in " in result.stdout
    assert f" -> {tmp_path / 'tiles'}" in result.stdout


def test_the_pngs_it_writes_are_imported_again(cohort: Path, tmp_path: Path) -> None:
    options = ["--size", "128", "--write-tiles", tmp_path / "pngs"]
    result = call("tile", cohort, "--out", tmp_path / "tiles", *options)
    assert result.exit_code == 0, result.output
    assert "2 slides written as PNG" in result.stdout
    refused = call("import", "tiles", tmp_path / "pngs", "--out", tmp_path / "again")
    assert refused.exit_code == 2
    values = "0=background,127=benign,255=cancer"
    result = call(
        "import", "tiles", tmp_path / "pngs", "--out", tmp_path / "again", "--values", values
    )
    assert result.exit_code == 0, result.output
    assert "split as the folders say" in result.stdout


def test_a_slide_that_is_gone_ends_with_3(cohort: Path, tmp_path: Path) -> None:
    moved = cohort.parent / "b.tiff"
    moved.rename(cohort.parent / "b.gone")
    try:
        result = call("tile", cohort, "--out", tmp_path / "tiles", "--size", "128")
    finally:
        (cohort.parent / "b.gone").rename(moved)
    assert result.exit_code == 3
    assert "1 failed (failed.json)" in result.stdout
    assert call("tile", cohort, "--out", tmp_path / "tiles", "--size", "128").exit_code == 0


def test_a_blue_stain_is_taken_for_ink_which_is_said_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PINK", "VIOLET"):
        monkeypatch.setattr(slides, name, (90, 120, 200))
    case = slides.write(tmp_path, "blue", slides.blobs((600, 500), 0))
    cohort = slides.cohort(tmp_path / "cohort", [dataclasses.replace(case, split="train")])
    stained = ["--size", "128", "--method", "stained"]
    said = call("tile", cohort, "--out", tmp_path / "tiles", *stained).stdout
    assert "0 tiles of 128 x 128" in said
    assert "no tile of blue: 'stained' takes blue for ink" in said
    options = ["--size", "128", "--method", "density", "--out", tmp_path / "again"]
    found = call("tile", cohort, *options).stdout
    assert "no tile" not in found
    assert int(found.split(" tiles")[0]) >= 3


def test_an_unknown_method_is_a_mistake_in_one_line(cohort: Path, tmp_path: Path) -> None:
    result = call("tile", cohort, "--out", tmp_path / "tiles", "--method", "staind")
    assert result.exit_code == 2
    assert "did you mean 'stained'?" in result.stderr
