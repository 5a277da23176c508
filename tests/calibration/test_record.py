import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from inklings.calibration.fitting import Fitted
from inklings.calibration.maps import Map
from inklings.calibration.record import FILE, Calibration, fits_together
from inklings.errors import DataError

SOFTER = Map("temperature", 0.5, 0.5)
CALIBRATION = Calibration(
    (Fitted("a", SOFTER, "why"), Fitted("b", Map(), "few")), ("p1", "p2"), "split", "weights"
)


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    CALIBRATION.write(tmp_path)
    assert Calibration.read(tmp_path, "weights") == CALIBRATION
    told = json.loads((tmp_path / FILE).read_text())
    assert told["patients"] == ["p1", "p2"]
    assert told["split_hash"] == "split"
    assert told["classes"][0]["change"] == {"method": "temperature", "a": 0.5, "b": 0.5, "c": 0.0}


def test_where_none_was_fitted_there_is_none(tmp_path: Path) -> None:
    assert Calibration.read(tmp_path, "weights") is None


def test_that_of_other_weights_is_refused(tmp_path: Path) -> None:
    CALIBRATION.write(tmp_path)
    with pytest.raises(DataError, match="calibration of these weights"):
        Calibration.read(tmp_path, "others")


@pytest.mark.parametrize("text", ["{", "{}", '{"classes": 3}'])
def test_a_damaged_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(DataError, match=FILE):
        Calibration.read(tmp_path, "weights")


def test_a_map_that_falls_is_no_calibration(tmp_path: Path) -> None:
    CALIBRATION.write(tmp_path)
    path = tmp_path / FILE
    path.write_text(path.read_text().replace('"a": 0.5', '"a": -0.5'))
    with pytest.raises(DataError, match="a map that rises"):
        Calibration.read(tmp_path, "weights")


def test_classes_are_mapped_and_what_follows_them_is_not() -> None:
    levels = np.array([[[10, 128, 250]]] * 3, np.uint8)
    out = CALIBRATION.dense(levels, (0.5, 0.5))
    assert (out[1:] == levels[1:]).all()
    p = levels[0] / 255
    assert np.abs(out[0] / 255 - 1 / (1 + ((1 - p) / p) ** 0.5)).max() < 0.005
    first, second = CALIBRATION.thresholds((0.5, 0.5))
    assert second == 0.5
    assert ((out[0] / 255 >= first) == (levels[0] >= 127.5)).all()


def test_exclusive_classes_stay_a_distribution() -> None:
    rng = np.random.default_rng(0)
    said = np.floor(rng.dirichlet((1, 1, 0.2), 500)[:, :2].T * 255).astype(np.uint8)
    raised = Map("scale and shift", 1.0, 1.0, 1.5)
    both = dataclasses.replace(
        CALIBRATION, classes=(Fitted("a", raised, ""), Fitted("b", raised, "")), exclusive=True
    )
    free = dataclasses.replace(both, exclusive=False).dense(said, (0.5, 0.5))
    assert free.sum(0, dtype=int).max() > 255
    assert both.dense(said, (0.5, 0.5)).sum(0, dtype=int).max() <= 255
    assert fits_together(both.classes, (0.51, 0.5))
    assert not fits_together(both.classes, (0.4, 0.4))


def test_logits_of_bags_and_their_thresholds_go_together() -> None:
    logits, cuts = np.array([0.4, -1.0]), (0.6, 0.2)
    after = 1 / (1 + np.exp(-CALIBRATION.logits(logits)))
    before = 1 / (1 + np.exp(-logits))
    assert after[0] == pytest.approx(1 / (1 + np.exp(-0.2)))
    assert (after >= CALIBRATION.of_scores(cuts)).tolist() == (before >= cuts).tolist()
