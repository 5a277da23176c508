import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inklings.errors import GeometryError
from inklings.exports.heatmap import Heatmap, blend, blue_white_red
from inklings.exports.npz import Npz
from inklings.exports.source import ExportSource
from inklings.predictions.dense import DensePrediction
from inklings.predictions.head import Head, Provenance


def read(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_maps_run_from_blue_over_white_to_red() -> None:
    found = blue_white_red(np.array([[0, 51, 204, 255]], np.uint8))[0].tolist()
    assert found == [[0, 0, 255], [102, 102, 255], [255, 102, 102], [255, 0, 0]]
    middle = blue_white_red(np.array([[127, 128]], np.uint8))
    assert middle.min() >= 254


def test_a_blend_is_seven_tenths_of_the_picture() -> None:
    picture = np.full((1, 1, 3), 100, np.uint8)
    assert blend(picture, np.array([[[255, 0, 0]]], np.uint8))[0, 0].tolist() == [146, 70, 70]


def test_each_case_has_picture_map_blend_and_mask(predictions: Path, tmp_path: Path) -> None:
    out = Heatmap()(ExportSource.open(predictions), tmp_path / "out")
    dense = DensePrediction.read(predictions, "full").dense[0]
    assert (read(out / "maps" / "nucleus" / "full.png") == blue_white_red(dense)).all()
    assert (read(out / "masks" / "nucleus" / "full.png") == (dense >= 128) * 255).all()
    picture = read(out / "pictures" / "full.png")
    expected = blend(picture, blue_white_red(dense))
    assert (read(out / "blends" / "nucleus" / "full.png") == expected).all()
    assert (out / "maps" / "nucleus" / "empty.png").is_file()


def test_the_spread_over_runs_is_white_where_half_of_them_disagree(
    predictions: Path, tmp_path: Path
) -> None:
    said = DensePrediction.read(predictions, "full")
    spread = np.zeros_like(said.dense)
    spread[0, :2, :2] = [[127, 128], [10, 0]]
    dataclasses.replace(said, spread=spread).write(predictions)
    out = Heatmap()(ExportSource.open(predictions), tmp_path / "out")
    drawn = read(out / "spreads" / "nucleus" / "full.png")
    assert drawn[:2, :2].tolist() == [[254, 254], [20, 0]]
    assert not (out / "spreads" / "nucleus" / "empty.png").exists()
    Npz()(ExportSource.open(predictions), tmp_path / "arrays")
    with np.load(tmp_path / "arrays" / "full.npz") as file:
        assert file["spread"][0, 0, 0] == np.float32(127) / np.float32(255)


def test_blends_of_images_that_are_gone_are_left_out(
    predictions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "full.png").unlink()
    out = Heatmap()(ExportSource.open(predictions), tmp_path / "out")
    assert [path.name for path in (out / "blends" / "nucleus").iterdir()] == ["empty.png"]
    assert len(list((out / "maps" / "nucleus").iterdir())) == 2
    assert "1 blends left out" in capsys.readouterr().err


def test_volumes_are_refused(tmp_path: Path) -> None:
    Head(("n",), (0.5,), Provenance("r", "", None, "0")).write(tmp_path)
    DensePrediction("c", tmp_path / "c", np.zeros((1, 2, 3, 4), np.uint8)).write(tmp_path)
    with pytest.raises(GeometryError, match="case c: expected a picture"):
        Heatmap()(ExportSource.open(tmp_path), tmp_path / "out")
