from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inklings.errors import DataError
from inklings.exports.png import Png, overlay
from inklings.exports.source import ExportSource
from inklings.predictions.dense import DensePrediction
from inklings.predictions.head import Head, Provenance


def read(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_masks_are_0_and_255_and_objects_16_bit(predictions: Path, tmp_path: Path) -> None:
    out = Png()(ExportSource.open(predictions), tmp_path / "out")
    truth = DensePrediction.read(predictions, "full").instances
    assert truth is not None
    mask = read(out / "masks" / "nucleus" / "full.png")
    np.testing.assert_array_equal(mask, (truth > 0) * 255)
    instances = Image.open(out / "instances" / "full.png")
    assert instances.mode == "I;16"
    np.testing.assert_array_equal(np.asarray(instances), truth)
    assert read(out / "overlays" / "full.png").shape == (12, 17, 3)


def test_contours_run_inside_objects_and_neighbours_differ() -> None:
    objects = np.zeros((20, 20), np.int32)
    objects[2:10, 2:18], objects[10:18, 2:18] = 1, 2
    drawn = overlay(np.zeros((20, 20, 3), np.uint8), objects)
    assert not drawn[objects == 0].any()
    assert not drawn[5, 10].any()
    assert drawn[9, 10].any()
    assert drawn[10, 10].any()
    assert (drawn[9, 10] != drawn[10, 10]).any()


def test_overlays_of_images_that_are_gone_are_left_out(
    predictions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "full.png").unlink()
    out = Png()(ExportSource.open(predictions), tmp_path / "out")
    assert [path.name for path in (out / "overlays").iterdir()] == ["empty.png"]
    assert "1 overlays left out" in capsys.readouterr().err


def test_more_objects_than_16_bits_hold_are_refused(tmp_path: Path) -> None:
    Head(("n",), (0.5,), Provenance("r", "", None, "0")).write(tmp_path)
    objects = np.arange(300 * 300, dtype=np.uint32).reshape(300, 300)
    DensePrediction("c", tmp_path / "c", np.zeros((1, 300, 300), np.uint8), objects).write(tmp_path)
    with pytest.raises(DataError, match="at most 65535 objects, got 89999"):
        Png()(ExportSource.open(tmp_path), tmp_path / "out")
