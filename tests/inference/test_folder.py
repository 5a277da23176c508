from pathlib import Path

import pytest

from inklings.errors import SpecError
from inklings.inference.predict import predict
from inklings.predictions.dense import DensePrediction
from inklings.testing.runs import pictures, untrained_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return untrained_run(tmp_path / "run")


def test_another_run_into_the_same_folder_is_refused(run: Path, tmp_path: Path) -> None:
    images = pictures(tmp_path / "images", 1)
    predict(run, [images], tmp_path / "out")
    other = untrained_run(tmp_path / "other", seed=1)
    with pytest.raises(SpecError, match=r"which has other weights.*choose another --out"):
        predict(other, [images], tmp_path / "out")


def test_other_settings_into_the_same_folder_are_refused(run: Path, tmp_path: Path) -> None:
    images = pictures(tmp_path / "images", 1)
    predict(run, [images], tmp_path / "out")
    with pytest.raises(SpecError, match="flips False instead of True"):
        predict(run, [images], tmp_path / "out", flips=True)


def test_another_picture_of_the_same_name_is_not_mistaken(run: Path, tmp_path: Path) -> None:
    first, second = (pictures(tmp_path / name, 1, seed=i) for i, name in enumerate("ab"))
    (second / "p000.png").rename(second / "p000.bmp")
    predict(run, [first], tmp_path / "out")
    with pytest.raises(SpecError, match=r"not of .*p000.bmp"):
        predict(run, [second], tmp_path / "out")


def test_a_damaged_prediction_is_made_again(run: Path, tmp_path: Path) -> None:
    images = pictures(tmp_path / "images", 2)
    out = tmp_path / "out"
    predict(run, [images], out)
    (out / "cases" / "p001.npz").write_bytes(b"PK half a file")
    summary = predict(run, [images], out)
    assert (summary.predicted, summary.skipped) == (1, 1)
    assert DensePrediction.read(out, "p001").dense.ndim == 3
